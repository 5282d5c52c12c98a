"""Open connections with redis-py, which handles the URL, TLS and authentication."""

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

from redis.asyncio import ConnectionPool

from libraries.asyncio_tools.cancellation import resolve_host
from libraries.redis_client.errors import RedisUnavailable, translated_errors

#: A host and its port.
Address: TypeAlias = tuple[str, int]

#: These options make the kernel notice a lost peer. Idle connections use keepalive probes, and
#: `TCP_USER_TIMEOUT` (in milliseconds) applies if there is unacknowledged data.
_TCP_OPTIONS: Final = {
    "TCP_KEEPIDLE": 1,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": 2,
    "TCP_USER_TIMEOUT": 2_000,
}


class _RedisPyConnection(Protocol):
    """The parts of redis-py's connection that are used here. redis-py doesn't publish types."""

    #: The stream it writes to, or None if it is not connected yet.
    _writer: asyncio.StreamWriter | None

    async def connect(self) -> None:
        """Connect and authenticate."""

    async def disconnect(self, *, nowait: bool) -> None:
        """Close the socket."""

    async def send_command(self, *args: str) -> None:
        """Write a command."""

    async def read_response(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - redis's
        """Return the next reply, or None if there is a timeout and it expires."""


class DedicatedConnection:
    """A connection for a single caller. It does not have its own timeouts.

    Raises:
        RedisUnavailable: for all errors, from all methods except `close`.
    """

    def __init__(self, redis_py: _RedisPyConnection) -> None:
        self._redis_py = redis_py

    async def open(self) -> None:
        """Connect and authenticate."""
        with translated_errors():
            await self._redis_py.connect()

    async def close(self) -> None:
        """Close the socket. Errors are ignored because there's nothing left to do about them."""
        with suppress(Exception):
            await self._redis_py.disconnect(nowait=True)

    async def send(self, *args: str) -> None:
        """Send a command."""
        with translated_errors():
            await self._redis_py.send_command(*args)

    async def receive(self, timeout_seconds: float | None = None) -> Any:
        """Return the next reply, or None if it does not arrive in time."""
        with translated_errors():
            return await self._redis_py.read_response(timeout=timeout_seconds)

    @property
    def transport(self) -> asyncio.Transport:
        """The open connection's transport."""
        writer = self._redis_py._writer  # noqa: SLF001 - redis-py doesn't expose it publicly
        if writer is None:
            raise RedisUnavailable("there is no connection")
        return writer.transport  # type: ignore[return-value]  # typeshed declares the base class


class ConnectionFactory:
    """Creates connections to a URL's server, or to another server with the same credentials.

    Connections start in database 0. The handshake then selects the URL's `database`.

    Raises:
        ValueError: redis-py does not understand the URL.
    """

    def __init__(self, url: str, connect_timeout_seconds: float) -> None:
        self._pool = ConnectionPool.from_url(url)
        self._class = _resolving(self._pool.connection_class)
        arguments: dict[str, Any] = self._pool.connection_kwargs
        self.database = int(arguments.get("db") or 0)
        arguments.update(
            db=0,
            # Callers set their own timeouts, and idle connections may wait for any time.
            socket_timeout=None,
            socket_connect_timeout=connect_timeout_seconds,
            socket_keepalive=True,
            socket_keepalive_options=keepalive_options(),
            decode_responses=False,
            # RESP3 and CLIENT SETINFO need additional round trips for each connection.
            protocol=2,
            driver_info=None,
        )
        try:
            self.new()
        except TypeError as error:
            raise ValueError(f"the URL has an option that redis does not know: {error}") from None

    @property
    def default_address(self) -> Address:
        """The URL's host and port."""
        arguments = self._pool.connection_kwargs
        return arguments.get("host", "localhost"), int(arguments.get("port", 6379))

    def new(self, address: Address | None = None) -> DedicatedConnection:
        """Return a new, unopened connection to `address`, or to the URL's address."""
        host, port = address or self.default_address
        arguments = {**self._pool.connection_kwargs, "host": host, "port": port}
        return DedicatedConnection(self._class(**arguments))


def _resolving(base: type[Any]) -> type[Any]:
    """Return a subclass of a redis-py connection that resolves the host name itself."""

    class Resolving(base):  # type: ignore[misc]  # plain or TLS, depending on the URL
        async def _connect(self) -> None:
            async with asyncio.timeout(self.socket_connect_timeout):
                await resolve_host(self.host, int(self.port))
                await super()._connect()

    return Resolving


def keepalive_options() -> dict[int, int]:
    """Return the TCP options for lost peers that are available on this system."""
    return {
        getattr(socket, name): value
        for name, value in _TCP_OPTIONS.items()
        if hasattr(socket, name)
    }
