"""The one pool of connections to PostgreSQL (ADR 26).

The pools of SQLAlchemy and asyncpg do not serve callers in their order of arrival, do not close the
other connections when one proves dead, and cost 1.3 to 8 times the CPU time per use.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.postgres.connection import Connection

#: A NAT or a load balancer may drop a connection that is idle for longer.
_MAX_IDLE_SECONDS: Final = 60.0
#: A small part of a request's deadline.
_PING_TIMEOUT_SECONDS: Final = 0.4


class Pool:
    """At most `size` connections, in use or idle; callers are served in their order of arrival.

    A released connection is closed if it is broken, in a transaction, or expired: when an idle one
    proves dead, or one is read-only, all connections opened before that moment expire. An idle
    connection is pinged before use if it was idle for long, or if another one broke meanwhile.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._slots = asyncio.Semaphore(size)
        #: The last one released is used first, so that the others stay idle.
        self._idle: list[Connection] = []
        #: On the event loop's clock: connections opened before the first are closed, connections
        #: released before the second are pinged.
        self._expired_before = self._pinged_before = float("-inf")
        self.in_use = 0

    @property
    def idle(self) -> int:
        """The number of idle connections."""
        return len(self._idle)

    @property
    def is_connected(self) -> bool:
        """Whether the server has left an idle connection open."""
        return any(not connection.is_closed() for connection in self._idle)

    async def acquire(self) -> Connection:
        """Wait for a usable connection; the caller must `release` it.

        Raises:
            Unavailable: no connection can be opened.
        """
        await self._slots.acquire()
        self.in_use += 1
        try:
            return await self._usable()
        except BaseException:
            self._free_slot()
            raise

    async def release(self, connection: Connection) -> None:
        """Keep a connection for the next caller, or close it if it cannot be used again."""
        now = asyncio.get_running_loop().time()
        try:
            if connection.is_read_only:
                self._expire(opened_by=now)
            elif connection.is_broken:
                self._pinged_before = now
            if connection.opened_at > self._expired_before and connection.can_be_reused():
                connection.idle_since = now
                self._idle.append(connection)
            else:
                await connection.close()
        finally:
            self._free_slot()

    async def close(self) -> None:
        """Close all connections, those in use when they are released."""
        self._expired_before = float("inf")
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close() for connection in idle))

    def _free_slot(self) -> None:
        self.in_use -= 1
        self._slots.release()

    async def _usable(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closed():
                continue  # after a restart of PostgreSQL, all are
            now = asyncio.get_running_loop().time()
            needs_ping = connection.idle_since <= max(now - _MAX_IDLE_SECONDS, self._pinged_before)
            if not needs_ping or await _ping(connection):
                return connection
            self._expire(opened_by=now)
        return await self._connect()

    def _expire(self, *, opened_by: float) -> None:
        """Close all connections opened by that moment, those in use when they are released."""
        self._expired_before = max(opened_by, self._expired_before)
        for connection in [each for each in self._idle if each.opened_at <= opened_by]:
            self._idle.remove(connection)
            connection.terminate()


async def _ping(connection: Connection) -> bool:
    """Return whether a connection answers in time; close it if it does not."""
    try:
        async with asyncio.timeout(_PING_TIMEOUT_SECONDS):
            await connection.execute("SELECT 1")
    except BaseException as error:
        connection.terminate()
        if isinstance(error, Exception):
            return False
        raise
    return True
