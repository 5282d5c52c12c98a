"""Links to the service's own paths: no other module writes one.

A client resolves a link against the URL that it asked for (RFC 3986, section 5). A link that begins
with two slashes, or a slash and a backslash, leads to another host, which then gets the client's
token.
"""

from typing import Any, Final
from urllib.parse import quote

#: The key in an ASGI scope of the prefix that clients write before the service's paths.
PATH_PREFIX: Final = "orders.path_prefix"

#: Characters that stand in a path as they are (RFC 3986, section 3.3). A percent sign begins an
#: escape that the client has written.
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~"


def link(scope: Any, path: str | bytes, query: str = "") -> str:
    """Return a reference to a path of this service, whatever the path looks like."""
    relative = quote(path, safe=_PATH_CHARACTERS).lstrip("/")
    reference = f"{prefix_of(scope)}/{relative}"
    return f"{reference}?{query}" if query else reference


def prefix_of(scope: Any) -> str:
    """Return the path prefix that links begin with: `/shop`, or nothing."""
    prefix: str = scope.get(PATH_PREFIX, "")
    return prefix


def asked_for(scope: Any) -> str:
    """Return a reference to the path as the client wrote it: the router changes its own copy."""
    return link(scope, scope.get("raw_path") or scope["path"].encode())
