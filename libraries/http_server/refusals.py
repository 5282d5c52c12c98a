"""Error responses sent by the server itself, instead of the application."""

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
    """A refusal's status code and reason."""

    status: int
    detail: str


class RequestRefused(Exception):
    """The server does not accept a connection's bytes as a request."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(status, detail)


def plain_text(refusal: Refusal) -> App:
    """Return an application that responds with the refusal's detail as plain text."""
    text = f"{HTTPStatus(refusal.status).phrase}: {refusal.detail}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]

    async def answer(_: Any, __: Receive, send: Send) -> None:
        status = refusal.status
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return answer
