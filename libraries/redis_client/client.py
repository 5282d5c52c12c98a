"""The Redis client of a process, and its circuit breaker."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from random import uniform
from typing import Any, Final

from libraries.asyncio_tools.time_budget import AUXILIARY_BUDGET_SECONDS, TimeBudget, time_budget
from libraries.redis_client.connection import ConnectionFactory, DedicatedConnection
from libraries.redis_client.errors import RedisUnavailable, UnusableServer
from libraries.redis_client.handshake import (
    HandshakeHook,
    SlotMoved,
    identify_server,
    no_hook,
    select_database,
)
from libraries.redis_client.multiplexed_connection import Arg, MultiplexedConnection
from libraries.redis_client.server_selection import ServerSelection

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_SECONDS: Final = 2.0
_MIN_BACKOFF_SECONDS: Final = 0.25
_MAX_BACKOFF_SECONDS: Final = 2.0
#: Age of a handshake after which a use repeats it beside the calls, and after which the calls wait
#: for its repetition: an idle connection may lead to a server that has become a replica.
_REFRESH_AFTER_SECONDS: Final = 1.0
_EXPIRES_AFTER_SECONDS: Final = 2.0
#: Idle time after which a connection is probed: a NAT or a proxy may have forgotten it.
_IDLE_SECONDS: Final = 10.0
#: Timeout of a handshake or a probe that no call waits for.
_HANDSHAKE_TIMEOUT_SECONDS: Final = 1.0


class RedisClient:
    """Send the commands of one turn of the event loop together, on one shared connection.

    The connection is the circuit breaker. The first error closes it, and so does a reply that is
    `timeout_seconds` late; from then on every call fails at once. A background task connects
    again, and closes the circuit.

    A call waits for the rest of its request's `time_budget`; outside of a request, for
    `timeout_seconds`.

    Every handshake, on a new connection and once a second on a used one, runs `on_handshake`.

    Keys should share one hash slot by a hash tag in `key_prefix`: in a Redis Cluster, the client
    connects to the owner of that slot alone.

    Raises:
        ValueError: redis-py does not understand the URL.
    """

    def __init__(
        self,
        url: str,
        key_prefix: str = "",
        timeout_seconds: float = AUXILIARY_BUDGET_SECONDS,
        on_handshake: HandshakeHook = no_hook,
    ) -> None:
        self.key_prefix = key_prefix
        #: Why Redis is unavailable; None while it is available, and before the first attempt.
        self.unavailable_reason: str | None = None
        #: Why the server can never be used with this URL; None if it can.
        self.unusable_reason: str | None = None
        self._timeout_seconds = timeout_seconds
        self._on_handshake = on_handshake
        self._connections = ConnectionFactory(url, _CONNECT_TIMEOUT_SECONDS)
        self._selection = ServerSelection()
        self._connection: MultiplexedConnection | None = None
        self._handshake_at = 0.0
        #: Wakes the watcher: the client is used again, or its connection is closed.
        self._woken = asyncio.Event()
        #: Cleared while calls wait for a handshake.
        self._is_fresh = asyncio.Event()
        self._connector: asyncio.Task[None] | None = None
        self._attempted = asyncio.Event()
        self._has_served = False
        self._has_warned = False

    @property
    def is_available(self) -> bool:
        """Whether the circuit is closed, so that calls go to Redis."""
        return self._connection is not None and not self._connection.is_closed

    async def open(self, timeout_seconds: float = _CONNECT_TIMEOUT_SECONDS) -> bool:
        """Start to connect; return whether the first attempt succeeded in time."""
        if self._connector is None:
            self._connector = asyncio.create_task(self._connect_forever())
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._attempted.wait()
        return self.is_available

    async def close(self) -> None:
        """Close the connection for good."""
        if self._connector is not None:
            self._connector.cancel()
            await asyncio.gather(self._connector, return_exceptions=True)

    async def execute(self, *args: Arg) -> Any:
        """Send a command, and return its reply.

        Raises:
            RedisUnavailable: no reply in time, or an error reply.
            NoScriptError: the script is not loaded.
        """
        return await self.submit(*args)

    def submit(self, *args: Arg) -> Awaitable[Any]:
        """Send a command at once, and return its reply as an awaitable; it must be awaited.

        Errors are those of `execute`.
        """
        budget = time_budget.get()
        timeout_seconds = self._timeout_seconds if budget is None else budget.left
        started_at = _now()
        reply = None
        if not self._must_wait_for_handshake():
            reply = self.try_submit(*args, timeout_seconds=timeout_seconds)
        return self._wait_for_reply(args, reply, timeout_seconds, budget, started_at)

    async def _wait_for_reply(
        self,
        args: tuple[Arg, ...],
        reply: asyncio.Future[Any] | None,
        timeout_seconds: float,
        budget: TimeBudget | None,
        started_at: float,
    ) -> Any:
        try:
            if reply is None:
                connection = await self._wait_for_connection(timeout_seconds)
                reply = connection.submit(args, timeout_seconds)
            return await reply
        finally:
            if budget is not None:
                # A concurrent wait of the same request may have spent part of this time already.
                elapsed = _now() - started_at
                budget.spend(max(0.0, elapsed - (timeout_seconds - budget.left)))

    async def _wait_for_connection(self, timeout_seconds: float) -> MultiplexedConnection:
        if self._connector is None:
            await self.open(timeout_seconds)
        if self._connection is not None and not self._is_fresh.is_set():
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._is_fresh.wait()
            except TimeoutError:
                raise RedisUnavailable("no answer in time") from None
        if self._connection is None:
            raise RedisUnavailable(self.unavailable_reason or "the circuit is open")
        return self._connection

    def _must_wait_for_handshake(self) -> bool:
        """Note that the client is used; return whether a handshake must come first."""
        if self._connection is None:
            return True
        age = _now() - self._handshake_at
        if age > _REFRESH_AFTER_SECONDS:
            self._woken.set()
        if age > _EXPIRES_AFTER_SECONDS:
            self._is_fresh.clear()
        return not self._is_fresh.is_set()

    def try_submit(
        self, *args: Arg, timeout_seconds: float | None = None
    ) -> asyncio.Future[Any] | None:
        """Send a command at once, and return the future of its reply.

        Return None while Redis is unavailable.
        """
        if self._connection is None or self._connection.is_closed:
            return None
        if timeout_seconds is None:
            timeout_seconds = self._timeout_seconds
        return self._connection.submit(args, timeout_seconds)

    def send(self, *args: Arg) -> None:
        """Send a command, and ignore its reply; while Redis is unavailable, do nothing."""
        if self._connection is not None:
            self._must_wait_for_handshake()
            with suppress(RedisUnavailable):
                self._connection.send(args)

    def last_error_within(self, seconds: float) -> str | None:
        """Return the last error reply if it is no older than `seconds`."""
        if self._connection is None or self._connection.last_error is None:
            return None
        message, failed_at = self._connection.last_error
        return message if _now() - failed_at < seconds else None

    def key(self, name: str) -> str:
        """Return a key with the prefix of all keys."""
        return f"{self.key_prefix}{name}"

    def new_connection(self) -> DedicatedConnection:
        """Return a connection to the same server, not yet open: for subscriptions and the like."""
        return self._connections.new(self._selection.current)

    async def _connect_forever(self) -> None:
        """Connect again and again: at once if the last connection served for a while."""
        backoff = 0.0
        while True:
            started_at = _now()
            self._note_unavailable(await self._use_one_connection())
            served = _now() - started_at if self._has_served else 0.0
            if served > _MAX_BACKOFF_SECONDS:
                backoff = 0.0
            else:
                backoff = min(max(2 * backoff, _MIN_BACKOFF_SECONDS), _MAX_BACKOFF_SECONDS)
            await asyncio.sleep(backoff * uniform(0.75, 1.25))  # noqa: S311 - no secret

    async def _use_one_connection(self) -> str:
        """Serve all calls over a new connection until it is closed; return the reason."""
        self._has_served = False
        try:
            try:
                return await self._connect_and_serve()
            except SlotMoved as moved:
                self._selection.prefer(moved.owner, moved.nodes)
                return await self._connect_and_serve()
        except Exception as error:  # noqa: BLE001 - the next attempt heals every error
            if not self._has_served:
                self._selection.advance()
            self.unusable_reason = str(error) if isinstance(error, UnusableServer) else None
            return str(error) or type(error).__name__
        finally:
            self._attempted.set()

    async def _connect_and_serve(self) -> str:
        dedicated = self.new_connection()
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
                await dedicated.open()
            return await self._serve(MultiplexedConnection(dedicated, self._timeout_seconds))
        finally:
            await dedicated.close()

    async def _serve(self, connection: MultiplexedConnection) -> str:
        host, _ = self._selection.current or self._connections.default_address
        database, timeout_seconds = self._connections.database, self._timeout_seconds
        try:
            nodes = await select_database(
                connection, database, self.key_prefix, host, timeout_seconds
            )
            self._selection.prefer(self._selection.current, nodes)
            await self._shake_hands(connection, timeout_seconds)
            self._connection, self._has_served, self.unusable_reason = connection, True, None
            self._note_available()
            return await self._watch(connection)
        finally:
            self._connection = None
            self._is_fresh.set()
            connection.close("the client is closed")

    async def _watch(self, connection: MultiplexedConnection) -> str:
        """Repeat the handshake every second while the connection is used, until it is closed.

        So a server that has become a replica is left. After an idle time, the next call waits for
        the handshake.
        """
        connection.on_close(self._woken.set)
        while not connection.is_closed:
            self._woken.clear()
            try:
                async with asyncio.timeout(_IDLE_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                await connection.submit(("PING",), _HANDSHAKE_TIMEOUT_SECONDS)
                continue
            if not connection.is_closed:
                is_awaited = not self._is_fresh.is_set()
                await self._shake_hands(
                    connection, self._timeout_seconds if is_awaited else _HANDSHAKE_TIMEOUT_SECONDS
                )
        return await connection.wait_closed()

    async def _shake_hands(self, connection: MultiplexedConnection, timeout_seconds: float) -> None:
        server_id = await identify_server(connection, timeout_seconds)
        await self._on_handshake(lambda *args: connection.submit(args, timeout_seconds), server_id)
        self._handshake_at = _now()
        self._is_fresh.set()

    def _note_unavailable(self, reason: str) -> None:
        self.unavailable_reason = reason
        if not self._has_warned:
            logger.warning("Redis is out of reach: %s", reason)
        self._has_warned = True

    def _note_available(self) -> None:
        self.unavailable_reason = None
        self._attempted.set()
        if self._has_warned:
            logger.warning("Redis is in reach again")
        self._has_warned = False


def _now() -> float:
    return asyncio.get_running_loop().time()
