"""When the HTTP server shuts down, it serves connected clients one last time."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from litestar import Litestar, get

from entrypoints.cli.server import ApiServer, listening
from libraries.http_server import limits

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
ANSWER = b"here you are"


@get("/")
async def slowly() -> bytes:
    """Respond after a while."""
    await asyncio.sleep(0.1)
    return ANSWER


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Use uvloop, like the service."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listening("127.0.0.1", 0, "HOST, PORT") as listener:
        yield listener


@asynccontextmanager
async def served(listener: socket.socket) -> AsyncIterator[ApiServer]:
    """Start a server. It has to be shut down within the block."""
    server = ApiServer(Litestar([slowly], openapi_config=None), 3600)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup([listener])
    yield server
    assert not server.server_state.connections


@asynccontextmanager
async def connected(
    listener: socket.socket,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - uvicorn's state has no event
        await asyncio.sleep(0.01)


async def the_answer(reader: asyncio.StreamReader) -> tuple[bool, bool]:
    """Return whether the response is complete, and whether it closes the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(len(ANSWER)) == ANSWER, b"connection: close\r\n" in head


async def test_request_in_progress_is_answered_as_the_last(
    listener: socket.socket,
) -> None:
    async with served(listener) as server, connected(listener) as (reader, writer):
        writer.write(REQUEST)
        await until(lambda: server.server_state.tasks)
        _, answer = await asyncio.gather(server.shutdown([listener]), the_answer(reader))
        assert answer == (True, True)


async def test_request_on_an_idle_connection_is_answered_and_is_the_last(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SHUTDOWN_IDLE_SECONDS", 3600.0)
    async with served(listener) as server, connected(listener) as (reader, writer):
        writer.write(REQUEST)
        assert await the_answer(reader) == (True, False)
        ending = asyncio.create_task(server.shutdown([listener]))
        await until(lambda: listener.fileno() < 0)
        writer.write(REQUEST)
        assert await the_answer(reader) == (True, True)
        assert await reader.read() == b""
        await ending


async def test_idle_connection_is_closed_after_a_while(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SHUTDOWN_IDLE_SECONDS", 0.0)
    async with served(listener) as server, connected(listener) as (reader, _):
        await until(lambda: server.server_state.connections)
        await server.shutdown([listener])
        assert await reader.read() == b""


async def test_waiting_connections_are_served_before_the_port_closes(
    listener: socket.socket,
) -> None:
    async with served(listener) as server:
        # The event loop does not run until the shutdown, so only the kernel has seen these.
        waiting = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        for each in waiting:
            each.sendall(REQUEST)
        where = listener.getsockname()
        await server.shutdown([listener])
        for each in waiting:
            with each, each.makefile("rb") as answer:
                assert answer.read().endswith(ANSWER)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)
