"""The service's first address, for browsers and for programs."""

from typing import Final

import msgspec
from litestar import Router, get

from entrypoints.http.about import NAME, VERSION
from entrypoints.http.guards import open_to_all
from entrypoints.http.messages.content_negotiation import preferred_type
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.proxies.links import link
from entrypoints.http.responses.assets import assets
from entrypoints.http.responses.options import with_options
from entrypoints.http.responses.raw_response import JSON, Answer
from entrypoints.http.routes.docs import HTML

#: The addresses that a program may begin with, by what they are for.
PATHS: Final = {
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "problems": "/problems/",
    "register": "/register/",
    "token": "/token/",
    "account": "/me/",
    "orders": "/orders/",
    "health": "/health/",
    "readiness": "/health/ready/",
    "metrics": "/metrics",
}
_VARY: Final = (b"vary", b"Accept")
_A_DAY: Final = (b"cache-control", b"public, max-age=86400")
#: The first is for clients without a preference: programs.
_OFFERED: Final = (JSON.decode(), HTML)


class Index(msgspec.Struct):
    """The service, and links to what it offers."""

    name: str
    version: str
    links: dict[str, str]


@get("/", before_request=open_to_all())
async def read_index(request: ApiRequest) -> Answer:
    """Find your way around: links for a program, the documentation for a browser."""
    if preferred_type(request.list_header(b"accept"), _OFFERED) == HTML:
        location = (b"location", link(request.scope, PATHS["documentation"]).encode())
        return Answer.without_body(302, [location, (b"content-length", b"0"), _VARY])
    links = {name: link(request.scope, path) for name, path in PATHS.items()}
    body = msgspec.json.encode(Index(NAME, VERSION, links))
    return Answer(body, headers=[(b"cache-control", b"no-cache"), _VARY])


@get("/favicon.ico", before_request=open_to_all())
async def read_icon(request: ApiRequest) -> Answer:
    """Read the service's icon."""
    return assets()["favicon.ico"].answer(request, _A_DAY)


routes = Router("/", route_handlers=with_options(read_index, read_icon), tags=["Documents"])
