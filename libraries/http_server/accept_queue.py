"""Accept waiting connections quickly, even if the process is busy."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, Final

import uvloop

#: Connections accepted per second, at least.
_RATE: Final = 1000
#: Connections accepted at once, at most. Each takes about 0.05 ms.
_MOST: Final = 200


class AcceptQueue:
    """Accepts more connections from a listening socket if the event loop is slow.

    libuv accepts one connection per iteration of the event loop, so that several processes with the
    same socket get an equal share (https://github.com/libuv/libuv/pull/3696). An iteration of an
    overloaded process takes 50 ms, and a new connection would wait a minute behind 1,200 others.
    So this accepts another connection for each millisecond of an iteration. While iterations are
    short, it does nothing.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        new_protocol: Callable[[], Any],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._new_protocol = new_protocol
        self._clock = clock
        self._is_measuring = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def new_protocol(self) -> Any:
        """Return a protocol for a connection that the event loop has accepted."""
        if not self._is_measuring:
            self._is_measuring = True
            # A callback may be run at the end of this iteration. The second one is run after a
            # whole iteration.
            self._loop.call_soon(self._loop.call_soon, self._accept_more, self._clock())
        return self._new_protocol()

    def _accept_more(self, since: float) -> None:
        self._is_measuring = False
        for _ in range(min(int((self._clock() - since) * _RATE), _MOST)):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # no more are waiting, no file descriptor is left, or it's closed
                return
            task = self._loop.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client has already closed it
            await self._loop.connect_accepted_socket(self._new_protocol, connection)


class ServerLoop(uvloop.Loop):
    """uvloop with an `AcceptQueue` for each server that is created from a listening socket."""

    async def create_server(  # type: ignore[override]  # uvloop's has a dozen parameters
        self, protocol_factory: Any, *arguments: Any, sock: Any = None, **options: Any
    ) -> asyncio.AbstractServer:
        """Create a TCP server."""
        if sock is not None:
            sock.settimeout(0)
            protocol_factory = AcceptQueue(self, sock, protocol_factory).new_protocol
        return await super().create_server(protocol_factory, *arguments, sock=sock, **options)
