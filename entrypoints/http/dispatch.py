"""Calls our handlers without Litestar's work per request (ADR 42)."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, get_args, get_origin

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send
from litestar.utils import normalize_path

from entrypoints.http.messages.request import ApiRequest, given_once, has_repeated
from entrypoints.http.problems.responses import handle_exception
from entrypoints.http.responses.raw_response import RawResponse

#: Litestar checks all other hosts.
_USUAL_HOST: Final = re.compile(rb"[0-9A-Za-z.:-]+")
_REQUEST: Final = "request"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler that can be called directly, with its guard and its injected arguments.

    The arguments are provided during startup.
    """

    handler: Callable[..., Awaitable[RawResponse]]
    guard: Callable[[Any], Any] | None
    injected: Mapping[str, Any]

    async def respond(self, request: ApiRequest, path_parameters: Mapping[str, str]) -> RawResponse:
        """Return the response to a request.

        Raises:
            OrderServiceError: the request is refused.
        """
        if self.guard is not None:
            await self.guard(request)
        return await self.handler(request=request, **path_parameters, **self.injected)


def endpoint_of(
    handler: Callable[..., Any], guard: Any, hints: Mapping[str, Any], injected: Mapping[str, Any]
) -> Endpoint | None:
    """Return the endpoint of a handler, or None if it can't do without Litestar.

    An endpoint returns a `RawResponse`, and it only takes the request, strings from the path, and
    injected arguments. `hints` are the handler's type hints without the injected arguments.
    """
    parameters = {name: hint for name, hint in hints.items() if name != "return"}
    takes_request = parameters.pop(_REQUEST, None) is ApiRequest
    if not takes_request or hints.get("return") is not RawResponse:
        return None
    if not all(_is_text(hint) for hint in parameters.values()):
        return None
    return Endpoint(handler, guard, injected)


def _is_text(hint: object) -> bool:
    return get_origin(hint) is Annotated and get_args(hint)[0] is str


class Dispatch:
    """Calls the endpoint of each request. Requests without one are passed to Litestar.

    Those are requests with other handlers, and requests that Litestar refuses.
    """

    def __init__(self, app: Litestar, endpoints: Mapping[Any, Endpoint]) -> None:
        self._app = app
        self._endpoints = endpoints
        self._find_route = app.asgi_router.handle_routing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        endpoint = self._route(scope) if scope["type"] == ScopeType.HTTP else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        request = ApiRequest(scope, receive, send)
        try:
            response: Any = await endpoint.respond(request, scope["path_params"])
        except Exception as error:  # noqa: BLE001 - every error has a response
            refused = handle_exception(request, error)
            response = refused.to_asgi_response(app=None, request=request)
        await response(scope, receive, send)

    def _route(self, scope: Any) -> Endpoint | None:
        """Return the request's endpoint, and add the same entries to its scope as Litestar."""
        if scope.get("root_path") or not _is_usual(scope):
            return None
        try:
            _, route, path, parameters, template = self._find_route(
                path=normalize_path(scope["path"]), method=scope["method"]
            )
        except HTTPException:  # Litestar will raise it again and respond to it
            return None
        endpoint = self._endpoints.get(route.fn)
        if endpoint is not None:
            scope["app"] = scope["litestar_app"] = self._app
            scope["path"], scope["path_params"] = path, parameters
            scope["path_template"], scope["route_handler"] = template, route
        return endpoint


def _is_usual(scope: Any) -> bool:
    """Return whether the Host header is valid and not repeated, or there is none."""
    host = given_once(scope).get(b"host")
    return not has_repeated(scope) if host is None else _is_usual_host(host)


@lru_cache(256)
def _is_usual_host(host: bytes) -> bool:
    return _USUAL_HOST.fullmatch(host) is not None
