"""The Redis client of a process, and its circuit breaker."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from libraries.asyncio_tools.time_budget import AUXILIARY_BUDGET_SECONDS, TimeBudget, time_budget
from libraries.redis_client.connection import DedicatedConnection
from libraries.redis_client.errors import RedisUnavailable
from libraries.redis_client.handshake import HandshakeHook, no_hook
from libraries.redis_client.multiplexed_connection import Arg
from libraries.redis_client.reconnector import CONNECT_TIMEOUT_SECONDS, Reconnector


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
        self._timeout_seconds = timeout_seconds
        self._reconnector = Reconnector(url, key_prefix, timeout_seconds, on_handshake)

    @property
    def is_available(self) -> bool:
        """Whether the circuit is closed, so that calls go to Redis."""
        connection = self._reconnector.connection
        return connection is not None and not connection.is_closed

    @property
    def unavailable_reason(self) -> str | None:
        """Why Redis is unavailable; None while it is available, and before the first attempt."""
        return self._reconnector.unavailable_reason

    @property
    def unusable_reason(self) -> str | None:
        """Why the server can never be used with this URL; None if it can."""
        return self._reconnector.unusable_reason

    async def open(self, timeout_seconds: float = CONNECT_TIMEOUT_SECONDS) -> bool:
        """Start to connect; return whether the first attempt succeeded in time."""
        await self._reconnector.start(timeout_seconds)
        return self.is_available

    async def close(self) -> None:
        """Close the connection for good."""
        await self._reconnector.stop()

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
        if not self._reconnector.must_wait_for_handshake():
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
                connection = await self._reconnector.wait_for_connection(timeout_seconds)
                reply = connection.submit(args, timeout_seconds)
            return await reply
        finally:
            if budget is not None:
                # A concurrent wait of the same request may have spent part of this time already.
                elapsed = _now() - started_at
                budget.spend(max(0.0, elapsed - (timeout_seconds - budget.left)))

    def try_submit(
        self, *args: Arg, timeout_seconds: float | None = None
    ) -> asyncio.Future[Any] | None:
        """Send a command at once, and return the future of its reply.

        Return None while Redis is unavailable.
        """
        connection = self._reconnector.connection
        if connection is None or connection.is_closed:
            return None
        if timeout_seconds is None:
            timeout_seconds = self._timeout_seconds
        return connection.submit(args, timeout_seconds)

    def send(self, *args: Arg) -> None:
        """Send a command, and ignore its reply; while Redis is unavailable, do nothing."""
        connection = self._reconnector.connection
        if connection is not None:
            self._reconnector.must_wait_for_handshake()
            with suppress(RedisUnavailable):
                connection.send(args)

    def last_error_within(self, seconds: float) -> str | None:
        """Return the last error reply if it is no older than `seconds`."""
        connection = self._reconnector.connection
        if connection is None or connection.last_error is None:
            return None
        message, failed_at = connection.last_error
        return message if _now() - failed_at < seconds else None

    def key(self, name: str) -> str:
        """Return a key with the prefix of all keys."""
        return f"{self.key_prefix}{name}"

    def new_connection(self) -> DedicatedConnection:
        """Return a connection to the same server, not yet open: for subscriptions and the like."""
        return self._reconnector.new_connection()


def _now() -> float:
    return asyncio.get_running_loop().time()
