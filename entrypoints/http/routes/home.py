"""The routes for the start page and the icon."""

from typing import Any, Final

import msgspec
from litestar import get

from entrypoints.http.about import NAME, VERSION
from entrypoints.http.guards import open_to_all
from entrypoints.http.links import link
from entrypoints.http.messages.content_negotiation import preferred_type
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.messages.schemas import Index
from entrypoints.http.openapi.contract import HTML, ICON, Answer, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.responses.assets import assets
from entrypoints.http.responses.raw_response import JSON, RawResponse

#: The paths that the index links to, by purpose.
PATHS: Final = {
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "problems": "/problems/",
    "register": "/register/",
    "token": "/token/",
    "keys": "/.well-known/jwks.json",
    "account": "/me/",
    "orders": "/orders/",
    "health": "/health/",
    "readiness": "/health/ready/",
    "metrics": "/metrics",
}
_VARY: Final = (b"vary", b"Accept")
_A_DAY: Final = (b"cache-control", b"public, max-age=86400")
#: Clients without a preference (most programs) get the first one.
_OFFERED: Final = (JSON.decode(), HTML)


@get("/", before_request=open_to_all())
@operation(
    description="Redirects to the documentation if `Accept` prefers `text/html`.",
    answers=(
        Answer(
            200,
            "Links to the parts of the API.",
            Index,
            {"index": Index(NAME, VERSION, dict(PATHS))},
            ("Vary", "Cache-Control"),
        ),
        Answer(302, "A redirect to the documentation.", headers=("Location.docs", "Vary")),
    ),
)
async def read_index(request: ApiRequest) -> RawResponse:
    """Get links to the API's parts or, in a browser, a redirect to the documentation."""
    if preferred_type(request.list_header(b"accept"), _OFFERED) == HTML:
        location = (b"location", link(request.scope, PATHS["documentation"]).encode())
        return RawResponse.without_body(302, [location, (b"content-length", b"0"), _VARY])
    links = {name: link(request.scope, path) for name, path in PATHS.items()}
    body = msgspec.json.encode(Index(NAME, VERSION, links))
    return RawResponse(body, headers=[(b"cache-control", b"no-cache"), _VARY])


@get("/favicon.ico", before_request=open_to_all())
@operation(
    answers=(
        Answer(
            200,
            "The icon.",
            Any,
            headers=("ETag.document", "Vary", "Content-Encoding", "Cache-Control"),
            media_type=ICON,
        ),
        Answer(
            304,
            "Your copy is current. There is no body.",
            headers=("ETag.document", "Vary", "Cache-Control"),
        ),
    ),
)
async def read_icon(request: ApiRequest) -> RawResponse:
    """Read the service's icon."""
    return assets()["favicon.ico"].response(request, _A_DAY)


ROUTES: Final = Routes("Documents", (read_index, read_icon))
