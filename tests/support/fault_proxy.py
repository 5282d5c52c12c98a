"""A TCP proxy on loopback that injects network faults.

It runs between the service and a server, and can simulate resets (RST, not FIN), half-open
connections, a path that drops everything, latency, little bandwidth, and refused connections.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 64 * 1024
#: Makes closing a socket send RST and drop unsent data (SO_LINGER with zero seconds).
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)

T = TypeVar("T")


class Way(Enum):
    """One direction of traffic."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


BOTH: Final = frozenset(Way)


@dataclass(eq=False)
class _Pair:
    """One client connection and its connection to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    silent: set[Way] = field(default_factory=set)

    def reset(self) -> None:
        for writer in (self.client, self.server):
            raw: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


class FaultProxy:
    """Forward TCP connections to `host:port`, with faults on demand.

    Use it as a context manager. Its event loop runs in a separate thread, which means that sync and
    async tests can use it. Methods return once they have taken effect.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._silent: frozenset[Way] = frozenset()
        self._delay_seconds = 0.0
        self._bytes_per_second: int | None = None
        self._refuses = False
        self.port = 0
        #: How many connections clients have opened.
        self.accepted = 0

    @classmethod
    def to(cls, url: str) -> Self:
        """Create a proxy for the server at this URL or Kafka `host:port`."""
        parts = urlsplit(url if "://" in url else f"tcp://{url}")
        return cls(parts.hostname or HOST, parts.port or 0)

    def through(self, url: str) -> str:
        """Return `url` with the server's address replaced by the proxy's."""
        if "://" not in url:
            return f"{HOST}:{self.port}"
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}{HOST}:{self.port}").geturl()

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- Faults

    def reset(self) -> int:
        """Reset all open connections with RST, and return how many there were."""

        async def reset_all() -> int:
            pairs = list(self._pairs)
            for pair in pairs:
                pair.reset()
            return len(pairs)

        return self._run(reset_all())

    def forget(self, ways: frozenset[Way] = BOTH) -> int:
        """Drop all further bytes on open connections, like a NAT that has lost their state.

        New connections still work. Return how many connections are affected.
        """

        async def forget_all() -> int:
            for pair in self._pairs:
                pair.silent |= ways
            return len(self._pairs)

        return self._run(forget_all())

    def silence(self, ways: frozenset[Way] = BOTH) -> None:
        """Keep accepting connections, but drop all bytes on old and new ones until `heal`."""
        self._silent = ways

    def delay(self, seconds: float) -> None:
        """Delay every chunk of data in both directions by this many seconds until `heal`."""
        self._delay_seconds = seconds

    def throttle(self, bytes_per_second: int) -> None:
        """Limit the bandwidth of each connection, in each direction, until `heal`."""
        self._bytes_per_second = bytes_per_second

    def redirect(self, url: str) -> None:
        """Simulate a failover: reset open connections, and forward new ones to another server."""
        parts = urlsplit(url)
        self._upstream = (parts.hostname or HOST, parts.port or 0)
        self.reset()

    def refuse(self) -> None:
        """Reset open connections, and immediately reset new ones, until `heal`."""
        self._refuses = True
        self.reset()

    def heal(self) -> None:
        """End `silence`, `delay`, `throttle` and `refuse`. Lost bytes don't come back."""
        self._silent = frozenset()
        self._delay_seconds = 0.0
        self._bytes_per_second = None
        self._refuses = False

    @property
    def open_connections(self) -> int:
        """How many client connections are open."""
        return len(self._pairs)

    # --- Inside the loop

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for pair in list(self._pairs):
            pair.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = self._loop.create_task(self._carry(client_reader, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(
        self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        try:
            server_reader, server = await asyncio.open_connection(*self._upstream)
        except OSError:
            _Pair(client, client).reset()
            return
        pair = _Pair(client, server)
        if self._refuses:
            pair.reset()
            return
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._pump(pair, Way.TO_SERVER, client_reader, server),
                self._pump(pair, Way.TO_CLIENT, server_reader, client),
            )
        except OSError:
            pair.reset()
        finally:
            self._pairs.discard(pair)
            for writer in (client, server):
                writer.close()

    def _observe(self, pair: _Pair, way: Way, data: bytes) -> None:
        """Receive each chunk of data before it is forwarded, for counts in subclasses."""

    async def _pump(
        self, pair: _Pair, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            if self._bytes_per_second:
                await asyncio.sleep(len(data) / self._bytes_per_second)
            if way in self._silent or way in pair.silent:
                continue
            self._observe(pair, way, data)
            writer.write(data)
            await writer.drain()
        if way in self._silent or way in pair.silent:
            await asyncio.Event().wait()  # a forgotten connection doesn't deliver a FIN either
        if writer.can_write_eof():
            writer.write_eof()
