"""The prefix that a proxy adds to the service's paths, like in `/shop/orders/`."""

from collections.abc import Awaitable, Collection
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.links import PATH_PREFIX
from entrypoints.http.messages.request import joined, peer_of
from entrypoints.http.proxies.client_address import Networks, is_trusted
from entrypoints.http.proxies.forwarded import parse_address
from entrypoints.setting_parsers import path_prefix


class PathPrefixMiddleware:
    """Finds the prefix for each request's links, and removes it from the request's path.

    The prefix comes from a trusted proxy's `X-Forwarded-Prefix`, or else from `ROOT_PATH`, or else
    from the ASGI server's own `root_path`. Proxies usually remove `ROOT_PATH` themselves. It is not
    removed here if it begins with the same segment as one of the service's routes. For example,
    `/orders/` is always the route, even with `ROOT_PATH=/orders`.
    """

    def __init__(
        self, app: ASGIApp, root_path: str, trusted: Networks, first_segments: Collection[str]
    ) -> None:
        self._app = app
        self._root_path = root_path
        self._trusted = trusted
        self._is_removable = bool(root_path) and root_path.split("/")[1] not in first_segments

    # This is not `async` because that would cost every request another coroutine.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if scope["type"] == ScopeType.HTTP:
            self._apply(scope)
        return self._app(scope, receive, send)

    def _apply(self, scope: Any) -> None:
        # Changes the scope in place, because `RequestMiddleware` reads entries added by the router.
        prefix = self._root_path
        if self._is_removable:
            _remove(scope, self._root_path)
        # If an ASGI server has a prefix, it is also at the start of the path.
        if server_prefix := scope.get("root_path", "").rstrip("/"):
            _remove(scope, server_prefix)
            scope["root_path"] = ""
            prefix = prefix or _parsed(server_prefix) or ""
        if self._trusted and (forwarded := self._forwarded_prefix(scope)) is not None:
            prefix = forwarded
        if prefix:
            scope[PATH_PREFIX] = prefix

    def _forwarded_prefix(self, scope: Any) -> str | None:
        header = joined(scope, b"x-forwarded-prefix")
        if header is None or not is_trusted(parse_address(peer_of(scope)), self._trusted):
            return None
        return _parsed(*header.split(","))


def _parsed(*prefixes: str) -> str | None:
    """Join the prefixes of several proxies, outermost first. Return None if any are invalid."""
    try:
        return path_prefix("".join(each.strip().rstrip("/") for each in prefixes))
    except ValueError:
        return None


def _remove(scope: Any, prefix: str) -> None:
    """Remove the prefix from the decoded path and from the raw path, if whole segments match."""
    if f"{scope['path']}/".startswith(f"{prefix}/"):
        scope["path"] = scope["path"][len(prefix) :] or "/"
        raw, raw_prefix = scope.get("raw_path") or b"", prefix.encode()
        if (raw + b"/").startswith(raw_prefix + b"/"):
            scope["raw_path"] = raw[len(raw_prefix) :] or b"/"
