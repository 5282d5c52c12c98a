"""Connections to Redis, as redis-py opens them: URL, TLS and password are its part."""

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

from redis.asyncio import ConnectionPool

from libraries.asyncio_tools.cancellation import resolve_host
from libraries.redis_client.errors import RedisUnavailable, errors_as_ours

#: A host and its port.
Address: TypeAlias = tuple[str, int]

#: A peer that is gone is noticed after so long: when a connection rests, and when it is used.
_KEEPALIVE_SECONDS: Final = 1
_KEEPALIVE_PROBES: Final = 2
_UNACKNOWLEDGED_MS: Final = 2_000


class _RawConnection(Protocol):
    """The used part of redis-py's connection, which publishes no types for it."""

    #: The stream that it writes to; None before it is connected.
    _writer: asyncio.StreamWriter | None

    async def connect(self) -> None:
        """Connect and authenticate."""

    async def disconnect(self, *, nowait: bool) -> None:
        """Close the socket."""

    async def send_command(self, *words: str) -> None:
        """Write one command."""

    async def read_response(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - redis's
        """The next answer; with a timeout, None if none comes in time."""


class Connection:
    """One connection, without timeouts while it waits.

    Raises:
        RedisUnavailable: from every method but `close`, whatever was wrong.
    """

    def __init__(self, raw: _RawConnection) -> None:
        self._raw = raw

    async def open(self) -> None:
        """Connect and authenticate."""
        with errors_as_ours():
            await self._raw.connect()

    async def close(self) -> None:
        """Close the socket; there is nothing to be done about an error."""
        with suppress(Exception):
            await self._raw.disconnect(nowait=True)

    async def send(self, *words: str) -> None:
        """Send a command."""
        with errors_as_ours():
            await self._raw.send_command(*words)

    async def receive(self, within_seconds: float | None = None) -> Any:
        """Return the next answer; None if there is none in time."""
        with errors_as_ours():
            return await self._raw.read_response(timeout=within_seconds)

    @property
    def transport(self) -> asyncio.Transport:
        """The transport of the open connection."""
        writer = self._raw._writer  # noqa: SLF001 - redis-py has no public name for it
        if writer is None:
            raise RedisUnavailable("there is no connection")
        return writer.transport  # type: ignore[return-value]  # typeshed has its base class


class Connections:
    """Makes connections to the server of a URL, or to another one with the same credentials.

    `database` is the URL's, and not selected yet: whether that can be is for the server to say.

    Raises:
        ValueError: redis-py does not understand the URL.
    """

    def __init__(self, url: str, connect_seconds: float) -> None:
        self._pool = ConnectionPool.from_url(url)
        self._kind = _resolving(self._pool.connection_class)
        arguments: dict[str, Any] = self._pool.connection_kwargs
        self.database = int(arguments.get("db") or 0)
        arguments.update(
            db=0,
            # Waiting is bounded by the callers, and an idle connection waits for ever.
            socket_timeout=None,
            socket_connect_timeout=connect_seconds,
            socket_keepalive=True,
            socket_keepalive_options=_keepalive(),
            decode_responses=False,
            # What the newer protocol adds costs more round trips for each connection.
            protocol=2,
            driver_info=None,
        )
        try:
            self.new()
        except TypeError as error:
            raise ValueError(f"the URL has an option that redis does not know: {error}") from None

    @property
    def home(self) -> Address:
        """The URL's host and port."""
        arguments = self._pool.connection_kwargs
        return arguments.get("host", "localhost"), int(arguments.get("port", 6379))

    def new(self, address: Address | None = None) -> Connection:
        """Return a connection to an address, or to the URL's; it is not open yet."""
        host, port = address or self.home
        arguments = {**self._pool.connection_kwargs, "host": host, "port": port}
        return Connection(self._kind(**arguments))


def _resolving(kind: type[Any]) -> type[Any]:
    """Return a class of connections that resolve their host's name themselves."""

    class Resolving(kind):  # type: ignore[misc]  # plain or TLS, as the URL says
        async def _connect(self) -> None:
            async with asyncio.timeout(self.socket_connect_timeout):
                await resolve_host(self.host, int(self.port))
                await super()._connect()

    return Resolving


def _keepalive() -> dict[int, int]:
    """Return the socket options of TCP, as far as this system has them."""
    wanted = {
        "TCP_KEEPIDLE": _KEEPALIVE_SECONDS,
        "TCP_KEEPINTVL": _KEEPALIVE_SECONDS,
        "TCP_KEEPCNT": _KEEPALIVE_PROBES,
        "TCP_USER_TIMEOUT": _UNACKNOWLEDGED_MS,
    }
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
