"""The documents that describe the API, and the pages that show them without any other host."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Final

from litestar import Response, Router, get
from litestar.params import FromPath
from openapi_ui_bundles import swagger_ui

from entrypoints.http.access import open_to_all
from entrypoints.http.errors import NoSuchRoute
from entrypoints.http.options import with_options
from entrypoints.http.problem_catalogue import ENTRY_OF

_PAGES: Final = Path(__file__).with_name("pages")
_SWAGGER: Final = Path(swagger_ui.static_path)

_PAGE_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
#: The pages name an asset with a digest of its content, so that what was kept is never out of date.
_KEPT: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file that the pages are made of."""

    path: Path
    media_type: str


_ASSETS: Final[Mapping[str, _Asset]] = {
    "swagger-ui.css": _Asset(_SWAGGER / "swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": _Asset(_SWAGGER / "swagger-ui-bundle.js", "text/javascript"),
    "pages.css": _Asset(_PAGES / "pages.css", "text/css"),
    "docs.js": _Asset(_PAGES / "docs.js", "text/javascript"),
    "icon.svg": _Asset(_PAGES / "icon.svg", "image/svg+xml"),
}


@get("/openapi.json", before_request=open_to_all())
async def read_document() -> Response[bytes]:
    """Read the OpenAPI document of this API."""
    # The document describes this route as well, so neither module can be there before the other.
    from entrypoints.http.openapi import document_text  # noqa: PLC0415 - see above

    headers = {"Cache-Control": "no-cache"}
    return Response(document_text().encode(), headers=headers, media_type="application/json")


@get("/docs")
async def read_page() -> Response[bytes]:
    """Try the API in the browser, with Swagger UI."""
    return _page("docs.html", {})


@get("/docs/{name:str}", include_in_schema=False)
async def read_asset(name: FromPath[str]) -> Response[bytes]:
    """Read a file that the pages are made of."""
    if name not in _ASSETS:
        raise NoSuchRoute
    return Response(_content(name), headers=_KEPT, media_type=_ASSETS[name].media_type)


@get("/problems/{code:str}", before_request=open_to_all())
async def read_problem(code: FromPath[str]) -> Response[bytes]:
    """Read what a problem means, and what to do about it."""
    entry = ENTRY_OF.get(code)
    if entry is None:
        raise NoSuchRoute
    status = HTTPStatus(entry.status)
    return _page(
        "problem.html",
        {
            "code": code,
            "title": entry.title,
            "status": f"{status.value} {status.phrase}",
            "meaning": entry.meaning,
            "remedy": entry.remedy,
        },
    )


def _page(name: str, texts: Mapping[str, str]) -> Response[bytes]:
    escaped = {key: escape(text) for key, text in texts.items()}
    page = _template(name).substitute(escaped).encode()
    return Response(page, headers=_PAGE_HEADERS, media_type="text/html")


@cache
def _template(name: str) -> Template:
    """A page whose assets are named for good; the texts are still to be put in."""
    page = (_PAGES / name).read_text(encoding="utf-8")
    for asset in _ASSETS:
        page = page.replace(f'"/docs/{asset}"', f'"/docs/{asset}?{_digest(asset)}"')
    return Template(page)


@cache
def _content(asset: str) -> bytes:
    return _ASSETS[asset].path.read_bytes()


def _digest(asset: str) -> str:
    return sha256(_content(asset)).hexdigest()[:12]


routes = Router(
    "/",
    route_handlers=with_options(read_document, read_page, read_asset, read_problem),
    tags=["Documents"],
)
