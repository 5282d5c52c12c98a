"""OPTIONS (RFC 9110, section 9.3.7): which methods an address knows."""

from collections import defaultdict

from litestar import Response
from litestar.handlers import HTTPRouteHandler


def with_options(*handlers: HTTPRouteHandler) -> list[HTTPRouteHandler]:
    """The handlers, and before them one that answers OPTIONS for each of their paths.

    Litestar's own answer knows only the handler that was registered first.
    """
    methods: defaultdict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for handler in handlers:
        for path in handler.paths:
            methods[path] |= {str(method) for method in handler.http_methods}
    return [*(_answer(path, allow(known)) for path, known in methods.items()), *handlers]


def allow(methods: set[str]) -> str:
    """The header `Allow`: HEAD is answered wherever GET is, by the edge."""
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _answer(path: str, allowed: str) -> HTTPRouteHandler:
    async def options() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": allowed})

    return HTTPRouteHandler(path, http_method=["OPTIONS"], status_code=204)(options)
