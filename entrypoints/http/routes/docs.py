"""The documents that describe the API, and the pages that show them without any other host."""

from functools import lru_cache
from html import escape
from http import HTTPStatus
from typing import Final

import msgspec
from litestar import Router, get
from litestar.params import FromPath

from entrypoints.http.guards import open_to_all
from entrypoints.http.messages.content_negotiation import preferred_type
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.problems.catalogue import CATALOGUE, ENTRY_OF, Entry
from entrypoints.http.problems.errors import NoSuchRoute
from entrypoints.http.proxies.links import link, prefix_of
from entrypoints.http.responses.assets import assets, hashed_names, page, raw_page
from entrypoints.http.responses.options import with_options
from entrypoints.http.responses.raw_response import JSON, Answer
from entrypoints.http.responses.static_content import StaticContent

HTML: Final = "text/html"
_NO_CACHE: Final = (b"cache-control", b"no-cache")
#: The name of such an asset changes with its content.
_IMMUTABLE: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_VARY: Final = (b"vary", b"Accept")
#: The first is for clients without a preference: browsers and people with curl.
_OFFERED: Final = (HTML, JSON.decode())


class ProblemKind(msgspec.Struct):
    """One kind of problem; `type` is the address of its page."""

    type: str
    code: str
    status: int
    title: str
    meaning: str
    remedy: str


@get("/openapi.json", before_request=open_to_all())
async def read_document(request: ApiRequest) -> Answer:
    """Read the OpenAPI document of this API."""
    return _document(prefix_of(request.scope)).answer(request, _NO_CACHE)


@get("/docs")
async def read_page(request: ApiRequest) -> Answer:
    """Try the API in the browser, with Swagger UI."""
    return page(request.scope, "docs.html")


@get("/docs/{name:str}", include_in_schema=False)
async def read_asset(request: ApiRequest, name: FromPath[str]) -> Answer:
    """Read a file that the pages are made of."""
    if original := hashed_names().get(name):
        return assets()[original].answer(request, _IMMUTABLE)
    if name in assets():
        return assets()[name].answer(request, _NO_CACHE)
    raise NoSuchRoute


@get("/problems", before_request=open_to_all())
async def list_problems(request: ApiRequest) -> Answer:
    """List every kind of problem, with what it means and what to do about it."""
    if _wants_json(request):
        kinds = [_kind(request, entry) for entry in CATALOGUE]
        return Answer(msgspec.json.encode(kinds), headers=[_NO_CACHE, _VARY])
    rows = "\n".join(_row(request, entry) for entry in CATALOGUE)
    return raw_page(request.scope, "problems.html", rows=rows).with_headers(_VARY)


@get("/problems/{code:str}", before_request=open_to_all())
async def read_problem(request: ApiRequest, code: FromPath[str]) -> Answer:
    """Read what a problem means, and what to do about it."""
    entry = ENTRY_OF.get(code)
    if entry is None:
        raise NoSuchRoute
    if _wants_json(request):
        return Answer(msgspec.json.encode(_kind(request, entry)), headers=[_NO_CACHE, _VARY])
    status = HTTPStatus(entry.status)
    return page(
        request.scope,
        "problem.html",
        code=code,
        title=entry.title,
        status=f"{status.value} {status.phrase}",
        meaning=entry.meaning,
        remedy=entry.remedy,
    ).with_headers(_VARY)


def _row(request: ApiRequest, entry: Entry) -> str:
    code = f'<a href="{_link(request, entry)}"><code>{entry.code}</code></a>'
    return f"<tr><td>{entry.status}</td><td>{code}</td><td>{escape(entry.title)}</td></tr>"


def _wants_json(request: ApiRequest) -> bool:
    return preferred_type(request.list_header(b"accept"), _OFFERED) != HTML


def _kind(request: ApiRequest, entry: Entry) -> ProblemKind:
    return ProblemKind(
        _link(request, entry), entry.code, entry.status, entry.title, entry.meaning, entry.remedy
    )


def _link(request: ApiRequest, entry: Entry) -> str:
    return link(request.scope, f"/problems/{entry.code}")


@lru_cache(maxsize=16)
def _document(prefix: str) -> StaticContent:
    # The document describes this route as well, so neither module can be there before the other.
    from entrypoints.http.openapi.document import document_text  # noqa: PLC0415 - see above

    return StaticContent.of(JSON.decode(), document_text(prefix).encode())


routes = Router(
    "/",
    route_handlers=with_options(read_document, read_page, read_asset, list_problems, read_problem),
    tags=["Documents"],
)
