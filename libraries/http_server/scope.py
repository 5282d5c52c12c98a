"""Build a request's ASGI scope."""

import asyncio
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from libraries.http_server.head import RequestHead

_MAPPED_IPV4: Final = "::ffff:"


def scope_of_connection(config: Config, transport: asyncio.Transport) -> dict[str, Any]:
    """Return the part of the scope that is the same for all requests of a connection."""
    return {
        "type": "http",
        "asgi": {"version": config.asgi_version, "spec_version": "2.3"},
        "root_path": config.root_path,
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "server": get_local_addr(transport),
        "client": _without_mapping(get_remote_addr(transport)),
        "scheme": "https" if is_ssl(transport) else "http",
    }


def scope_of_request(
    shared: dict[str, Any], head: RequestHead, app_state: dict[str, Any]
) -> dict[str, Any]:
    """Return a request's scope without its target."""
    scope = shared.copy()
    scope["http_version"] = head.version
    scope["method"] = head.method
    scope["headers"] = head.headers
    scope["state"] = app_state.copy()
    return scope


def _without_mapping(address: tuple[str, int] | None) -> tuple[str, int] | None:
    """Return a client's IPv4 address if the socket serves both IPv4 and IPv6."""
    if address is None or not address[0].startswith(_MAPPED_IPV4):
        return address
    return address[0].removeprefix(_MAPPED_IPV4), address[1]
