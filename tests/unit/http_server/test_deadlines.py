"""Slow clients, silent clients, and too many clients, over real sockets.

Each test makes one time limit short, and all others are an hour.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import pytest
import uvicorn
from uvicorn.server import ServerState

from libraries.http_server import limits
from libraries.http_server.connection import HttpConnection
from tests.unit.http_server.harness import Receive, Send, echo, responses

GET: Final = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
HALF_HEAD: Final = GET[:-4]
HEAD_OF_BODY: Final = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n"
SHORT: Final = 0.05
LONG: Final = 3600.0
_SECONDS: Final = [name for name in vars(limits) if name.endswith("_SECONDS")]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Use uvloop, like the service."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
def _one_short_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _SECONDS:
        monkeypatch.setattr(limits, name, LONG)
    monkeypatch.setattr(limits, "TICK_SECONDS", 0.01)


@asynccontextmanager
async def served(app: Any = echo, keep_alive: float = LONG) -> AsyncIterator[tuple[str, int]]:
    config = uvicorn.Config(app, log_config=None, lifespan="off", proxy_headers=False)
    config.timeout_keep_alive = keep_alive  # type: ignore[assignment]  # also takes fractions
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpConnection(config, state, {}), "127.0.0.1", 0)
    try:
        async with asyncio.timeout(60):
            yield server.sockets[0].getsockname()
    finally:
        server.close()
        for connection in list(state.connections):
            connection.evict()  # type: ignore[union-attr]  # all of them are ours
        while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn's state has no event
            await asyncio.sleep(0)


@asynccontextmanager
async def connected(
    address: tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()


async def statuses_of(address: tuple[str, int], *parts: bytes) -> list[int]:
    """Send the parts, and return the statuses of all responses until the connection ends."""
    async with connected(address) as (reader, writer):
        for part in parts:
            writer.write(part)
        return [status for status, _ in responses(await reader.read())]


async def flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 100_000)
        await writer.drain()


async def test_a_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", SHORT)
    async with served() as address:
        assert await statuses_of(address) == []


@pytest.mark.parametrize("before", [b"", GET])
async def test_a_late_head_is_refused(monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", SHORT)
    async with served() as address, connected(address) as (reader, writer):
        if before:
            writer.write(before)
            await reader.readuntil(b"GET / ")
        writer.write(HALF_HEAD)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


async def test_a_late_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", SHORT)
    async with served() as address:
        assert await statuses_of(address, HEAD_OF_BODY) == [408]
        assert await statuses_of(address, HEAD_OF_BODY + b"1234") == [408]


@pytest.mark.parametrize(
    ("bound", "begun"),
    [
        ("HEAD", b"GET / HTTP/1.1\r\nHost: here\r\nA: "),
        ("BODY", b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\n"),
    ],
)
async def test_single_bytes_do_not_extend_a_deadline(
    monkeypatch: pytest.MonkeyPatch, bound: str, begun: bytes
) -> None:
    monkeypatch.setattr(limits, f"{bound}_SECONDS", 0.3)
    async with served() as address, connected(address) as (reader, writer):
        writer.write(begun)
        answer = asyncio.create_task(reader.readuntil(b"\r\n"))
        for _ in range(3000):
            if answer.done():
                break
            writer.write(b"x")
            await asyncio.sleep(0.01)
        else:
            pytest.fail("each byte extended the deadline")
        assert answer.result().startswith(b"HTTP/1.1 408 ")


async def test_an_idle_connection_is_kept_for_the_configured_time() -> None:
    async with served(keep_alive=SHORT) as address:
        assert await statuses_of(address, GET) == [200]
    async with served() as address, connected(address) as (reader, writer):
        for _ in range(3):
            writer.write(GET)
            await reader.readuntil(b"GET / ")
            await asyncio.sleep(0.1)


async def test_a_request_during_a_stall_is_answered() -> None:
    async with served(keep_alive=1.0) as address, connected(address) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"GET / ")
        sender, receiver = socket.socketpair()

        def stall() -> None:
            # This runs while the loop polls. Timers come next, and only then are sockets read.
            receiver.recv(1)
            writer.write(GET)
            time.sleep(1.3)

        asyncio.get_running_loop().add_reader(receiver, stall)
        sender.send(b"x")
        assert await reader.readuntil(b"GET / ")
        asyncio.get_running_loop().remove_reader(receiver)
        sender.close()
        receiver.close()


async def test_the_longest_idle_connections_are_evicted_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "_MAX_CONNECTIONS", 50)
    async with served() as address, connected(address) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"GET / ")
        silent = [await asyncio.open_connection(*address) for _ in range(200)]
        assert await statuses_of(address, GET[:-2] + b"Connection: close\r\n\r\n") == [200]
        with suppress(ConnectionError):
            assert await silent[0][0].read() == b""
        # This connection has already made a request, so it is evicted after those without one.
        writer.write(GET)
        assert await reader.readuntil(b"GET / ")
        for _, each in silent:
            each.close()
    warnings = [line for line in caplog.messages if "idle ones are closed" in line]
    assert warnings == ["50 connections are open, so idle ones are closed"]


async def test_a_connection_with_a_running_request_is_not_evicted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_MAX_CONNECTIONS", 3)
    begun, go = asyncio.Event(), asyncio.Event()

    async def waiting(scope: Any, receive: Receive, send: Send) -> None:
        begun.set()
        await go.wait()
        await echo(scope, receive, send)

    async with served(waiting) as address, connected(address) as (reader, writer):
        writer.write(GET)
        await begun.wait()
        silent = [await asyncio.open_connection(*address) for _ in range(20)]
        go.set()
        assert await reader.readuntil(b"GET / ")
        for _, each in silent:
            each.close()


# --- Closing a connection


async def test_an_early_response_reaches_a_client_that_still_sends() -> None:
    head = b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 50000000\r\n\r\n"

    def send_all_and_then_read(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address, timeout=60) as client:
            client.sendall(head)
            for _ in range(50):
                client.sendall(b"x" * 1_000_000)
            return client.makefile("rb").read()

    async with served() as address:
        raw = await asyncio.to_thread(send_all_and_then_read, address)
    assert b"connection: close" in raw
    assert [status for status, _ in responses(raw)] == [200]


async def test_a_client_that_sends_after_the_end_is_aborted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LINGER_SECONDS", SHORT)
    async with served() as address, connected(address) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert await reader.read()
        with pytest.raises(ConnectionError):
            await flood(writer)


async def test_a_response_without_100_continue_closes() -> None:
    head = b"PUT / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    async with served() as address:
        assert await statuses_of(address, head) == [200]


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_half_closed_connection_gets_its_responses(version: bytes) -> None:
    async def slow(scope: Any, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)
        await echo(scope, receive, send)

    async with served(slow) as address, connected(address) as (reader, writer):
        count = 1 if version == b"1.0" else 3
        writer.write(GET.replace(b"1.1", version) * count)
        writer.write_eof()
        assert [status for status, _ in responses(await reader.read())] == [200] * count


async def test_a_client_that_reads_nothing_is_aborted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "WRITE_SECONDS", SHORT)
    ended = asyncio.Event()

    async def endless(scope: Any, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
        ended.set()

    async with served(endless) as address:
        with socket.create_connection(address) as client:
            client.sendall(GET)
            await asyncio.wait_for(ended.wait(), 60)


async def test_a_slow_reader_gets_its_whole_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINGER_IDLE_SECONDS", SHORT)
    monkeypatch.setattr(limits, "WRITE_SECONDS", 10.0)
    size = 8_000_000

    async def large(scope: Any, _: Receive, send: Send) -> None:
        del scope
        headers = [(b"content-length", b"%d" % size), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * size})

    def read_late(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address, timeout=60) as client:
            client.sendall(GET)
            time.sleep(0.5)
            return client.makefile("rb").read()

    async with served(large) as address:
        raw = await asyncio.to_thread(read_late, address)
    assert len(raw.partition(b"\r\n\r\n")[2]) == size
