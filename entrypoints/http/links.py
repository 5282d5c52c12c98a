"""Links to the paths of this service. No other module makes such links.

A client resolves a link against the URL of its request (RFC 3986, section 5). A link that begins
with two slashes, or with a slash and a backslash, leads to another host, which then receives the
client's token.
"""

from typing import Any, Final
from urllib.parse import quote

#: The key of the path prefix of clients in an ASGI scope.
PATH_PREFIX: Final = "orders.path_prefix"

#: Characters that a path may have unescaped (RFC 3986, section 3.3), and the percent sign of the
#: client's own escapes.
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~"


def link(scope: Any, path: str | bytes, query: str = "") -> str:
    """Return a relative reference to a path of this service. Any path is safe."""
    relative = quote(path, safe=_PATH_CHARACTERS).lstrip("/")
    reference = f"{prefix_of(scope)}/{relative}"
    return f"{reference}?{query}" if query else reference


def prefix_of(scope: Any) -> str:
    """Return the path prefix of links, such as `/shop`, or an empty string."""
    prefix: str = scope.get(PATH_PREFIX, "")
    return prefix


def requested_path(scope: Any) -> str:
    """Return a reference to the path as the client sent it: the router changes `path`."""
    return link(scope, scope.get("raw_path") or scope["path"].encode())
