"""New connections don't wait long behind others if the process is busy."""

import asyncio
import errno
import socket
import time
from collections.abc import Iterator
from typing import Any, Self

import pytest

from libraries.http_server.accept_queue import AcceptQueue, ServerLoop

CONNECTIONS = 300


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Use the loop of the service."""
    return "asyncio", {"loop_factory": ServerLoop}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=2 * CONNECTIONS) as listener:
        yield listener


@pytest.fixture
def clients(listener: socket.socket) -> Iterator[list[socket.socket]]:
    clients = [socket.create_connection(listener.getsockname()) for _ in range(CONNECTIONS)]
    yield clients
    for client in clients:
        client.close()


class BusyLoop:
    """Keeps each iteration of the event loop busy for at least ten milliseconds in a block."""

    def __init__(self) -> None:
        self.iterations = 0
        self._is_running = False

    def __enter__(self) -> Self:
        self._is_running = True
        self._block()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_running = False

    def _block(self) -> None:
        if self._is_running:
            self.iterations += 1
            time.sleep(0.01)
            asyncio.get_running_loop().call_soon(self._block)


class Echo(asyncio.Protocol):
    """Sends back what it receives."""

    def __init__(self, opened: asyncio.Queue[asyncio.Transport]) -> None:
        self._opened = opened

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._opened.put_nowait(transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def test_busy_process_accepts_many_connections_per_iteration(
    listener: socket.socket, clients: list[socket.socket]
) -> None:
    opened: asyncio.Queue[asyncio.Transport] = asyncio.Queue()
    with BusyLoop() as busy:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Echo(opened), sock=listener)
        transports = [await opened.get() for _ in clients]
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number)
    received = await asyncio.to_thread(lambda: [client.recv(10) for client in clients])
    server.close()
    for transport in transports:
        transport.abort()
    await asyncio.sleep(0.01)  # the event loop can't be closed before its transports
    assert received == [b"%d" % number for number in range(CONNECTIONS)]
    # Without the queue, each connection takes an iteration.
    assert busy.iterations < CONNECTIONS / 3


class Listener:
    """Counts calls of `accept`."""

    def __init__(self, error: int = errno.EAGAIN, waiting: int = 0) -> None:
        self.calls = 0
        self.waiting = waiting
        self._error = error

    def accept(self) -> tuple[socket.socket, None]:
        self.calls += 1
        if self.calls > self.waiting:
            raise OSError(self._error, "")
        return socket.socket(), None


async def calls_after(seconds: float, listener: Any) -> int:
    """Return how often connections are accepted after an iteration that took `seconds`."""
    times = iter([100.0, 100.0 + seconds])
    loop = asyncio.get_running_loop()
    queue = AcceptQueue(loop, listener, asyncio.Protocol, lambda: next(times))
    queue.new_protocol()
    queue.new_protocol()  # only the first in an iteration counts
    for _ in range(5):
        await asyncio.sleep(0)
    calls: int = listener.calls
    return calls


@pytest.mark.parametrize(
    ("seconds", "calls"), [(0.0009, 0), (0.0011, 1), (0.0505, 50), (60.0, 200)]
)
async def test_a_millisecond_is_worth_a_connection(seconds: float, calls: int) -> None:
    assert await calls_after(seconds, Listener(waiting=1000)) == calls


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EMFILE, errno.EBADF])
async def test_an_error_ends_accepting_until_the_next_connection(error: int) -> None:
    assert await calls_after(0.0505, Listener(error, waiting=3)) == 4
