"""Links to paths of this service. Links must only be made here.

Clients resolve a link against the URL of their request (RFC 3986, section 5). If a link begins with
two slashes, or with a slash and a backslash, it leads to another host, and the client sends its
token there.
"""

import re
from typing import Any, Final
from urllib.parse import quote

#: The key in an ASGI scope for the path prefix that clients use.
PATH_PREFIX: Final = "orders.path_prefix"

#: Characters that don't have to be escaped in a path (RFC 3986, section 3.3), plus the percent sign
#: because the client has already escaped some characters.
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~"


#: A path without characters to escape. This is a fast test, so it doesn't have to know all of them.
_PLAIN: Final = re.compile(r"[A-Za-z0-9/_-]+")


def link(scope: Any, path: str | bytes, query: str = "") -> str:
    """Return a relative reference to a path of this service. This is safe for any path."""
    if not isinstance(path, str) or not _PLAIN.fullmatch(path):
        path = quote(path, safe=_PATH_CHARACTERS)
    relative = path.lstrip("/")
    reference = f"{prefix_of(scope)}/{relative}"
    return f"{reference}?{query}" if query else reference


def prefix_of(scope: Any) -> str:
    """Return the path prefix of links, such as `/shop`, or an empty string."""
    prefix: str = scope.get(PATH_PREFIX, "")
    return prefix


def requested_path(scope: Any) -> str:
    """Return a reference to the path that the client sent, because the router changes `path`."""
    return link(scope, scope.get("raw_path") or scope["path"].encode())
