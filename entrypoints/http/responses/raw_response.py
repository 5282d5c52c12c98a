"""Responses that are already bytes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # commands and roles without HTTP import this module, too
    from litestar.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

JSON: Final = b"application/json"


class RawResponse:
    """A response whose body is already bytes, which Litestar sends as it is.

    Litestar converts its own `Response` to another kind of response first, adding cookies and
    defaults. That doubles the cost of a cached read.
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
        """Return a response without a body and its headers.

        The statuses 204 and 304 forbid a body (RFC 9110, section 15). With any other status,
        `headers` need a `content-length` of 0.
        """
        response = cls(b"", status)
        response._headers = [*headers]
        return response

    def with_headers(self, *headers: Header) -> "RawResponse":
        """Add headers to the response and return it."""
        self._headers += headers
        return self

    async def __call__(self, _: "Scope", __: "Receive", send: "Send") -> None:
        """Send the response."""
        await send(
            {"type": "http.response.start", "status": self._status, "headers": self._headers}
        )
        await send({"type": "http.response.body", "body": self._body, "more_body": False})
