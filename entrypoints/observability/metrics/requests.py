"""Count requests."""

from typing import Final

from prometheus_client import Counter, Histogram

from entrypoints.observability.metrics.table import REQUEST_SECONDS, REQUESTS

#: Methods with their own series. The others share one, because clients can send any word.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_OTHER: Final = "other"
#: The route of requests that don't match one, because of an unknown path or method.
UNMATCHED: Final = "unmatched"
#: Routes that don't have a trailing slash in the OpenAPI document.
_WITHOUT_SLASH: Final = (
    *("/metrics", "/docs", "/openapi.json", "/problems/", "/favicon.ico"),
    "/.well-known/jwks.json",
)

#: With this, a request costs one dictionary lookup. prometheus_client's own lookup costs more than
#: the counting. Clients can't make it grow, because routes, methods and statuses are limited.
_series: Final[dict[tuple[str, str | None, int], tuple[Counter, Histogram]]] = {}


def count_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Count a request and its duration. `route` is the router's path template."""
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
    """Return a route like it is in the OpenAPI document, such as `/orders/{order_id}/`."""
    return route if route.startswith(_WITHOUT_SLASH) else f"{route.rstrip('/')}/"
