"""Counts of requests."""

from typing import Final

from prometheus_client import Counter, Histogram

from entrypoints.observability.metrics.table import REQUEST_SECONDS, REQUESTS

#: Methods with a series of their own; a client may send any word.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
#: The route of requests without one: an unknown path, or a method that the path does not have.
UNMATCHED: Final = "unmatched"
#: Routes that the OpenAPI document writes without a trailing slash.
_WITHOUT_SLASH: Final = ("/metrics", "/docs", "/openapi.json", "/problems/", "/favicon.ico")

#: One dictionary look-up per request: prometheus_client's own look-up costs more than the count.
#: Bounded by the routes, methods and statuses: clients cannot add to it.
_series: Final[dict[tuple[str, str | None, int], tuple[Counter, Histogram]]] = {}


def count_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count a request with its duration; `route` is the template of the router."""
    key = (method if method in _METHODS else _OTHER, route, status)
    requests, durations = _series.get(key) or _new_series(key)
    requests.inc()
    durations.observe(seconds)


def _new_series(key: tuple[str, str | None, int]) -> tuple[Counter, Histogram]:
    method, route, status = key
    name = named(route) if route else UNMATCHED
    found = REQUESTS.labels(method, name, str(status)), REQUEST_SECONDS.labels(method, name)
    return _series.setdefault(key, found)


def named(route: str) -> str:
    """Return a route as the OpenAPI document writes it, such as `/orders/{order_id}/`."""
    return route if route.startswith(_WITHOUT_SLASH) else f"{route.rstrip('/')}/"
