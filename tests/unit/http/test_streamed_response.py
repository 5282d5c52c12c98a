"""A streamed response ends with its last chunk, or breaks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from entrypoints.http.responses.streamed_response import StreamedResponse
from tests.unit.http_server.harness import connect, exchange, settle

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


async def parts(*items: bytes, failure: Exception | None = None) -> AsyncIterator[bytes]:
    for item in items:
        yield item
    if failure is not None:
        raise failure


def streaming(of: AsyncIterator[bytes]) -> Any:
    response = StreamedResponse(of, b"application/x-ndjson", [(b"cache-control", b"no-store")])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["more_body"] is False
        await response(scope, receive, send)

    return app


async def test_a_complete_response_has_a_last_chunk() -> None:
    transport = await exchange(GET, app=streaming(parts(b"one\n", b"two\n")))
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert b"content-type: application/x-ndjson" in head
    assert b"cache-control: no-store" in head
    assert body == b"4\r\none\n\r\n4\r\ntwo\n\r\n" + LAST_CHUNK
    assert transport.is_open


async def test_a_failure_ends_the_response_without_a_last_chunk() -> None:
    failing = streaming(parts(b"one\n", failure=RuntimeError("the storage is gone")))
    transport = await exchange(GET, app=failing)
    assert transport.written.endswith(b"4\r\none\n\r\n")
    assert not transport.is_open


async def test_no_more_parts_are_made_after_a_disconnect() -> None:
    made: list[int] = []
    may_continue = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            made.append(1)
            yield b"x"
            await may_continue.wait()

    connection, _ = connect(streaming(endless()))
    connection.data_received(GET)
    await settle()
    connection.connection_lost(None)
    await settle()
    may_continue.set()
    await settle()
    assert len(made) <= 2
