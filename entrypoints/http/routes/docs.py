"""The routes for the API's documents, and for the pages that show them.

The pages don't load anything from other hosts.
"""

from functools import lru_cache
from html import escape
from http import HTTPStatus
from typing import Final

import msgspec
from litestar import get
from litestar.params import FromPath

from entrypoints.http.errors import NoSuchRoute
from entrypoints.http.guards import open_to_all
from entrypoints.http.links import link, prefix_of
from entrypoints.http.messages.content_negotiation import preferred_type
from entrypoints.http.messages.request import ApiRequest
from entrypoints.http.messages.schemas import ProblemKind
from entrypoints.http.openapi import examples
from entrypoints.http.openapi.committed import committed_text
from entrypoints.http.openapi.contract import HTML, Answer, operation
from entrypoints.http.openapi.operation import Routes
from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.problems.lookup import ROW_BY_CODE
from entrypoints.http.problems.row import ProblemRow
from entrypoints.http.responses.assets import assets, hashed_names, page, raw_page
from entrypoints.http.responses.raw_response import JSON, RawResponse
from entrypoints.http.responses.static_content import StaticContent

_NO_CACHE: Final = (b"cache-control", b"no-cache")
#: For assets whose names change whenever their content does.
_IMMUTABLE: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_VARY: Final = (b"vary", b"Accept")
#: Clients without a preference (browsers, curl) get the first one.
_OFFERED: Final = (HTML, JSON.decode())

#: The headers of a cacheable document, of its 304 response, and of a page.
_DOCUMENT = ("ETag.document", "Vary", "Content-Encoding", "Cache-Control")
_NOT_MODIFIED = ("ETag.document", "Vary", "Cache-Control")
_PAGE = ("Referrer-Policy", "Cache-Control")


@get("/openapi.json", before_request=open_to_all())
@operation(
    answers=(
        Answer(200, "This document.", dict, headers=_DOCUMENT),
        Answer(304, "Your copy is current. There is no body.", headers=_NOT_MODIFIED),
    ),
)
async def read_document(request: ApiRequest) -> RawResponse:
    """Read the OpenAPI document of this API."""
    return _document(prefix_of(request.scope)).response(request, _NO_CACHE)


@get("/docs")
@operation(answers=(Answer(200, "The page.", str, headers=_PAGE, media_type=HTML),))
async def read_page(request: ApiRequest) -> RawResponse:
    """Try the API in the browser, with Swagger UI."""
    return page(request.scope, "docs.html")


@get("/docs/{name:str}", include_in_schema=False)
async def read_asset(request: ApiRequest, name: FromPath[str]) -> RawResponse:
    """Read a file that the pages load."""
    if original := hashed_names().get(name):
        return assets()[original].response(request, _IMMUTABLE)
    if name in assets():
        return assets()[name].response(request, _NO_CACHE)
    raise NoSuchRoute


@get("/problems", before_request=open_to_all())
@operation(
    description="Returns a page, or JSON if `Accept` prefers it.",
    answers=(
        Answer(200, "All problem types.", str, headers=(*_PAGE, "Vary"), media_type=HTML),
        Answer(200, "The same as JSON.", list[ProblemKind], {"some": [examples.PROBLEM_KIND]}),
    ),
)
async def list_problems(request: ApiRequest) -> RawResponse:
    """List all problem types with their meanings and remedies."""
    if _wants_json(request):
        kinds = [_kind(request, row) for row in CATALOGUE]
        return RawResponse(msgspec.json.encode(kinds), headers=[_NO_CACHE, _VARY])
    rows = "\n".join(_row(request, row) for row in CATALOGUE)
    return raw_page(request.scope, "problems.html", rows=rows).with_headers(_VARY)


@get("/problems/{code:str}", before_request=open_to_all())
@operation(
    description=(
        "The `type` of a problem links here. Returns a page, or JSON if `Accept` prefers it."
    ),
    parameters=("ProblemCode",),
    answers=(
        Answer(200, "The page.", str, headers=(*_PAGE, "Vary"), media_type=HTML),
        Answer(200, "The same as JSON.", ProblemKind, {"one": examples.PROBLEM_KIND}),
    ),
    errors=(NoSuchRoute(),),
)
async def read_problem(request: ApiRequest, code: FromPath[str]) -> RawResponse:
    """Read the meaning and the remedy of a problem type."""
    row = ROW_BY_CODE.get(code)
    if row is None:
        raise NoSuchRoute
    if _wants_json(request):
        return RawResponse(msgspec.json.encode(_kind(request, row)), headers=[_NO_CACHE, _VARY])
    status = HTTPStatus(row.status)
    return page(
        request.scope,
        "problem.html",
        code=code,
        title=row.title,
        status=f"{status.value} {status.phrase}",
        meaning=row.meaning,
        remedy=row.remedy,
    ).with_headers(_VARY)


def _row(request: ApiRequest, row: ProblemRow) -> str:
    code = f'<a href="{_link(request, row)}"><code>{row.code}</code></a>'
    return f"<tr><td>{row.status}</td><td>{code}</td><td>{escape(row.title)}</td></tr>"


def _wants_json(request: ApiRequest) -> bool:
    return preferred_type(request.list_header(b"accept"), _OFFERED) != HTML


def _kind(request: ApiRequest, row: ProblemRow) -> ProblemKind:
    return ProblemKind(
        _link(request, row), row.code, row.status, row.title, row.meaning, row.remedy
    )


def _link(request: ApiRequest, row: ProblemRow) -> str:
    return link(request.scope, f"/problems/{row.code}")


@lru_cache(maxsize=16)
def _document(prefix: str) -> StaticContent:
    return StaticContent.of(JSON.decode(), committed_text(prefix).encode())


ROUTES: Final = Routes(
    "Documents", (read_document, read_page, read_asset, list_problems, read_problem)
)
