"""The process-wide Redis client and circuit breaker."""

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
#: If the last handshake is older than this, the next call repeats it in the background. If it is
#: older than the second limit, calls wait for it, because the server may have become a replica
#: while the client was idle.
_REFRESH_AFTER_SECONDS: Final = 1.0
_EXPIRES_AFTER_SECONDS: Final = 2.0
#: Idle connections are probed this often, because a NAT or a proxy may have dropped them.
_IDLE_SECONDS: Final = 10.0
#: The timeout for handshakes and probes if there are no calls waiting for them.
_HANDSHAKE_TIMEOUT_SECONDS: Final = 1.0


class RedisClient:
    """Sends all commands of an event loop iteration together on a single shared connection.

    The connection also works as a circuit breaker. It is closed by the first error, or when a
    reply takes longer than `timeout_seconds`. From then on, all calls fail immediately until a
    background task has reconnected, which closes the circuit again.

    Calls can wait for the rest of their request's `time_budget`, or for `timeout_seconds` outside
    of a request.

    `on_handshake` is called during each handshake. There is one when a connection is opened, and
    then one every second while it is in use.

    The `key_prefix` should contain a hash tag that puts all keys in one hash slot. In a Redis
    Cluster, the client only connects to the owner of that slot.

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
        #: Why Redis is unavailable. None if it is available or the client hasn't connected yet.
        self.unavailable_reason: str | None = None
        #: Why the server can never be used with this URL. None if it can.
        self.unusable_reason: str | None = None
        self._timeout_seconds = timeout_seconds
        self._on_handshake = on_handshake
        self._connections = ConnectionFactory(url, _CONNECT_TIMEOUT_SECONDS)
        self._selection = ServerSelection()
        self._connection: MultiplexedConnection | None = None
        self._handshake_at = 0.0
        #: Wakes the watcher when the client is used again or its connection is closed.
        self._woken = asyncio.Event()
        #: Cleared while calls are waiting for a handshake.
        self._is_fresh = asyncio.Event()
        self._connector: asyncio.Task[None] | None = None
        self._attempted = asyncio.Event()
        self._has_served = False
        self._has_warned = False

    @property
    def is_available(self) -> bool:
        """Whether the circuit is closed, which means that calls are sent to Redis."""
        return self._connection is not None and not self._connection.is_closed

    async def open(self, timeout_seconds: float = _CONNECT_TIMEOUT_SECONDS) -> bool:
        """Start connecting. Return whether the first attempt succeeds in time."""
        if self._connector is None:
            self._connector = asyncio.create_task(self._connect_forever())
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._attempted.wait()
        return self.is_available

    async def close(self) -> None:
        """Close the connection permanently."""
        if self._connector is not None:
            self._connector.cancel()
            await asyncio.gather(self._connector, return_exceptions=True)

    async def execute(self, *args: Arg) -> Any:
        """Send a command and return its reply.

        Raises:
            RedisUnavailable: there was no reply in time, or it was an error.
            NoScriptError: the script is not loaded.
        """
        return await self.submit(*args)

    def submit(self, *args: Arg) -> Awaitable[Any]:
        """Send a command immediately. Return an awaitable for its reply, which must be awaited.

        The awaitable raises the same errors as `execute`.
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
                # Another wait of the same request may already have spent some of this time.
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
        """Record that the client is in use. Return whether it needs a handshake first."""
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
        """Send a command immediately and return a future for its reply.

        Returns None if Redis is unavailable.
        """
        if self._connection is None or self._connection.is_closed:
            return None
        if timeout_seconds is None:
            timeout_seconds = self._timeout_seconds
        return self._connection.submit(args, timeout_seconds)

    def send(self, *args: Arg) -> None:
        """Send a command and ignore its reply. Does nothing if Redis is unavailable."""
        if self._connection is not None:
            self._must_wait_for_handshake()
            with suppress(RedisUnavailable):
                self._connection.send(args)

    def last_error_within(self, seconds: float) -> str | None:
        """Return the last error reply if it is less than `seconds` old."""
        if self._connection is None or self._connection.last_error is None:
            return None
        message, failed_at = self._connection.last_error
        return message if _now() - failed_at < seconds else None

    def key(self, name: str) -> str:
        """Return `name` with the key prefix."""
        return f"{self.key_prefix}{name}"

    def new_connection(self) -> DedicatedConnection:
        """Return a new, unopened connection to the same server, for example for subscriptions."""
        return self._connections.new(self._selection.current)

    async def _connect_forever(self) -> None:
        """Keep reconnecting, without a pause if the last connection worked for a while."""
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
        """Use a new connection for all calls until it is closed, and return the reason."""
        self._has_served = False
        try:
            try:
                return await self._connect_and_serve()
            except SlotMoved as moved:
                self._selection.prefer(moved.owner, moved.nodes)
                return await self._connect_and_serve()
        except Exception as error:  # noqa: BLE001 - we always retry, whatever the error is
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
        """Repeat the handshake every second while the connection is in use, until it is closed.

        This detects servers that have become replicas. After an idle period, the next call waits
        for the handshake.
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
            logger.warning("Redis is unreachable: %s", reason)
        self._has_warned = True

    def _note_available(self) -> None:
        self.unavailable_reason = None
        self._attempted.set()
        if self._has_warned:
            logger.warning("Redis is reachable again")
        self._has_warned = False


def _now() -> float:
    return asyncio.get_running_loop().time()
