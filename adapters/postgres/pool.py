"""The connection pool for PostgreSQL (ADR 26).

We don't use the pools of SQLAlchemy or asyncpg because they don't serve callers in order of
arrival, they don't close the other connections if one turns out to be dead, and they take 1.3 to 8
times as much CPU time per use.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.postgres.connection import Connection

#: A NAT or a load balancer may drop connections that are idle for longer than this.
_MAX_IDLE_SECONDS: Final = 60.0
#: This is only a small part of a request's deadline.
_PING_TIMEOUT_SECONDS: Final = 0.4


class Pool:
    """A pool with at most `size` connections, which serves callers in order of arrival.

    When a connection is released, it's closed if it's broken, in a transaction or expired. If an
    idle connection turns out to be dead, or any connection is read-only, all connections that were
    opened earlier expire. Before an idle connection is used, it's pinged if it has been idle for
    too long or if another connection broke in the meantime.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._slots = asyncio.Semaphore(size)
        #: The connection released last is used first, which leaves the others idle.
        self._idle: list[Connection] = []
        #: Connections opened before the first time are closed, and connections released before the
        #: second time are pinged. Both times come from the event loop's clock.
        self._expired_before = self._pinged_before = float("-inf")
        self.in_use = 0

    @property
    def idle(self) -> int:
        """The number of idle connections."""
        return len(self._idle)

    @property
    def is_connected(self) -> bool:
        """Whether there is an idle connection that the server hasn't closed."""
        return any(not connection.is_closed() for connection in self._idle)

    async def acquire(self) -> Connection:
        """Wait for a usable connection. The caller must `release` it.

        Raises:
            Unavailable: a connection can't be opened.
        """
        await self._slots.acquire()
        self.in_use += 1
        try:
            return await self._usable()
        except BaseException:
            self._free_slot()
            raise

    async def release(self, connection: Connection) -> None:
        """Keep a connection for the next caller, or close it if it can't be reused."""
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
        """Close all connections. Those in use are closed when they are released."""
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
                continue  # all of them are after PostgreSQL was restarted
            now = asyncio.get_running_loop().time()
            needs_ping = connection.idle_since <= max(now - _MAX_IDLE_SECONDS, self._pinged_before)
            if not needs_ping or await _ping(connection):
                return connection
            self._expire(opened_by=now)
        return await self._connect()

    def _expire(self, *, opened_by: float) -> None:
        """Close connections opened by this time. Those in use are closed when released."""
        self._expired_before = max(opened_by, self._expired_before)
        for connection in [each for each in self._idle if each.opened_at <= opened_by]:
            self._idle.remove(connection)
            connection.terminate()


async def _ping(connection: Connection) -> bool:
    """Return whether a connection responds in time. If it doesn't, close it."""
    try:
        async with asyncio.timeout(_PING_TIMEOUT_SECONDS):
            await connection.execute("SELECT 1")
    except BaseException as error:
        connection.terminate()
        if isinstance(error, Exception):
            return False
        raise
    return True
