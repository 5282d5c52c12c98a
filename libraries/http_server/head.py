"""Check a request's head and convert its target to ASGI."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from httptools import HttpParserInvalidURLError, parse_url

from libraries.http_server.refusals import RequestRefused

Headers = Sequence[tuple[bytes, bytes]]

_WATCHED: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})
#: RFC 9112, section 3.2, and RFC 3986, section 3.2.2.
_HOST: Final = re.compile(
    rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*(?::[0-9]*)?"
    rb"|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?"
)


@dataclass(slots=True)
class RequestHead:
    """A request line and its headers.

    `length` is the body length in bytes according to the head, or None if the body is chunked.
    """

    method: str
    target: bytes = field(repr=False)
    version: str
    headers: list[tuple[bytes, bytes]] = field(repr=False)  # may have credentials
    keep_alive: bool
    length: int | None = 0
    expects_continue: bool = False


def check_head(head: RequestHead) -> None:
    """Determine how the body is framed, and check the rules that llhttp doesn't check.

    Raises:
        RequestRefused: the head breaks a rule (400, 501 or 505).
    """
    if head.version not in {"1.1", "1.0"}:
        raise RequestRefused(505, "This server supports HTTP/1.1 and HTTP/1.0.")
    if head.method == "CONNECT":
        raise RequestRefused(501, "This server is not a proxy, so it does not implement CONNECT.")
    watched = [header for header in head.headers if header[0] in _WATCHED]
    _check_host([value for name, value in watched if name == b"host"], head.version)
    for name, value in watched:
        if name == b"content-length":
            head.length = int(value)
        elif name == b"transfer-encoding":
            head.length = None
        elif name == b"expect":
            head.expects_continue = value.lower() == b"100-continue" and head.version == "1.1"
    if head.length is None:
        codings = b",".join(value for name, value in watched if name == b"transfer-encoding")
        _check_codings([each.strip(b" \t").lower() for each in codings.split(b",")], head.version)


def _check_host(hosts: list[bytes], version: str) -> None:
    """Check that there is exactly one Host, or at most one in HTTP/1.0 (RFC 9112, section 3.2)."""
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        found = "several" if hosts else "none"
        raise RequestRefused(400, f"A request needs exactly one Host header; this one has {found}.")
    if hosts and not _is_host(hosts[0]):
        raise RequestRefused(400, "The Host header is not a valid host.")


@lru_cache(1024)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def _check_codings(codings: list[bytes], version: str) -> None:
    """Check that chunked is the only transfer coding (RFC 9112, section 6.1)."""
    if any(coding != b"chunked" for coding in codings):
        raise RequestRefused(501, "The only transfer coding that this server supports is chunked.")
    if len(codings) != 1 or version == "1.0":
        raise RequestRefused(400, "Transfer-Encoding must be chunked, once, and only in HTTP/1.1.")


def locate(scope: dict[str, Any], target: bytes) -> None:
    """Add a request target's path and query to an ASGI scope.

    Raises:
        RequestRefused: the target is not a URL (400).
    """
    try:
        url = parse_url(target)
        raw_path = url.path or b"/"
        path = raw_path.decode("ascii")
    except (HttpParserInvalidURLError, UnicodeDecodeError):
        raise RequestRefused(400, "The request target is not well-formed.") from None
    root_path: str = scope["root_path"]
    scope["path"] = root_path + (unquote(path) if "%" in path else path)
    scope["raw_path"] = root_path.encode("ascii") + raw_path
    scope["query_string"] = url.query or b""
