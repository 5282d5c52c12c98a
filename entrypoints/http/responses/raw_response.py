"""An answer of ready bytes."""

from collections.abc import Iterable
from typing import Final

from litestar.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

JSON: Final = b"application/json"


class RawResponse:
    """Ready bytes with their status and headers: Litestar passes it on as it is.

    Its own `Response` is for what is still to be rendered: it goes through a response of a second
    kind, cookies and defaults, which costs a cached read as much as everything else it does.
    """

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        headers: Iterable[Header] = (),
        media_type: bytes = JSON,
    ) -> None:
        self._body = body
        self._status = status
        self._headers = [
            (b"content-type", media_type),
            (b"content-length", b"%d" % len(body)),
            *headers,
        ]

    @classmethod
    def without_body(cls, status: int, headers: Iterable[Header]) -> "RawResponse":
        """Return an answer that has no body by its status: 204, or 304 (RFC 9110, section 15)."""
        answer = cls(b"", status)
        answer._headers = [*headers]
        return answer

    def with_headers(self, *headers: Header) -> "RawResponse":
        """Add headers to the answer, and return it."""
        self._headers += headers
        return self

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        """Send it."""
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        await send({"type": "http.response.body", "body": self._body, "more_body": False})
