"""Respond to OPTIONS with the methods of each path (RFC 9110, section 9.3.7)."""

from collections import defaultdict

from litestar import Response
from litestar.handlers import HTTPRouteHandler


def with_options(*handlers: HTTPRouteHandler) -> list[HTTPRouteHandler]:
    """Return an OPTIONS handler for each path, followed by the handlers.

    Litestar's own response to OPTIONS only contains the methods of a path's first handler.
    """
    methods: defaultdict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for handler in handlers:
        for path in handler.paths:
            methods[path] |= {str(method) for method in handler.http_methods}
    return [*(_answer(path, allow(known)) for path, known in methods.items()), *handlers]


def allow(methods: set[str]) -> str:
    """Return the `Allow` header. GET implies HEAD, because `RequestMiddleware` answers that."""
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _answer(path: str, allowed: str) -> HTTPRouteHandler:
    async def options() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": allowed})

    return HTTPRouteHandler(path, http_method=["OPTIONS"], status_code=204)(options)
