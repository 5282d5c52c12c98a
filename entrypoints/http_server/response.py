"""The head of a response as bytes."""

import re
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from entrypoints.http_server.head import Headers

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: RFC 9110, section 5.5; CR and LF are counted instead.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_WITHOUT_BODY: Final = frozenset({204, 304})


class ResponseHead:
    """A response's head: its bytes up to the headers of the connection, and how its body is framed.

    `length` is the announced length of the body, or None if there is none to be announced.
    """

    __slots__ = ("closes", "has_body", "head", "length")

    def __init__(self, message: Any, default_headers: Headers) -> None:
        """Write the head of an `http.response.start`.

        Raises:
            RuntimeError: a header is not to be sent.
        """
        self.length: int | None = None
        self.closes = False
        status: int = message["status"]
        self.has_body = status not in _WITHOUT_BODY
        lines = [_status_line(status)]
        for name, value in (*default_headers, *message.get("headers", ())):
            known = _header_name(name)
            if known == b"connection":
                self.closes = self.closes or b"close" in value.lower()
                continue
            if known == b"transfer-encoding":
                continue
            if known == b"content-length":
                self.length = int(value)
            lines.append(b"%b: %b\r\n" % (known, value))
        self.head = b"".join(lines)
        if self.head.count(b"\n") != len(lines) or self.head.count(b"\r") != len(lines):
            raise RuntimeError("A header's value has a line break.")
        if _CONTROL.search(self.head):
            raise RuntimeError("A header's value has a control character.")


@lru_cache(1024)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase.encode()
    except ValueError:
        phrase = b""
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase)


@lru_cache(1024)
def _header_name(name: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise RuntimeError("A header's name is no token.")
    return name.lower()
