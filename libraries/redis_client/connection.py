"""Connections that redis-py opens; it handles URL, TLS and authentication."""

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

from redis.asyncio import ConnectionPool

from libraries.asyncio_tools.cancellation import resolve_host
from libraries.redis_client.errors import RedisUnavailable, translated_errors

#: A host and its port.
Address: TypeAlias = tuple[str, int]

#: TCP options with which the kernel notices a lost peer: on an idle connection by keepalive
#: probes, on a used one by unacknowledged data (milliseconds).
_TCP_OPTIONS: Final = {
    "TCP_KEEPIDLE": 1,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": 2,
    "TCP_USER_TIMEOUT": 2_000,
}


class _RedisPyConnection(Protocol):
    """The used part of redis-py's connection, which publishes no types for it."""

    #: The stream that it writes to; None before it is connected.
    _writer: asyncio.StreamWriter | None

    async def connect(self) -> None:
        """Connect and authenticate."""

    async def disconnect(self, *, nowait: bool) -> None:
        """Close the socket."""

    async def send_command(self, *args: str) -> None:
        """Write one command."""

    async def read_response(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - redis's
        """Return the next reply; with a timeout, None if none arrives in time."""


class DedicatedConnection:
    """One connection for one caller, without timeouts of its own.

    Raises:
        RedisUnavailable: from every method except `close`, for every error.
    """

    def __init__(self, redis_py: _RedisPyConnection) -> None:
        self._redis_py = redis_py

    async def open(self) -> None:
        """Connect and authenticate."""
        with translated_errors():
            await self._redis_py.connect()

    async def close(self) -> None:
        """Close the socket, and ignore errors: nothing is left to do about them."""
        with suppress(Exception):
            await self._redis_py.disconnect(nowait=True)

    async def send(self, *args: str) -> None:
        """Send a command."""
        with translated_errors():
            await self._redis_py.send_command(*args)

    async def receive(self, timeout_seconds: float | None = None) -> Any:
        """Return the next reply, or None if none arrives in time."""
        with translated_errors():
            return await self._redis_py.read_response(timeout=timeout_seconds)

    @property
    def transport(self) -> asyncio.Transport:
        """The transport of the open connection."""
        writer = self._redis_py._writer  # noqa: SLF001 - redis-py has no public name for it
        if writer is None:
            raise RedisUnavailable("there is no connection")
        return writer.transport  # type: ignore[return-value]  # typeshed has its base class


class ConnectionFactory:
    """Makes connections to the server of a URL, or to another one with the same credentials.

    Connections start in database 0; the handshake selects the URL's `database`.

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
            # The callers bound their waits; an idle connection waits without a bound.
            socket_timeout=None,
            socket_connect_timeout=connect_timeout_seconds,
            socket_keepalive=True,
            socket_keepalive_options=keepalive_options(),
            decode_responses=False,
            # RESP3 and CLIENT SETINFO cost more round trips for each connection.
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
        """Return a connection to an address, or to the URL's; it is not open yet."""
        host, port = address or self.default_address
        arguments = {**self._pool.connection_kwargs, "host": host, "port": port}
        return DedicatedConnection(self._class(**arguments))


def _resolving(base: type[Any]) -> type[Any]:
    """Return a class of redis-py connections that resolve their host's name themselves."""

    class Resolving(base):  # type: ignore[misc]  # plain or TLS, depending on the URL
        async def _connect(self) -> None:
            async with asyncio.timeout(self.socket_connect_timeout):
                await resolve_host(self.host, int(self.port))
                await super()._connect()

    return Resolving


def keepalive_options() -> dict[int, int]:
    """Return the TCP options for lost peers, as far as this system has them."""
    return {
        getattr(socket, name): value
        for name, value in _TCP_OPTIONS.items()
        if hasattr(socket, name)
    }
