"""Counting requests."""

from typing import Final

from prometheus_client import Counter, Histogram

from entrypoints.observability.metrics.table import REQUEST_SECONDS, REQUESTS

#: Methods that a series may name; a client may send any word.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
#: The route of what has none: an unknown path, or a method that the path does not know.
UNMATCHED: Final = "unmatched"
#: Routes that the API's document writes without a slash at their end.
_WITHOUT_SLASH: Final = ("/metrics", "/docs", "/openapi.json", "/problems/", "/favicon.ico")

#: Found by one look at a dictionary: prometheus_client's own way to a series costs more than the
#: counting. As many as there are routes, methods and statuses: no client can add to them.
_series: Final[dict[tuple[str, str | None, int], tuple[Counter, Histogram]]] = {}


def count_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count an answered request; `route` is its template, as the router knows it."""
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
    """A route as the API's document writes it, such as `/orders/{order_id}/`."""
    return route if route.startswith(_WITHOUT_SLASH) else f"{route.rstrip('/')}/"
