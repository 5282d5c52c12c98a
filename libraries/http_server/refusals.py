"""Refusals of requests by the server itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

#: An ASGI application (version 3).
App = Callable[[Any, "Receive", "Send"], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status code and the reason of a refusal."""

    status: int
    detail: str


class RequestRefused(Exception):
    """The bytes on a connection are not a request that this server accepts."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(status, detail)


def plain_text(refusal: Refusal) -> App:
    """Return an application that responds with the detail as plain text."""
    text = f"{HTTPStatus(refusal.status).phrase}: {refusal.detail}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]

    async def answer(_: Any, __: Receive, send: Send) -> None:
        status = refusal.status
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return answer
