"""The process-wide Redis client and circuit breaker."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

from libraries.asyncio_tools.time_budget import AUXILIARY_BUDGET_SECONDS, TimeBudget, time_budget
from libraries.redis_client.connection import DedicatedConnection
from libraries.redis_client.errors import RedisUnavailable
from libraries.redis_client.handshake import HandshakeHook, no_hook
from libraries.redis_client.multiplexed_connection import Arg, MultiplexedConnection
from libraries.redis_client.reconnector import CONNECT_TIMEOUT_SECONDS, Reconnector

#: Sends a command with a timeout in seconds, and returns a future for its reply.
Send: TypeAlias = Callable[[MultiplexedConnection, float], "asyncio.Future[Any]"]


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
        self.timeout_seconds = timeout_seconds
        self._reconnector = Reconnector(url, key_prefix, timeout_seconds, on_handshake)

    @property
    def is_available(self) -> bool:
        """Whether the circuit is closed, which means that calls are sent to Redis."""
        return self.connection is not None

    @property
    def connection(self) -> MultiplexedConnection | None:
        """The open connection. None while Redis is unavailable."""
        connection = self._reconnector.connection
        return None if connection is None or connection.is_closed else connection

    @property
    def unavailable_reason(self) -> str | None:
        """Why Redis is unavailable. None if it is available or the client hasn't connected yet."""
        return self._reconnector.unavailable_reason

    @property
    def unusable_reason(self) -> str | None:
        """Why the server can never be used with this URL. None if it can."""
        return self._reconnector.unusable_reason

    async def open(self, timeout_seconds: float = CONNECT_TIMEOUT_SECONDS) -> bool:
        """Start connecting. Return whether the first attempt succeeds in time."""
        await self._reconnector.start(timeout_seconds)
        return self.is_available

    async def close(self) -> None:
        """Close the connection permanently."""
        await self._reconnector.stop()

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
        return self.submit_with(lambda connection, seconds: connection.submit(args, seconds))

    def submit_with(self, send: Send) -> Awaitable[Any]:
        """Like `submit`, but `send` sends the command and returns a future for its reply.

        If the client has to connect or to check the server first, `send` is called later.
        """
        budget = time_budget.get()
        timeout_seconds = self.timeout_seconds if budget is None else budget.left
        started_at = _now()
        reply = None
        if not self._reconnector.must_wait_for_handshake():
            connection = self.connection
            if connection is not None:
                reply = send(connection, timeout_seconds)
        return self._wait_for_reply(send, reply, timeout_seconds, budget, started_at)

    async def _wait_for_reply(
        self,
        send: Send,
        reply: asyncio.Future[Any] | None,
        timeout_seconds: float,
        budget: TimeBudget | None,
        started_at: float,
    ) -> Any:
        try:
            if reply is None:
                connection = await self._reconnector.wait_for_connection(timeout_seconds)
                reply = send(connection, timeout_seconds)
            return await reply
        finally:
            if budget is not None:
                budget.spend_concurrently(_now() - started_at, timeout_seconds)

    def send(self, *args: Arg) -> None:
        """Send a command and ignore its reply. Does nothing if Redis is unavailable."""
        connection = self._reconnector.connection
        if connection is not None:
            self._reconnector.must_wait_for_handshake()
            with suppress(RedisUnavailable):
                connection.send(args)

    def last_error_within(self, seconds: float) -> str | None:
        """Return the last error reply if it is less than `seconds` old."""
        connection = self._reconnector.connection
        if connection is None or connection.last_error is None:
            return None
        message, failed_at = connection.last_error
        return message if _now() - failed_at < seconds else None

    def key(self, name: str) -> str:
        """Return `name` with the key prefix."""
        return f"{self.key_prefix}{name}"

    def new_connection(self) -> DedicatedConnection:
        """Return a new, unopened connection to the same server, for example for subscriptions."""
        return self._reconnector.new_connection()


def _now() -> float:
    return asyncio.get_running_loop().time()
