"""HTML pages and their assets."""

import gzip
from collections.abc import Mapping
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from entrypoints.http.links import prefix_of
from entrypoints.http.responses.raw_response import Header, RawResponse
from entrypoints.http.responses.static_content import StaticContent

_PAGES: Final = Path(__file__).with_name("pages")
#: A release of swagger-ui-dist, vendored by `tools/vendor_swagger_ui.py`.
SWAGGER_UI: Final = _PAGES / "swagger-ui"
_FILES: Final[Mapping[str, str]] = {
    "swagger-ui/swagger-ui.css.gz": "text/css; charset=utf-8",
    "swagger-ui/swagger-ui-bundle.js.gz": "text/javascript; charset=utf-8",
    "pages.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "favicon.ico": "image/x-icon",
}
_HTML: Final = b"text/html; charset=utf-8"
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    b" connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
)
#: There are few prefixes, because they come from a setting and from trusted proxies.
_MAX_PREFIXES: Final = 16


@cache
def assets() -> Mapping[str, StaticContent]:
    """Return all assets by name."""
    return {
        Path(file).name.removesuffix(".gz"): _read(_PAGES / file, media_type)
        for file, media_type in _FILES.items()
    }


@cache
def hashed_names() -> Mapping[str, str]:
    """Return all asset names by hashed name."""
    return {hashed_name(name): name for name in assets()}


def hashed_name(name: str) -> str:
    """Return an asset's name with a digest of its content. Such URLs never expire."""
    file = Path(name)
    return f"{file.stem}.{assets()[name].digest}{file.suffix}"


def page(scope: Any, name: str, **texts: str) -> RawResponse:
    """Return a page. `texts` are escaped."""
    escaped = {key: escape(text) for key, text in texts.items()}
    return raw_page(scope, name, **escaped)


def raw_page(scope: Any, name: str, **markup: str) -> RawResponse:
    """Return a page. `markup` is not escaped."""
    body = _template(name, prefix_of(scope)).substitute(markup)
    return RawResponse(body.encode(), headers=_PAGE_HEADERS, media_type=_HTML)


@lru_cache(maxsize=8 * _MAX_PREFIXES)
def _template(name: str, prefix: str) -> Template:
    """Read a page, add the prefix to its links, and replace asset names with hashed names."""
    text = (_PAGES / name).read_text(encoding="utf-8")
    for asset in assets():
        text = text.replace(f'"/docs/{asset}"', f'"/docs/{hashed_name(asset)}"')
    for attribute in ("href", "src", "data-document"):
        text = text.replace(f'{attribute}="/', f'{attribute}="{prefix}/')
    return Template(text)


def _read(file: Path, media_type: str) -> StaticContent:
    content = file.read_bytes()
    if file.suffix == ".gz":
        return StaticContent.of(media_type, gzip.decompress(content), content)
    return StaticContent.of(media_type, content)
