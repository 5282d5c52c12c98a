"""A connection without a network, and an application that echoes its request."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn
from uvicorn.server import ServerState

from libraries.http_server.connection import HttpConnection

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_RESPONSE: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n", re.DOTALL)


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    """Respond with the method, path and body. Only a POST's body is read."""
    body = b""
    status = 200
    while scope["method"] == "POST":
        part = await receive()
        if part["type"] != "http.request":
            status = part["refusal"].status if part["refusal"] else 499
            break
        body += part["body"]
        if not part["more_body"]:
            break
    text = b"%s %s %s" % (scope["method"].encode(), scope["path"].encode(), body)
    headers = [(b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


class Transport(asyncio.Transport):
    """A transport that collects all written bytes."""

    def __init__(self, *, takes_all: bool = True) -> None:
        super().__init__()
        self.written = b""
        self.is_open = True
        self.is_paused = False
        self.was_aborted = False
        self._takes_all = takes_all

    def write(self, data: Any) -> None:
        assert self.is_open
        self.written += data

    def write_eof(self) -> None:
        self.is_open = False

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.is_open = False

    def abort(self) -> None:
        self.is_open = False
        self.was_aborted = True

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        assert self.is_paused
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        return 0 if self._takes_all else len(self.written)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        del name
        return default


def connect(
    app: Any = echo, transport: Transport | None = None
) -> tuple[HttpConnection, Transport]:
    """Return a new connection and its transport."""
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", proxy_headers=False, timeout_keep_alive=3600
    )
    connection = HttpConnection(config, ServerState(), {}, asyncio.get_running_loop())
    transport = transport or Transport()
    connection.connection_made(transport)
    return connection, transport


async def settle() -> None:
    """Run all tasks until they are waiting."""
    for _ in range(12):
        await asyncio.sleep(0)


async def exchange(*parts: bytes, app: Any = echo, ends: bool = False) -> Transport:
    """Send the parts in order, and then close the sending side if `ends` is true."""
    connection, transport = connect(app)
    for part in parts:
        assert not transport.is_paused, "reading is paused for ever"
        connection.data_received(part)
        await settle()
    if ends and not connection.eof_received():
        transport.close()
    await settle()
    return transport


def responses(raw: bytes) -> list[tuple[int, bytes]]:
    """Return each response's status and body. Fail if there are other bytes between them."""
    found = []
    while raw:
        match = _RESPONSE.match(raw)
        assert match, raw
        length = re.search(rb"content-length: (\d+)", match[2])
        size = int(length[1]) if length else 0
        if match[1] != b"100":
            found.append((int(match[1]), raw[match.end() : match.end() + size]))
        raw = raw[match.end() + size :]
    return found


def statuses(transport: Transport) -> list[int]:
    """Return the responses' statuses."""
    return [status for status, _ in responses(transport.written)]
