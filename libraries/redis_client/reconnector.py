"""Connects to Redis, repeats the handshake while the client is in use, and reconnects."""

import asyncio
import logging
from contextlib import suppress
from random import uniform
from typing import Final

from libraries.redis_client.connection import ConnectionFactory, DedicatedConnection
from libraries.redis_client.errors import RedisUnavailable, UnusableServer
from libraries.redis_client.handshake import (
    HandshakeHook,
    SlotMoved,
    identify_server,
    select_database,
)
from libraries.redis_client.multiplexed_connection import MultiplexedConnection
from libraries.redis_client.server_selection import ServerSelection

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS: Final = 2.0
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


class Reconnector:
    """Keeps a client connected: a background task replaces the connection when it is closed.

    `timeout_seconds` is the timeout for handshakes that calls wait for, and for replies on the
    connection.

    Raises:
        ValueError: redis-py does not understand the URL.
    """

    def __init__(
        self, url: str, key_prefix: str, timeout_seconds: float, on_handshake: HandshakeHook
    ) -> None:
        #: The connection after its handshake, or None. It may already be closed.
        self.connection: MultiplexedConnection | None = None
        #: Why Redis is unavailable. None if it is available or the client hasn't connected yet.
        self.unavailable_reason: str | None = None
        #: Why the server can never be used with this URL. None if it can.
        self.unusable_reason: str | None = None
        self._key_prefix = key_prefix
        self._timeout_seconds = timeout_seconds
        self._on_handshake = on_handshake
        self._connections = ConnectionFactory(url, CONNECT_TIMEOUT_SECONDS)
        self._selection = ServerSelection()
        self._handshake_at = 0.0
        #: Wakes the watcher when the client is used again or its connection is closed.
        self._woken = asyncio.Event()
        #: Cleared while calls are waiting for a handshake.
        self._is_fresh = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._attempted = asyncio.Event()
        self._has_served = False
        self._has_warned = False

    async def start(self, timeout_seconds: float) -> None:
        """Start connecting. Wait for the end of the first attempt, or until the timeout."""
        if self._task is None:
            self._task = asyncio.create_task(self._connect_forever())
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._attempted.wait()

    async def stop(self) -> None:
        """Close the connection permanently."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def must_wait_for_handshake(self) -> bool:
        """Record that the client is in use. Return whether it needs a handshake first."""
        if self.connection is None:
            return True
        age = _now() - self._handshake_at
        if age > _REFRESH_AFTER_SECONDS:
            self._woken.set()
        if age > _EXPIRES_AFTER_SECONDS:
            self._is_fresh.clear()
        return not self._is_fresh.is_set()

    async def wait_for_connection(self, timeout_seconds: float) -> MultiplexedConnection:
        """Wait for a handshake if one is needed, and return the connection.

        Raises:
            RedisUnavailable: the circuit is open, or there was no handshake in time.
        """
        if self._task is None:
            await self.start(timeout_seconds)
        if self.connection is not None and not self._is_fresh.is_set():
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._is_fresh.wait()
            except TimeoutError:
                raise RedisUnavailable("no answer in time") from None
        if self.connection is None:
            raise RedisUnavailable(self.unavailable_reason or "the circuit is open")
        return self.connection

    def new_connection(self) -> DedicatedConnection:
        """Return a new, unopened connection to the same server."""
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
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await dedicated.open()
            return await self._serve(MultiplexedConnection(dedicated, self._timeout_seconds))
        finally:
            await dedicated.close()

    async def _serve(self, connection: MultiplexedConnection) -> str:
        host, _ = self._selection.current or self._connections.default_address
        database, timeout_seconds = self._connections.database, self._timeout_seconds
        try:
            nodes = await select_database(
                connection, database, self._key_prefix, host, timeout_seconds
            )
            self._selection.prefer(self._selection.current, nodes)
            await self._shake_hands(connection, timeout_seconds)
            self.connection, self._has_served, self.unusable_reason = connection, True, None
            self._note_available()
            return await self._watch(connection)
        finally:
            self.connection = None
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
