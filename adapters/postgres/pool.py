"""A pool of connections, which drops unusable ones.

SQLAlchemy's pool knows neither how long a connection has rested nor whether others broke.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.postgres.connection import Connection

#: Seconds of rest after which a NAT or a balancer may have forgotten a connection.
_REST_SECONDS: Final = 60.0
#: Seconds that a connection has to answer a check: much less than a request may take.
_CHECK_SECONDS: Final = 0.4


class Pool:
    """At most `size` connections, in use or at rest; callers are served in the order of arrival.

    A connection is closed when it is broken, was left in a transaction, or is condemned: when one
    turns out to be dead after a rest, or read-only, all that were opened before are closed. It is
    checked before use after a long rest, and when another one broke meanwhile.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._turns = asyncio.Semaphore(size)
        #: The one that rested last is used first, so that the others may rest.
        self._idle: list[Connection] = []
        #: On the event loop's clock: what was opened earlier is to be closed, and what was put to
        #: rest earlier is to be checked.
        self._condemned_at = self._suspected_at = float("-inf")
        self.in_use = 0

    @property
    def idle(self) -> int:
        """How many connections are at rest."""
        return len(self._idle)

    @property
    def is_connected(self) -> bool:
        """Whether a connection at rest is open: the server's end closes it."""
        return any(not connection.is_closed() for connection in self._idle)

    async def take(self) -> Connection:
        """Wait for a usable connection; `put_back` must follow.

        Raises:
            Unavailable: none can be opened.
        """
        await self._turns.acquire()
        self.in_use += 1
        try:
            return await self._usable()
        except BaseException:
            self._release()
            raise

    async def put_back(self, connection: Connection) -> None:
        """Keep a connection for the next caller, or close it if it is of no use any more."""
        now = asyncio.get_running_loop().time()
        try:
            if connection.is_read_only:
                self._condemn(opened_by=now)
            elif connection.is_broken:
                self._suspected_at = now
            if connection.opened_at > self._condemned_at and connection.can_be_reused():
                connection.rested_at = now
                self._idle.append(connection)
            else:
                await connection.close()
        finally:
            self._release()

    async def close(self) -> None:
        """Close all connections; none is kept from now on."""
        self._condemned_at = float("inf")
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close() for connection in idle))

    def _release(self) -> None:
        self.in_use -= 1
        self._turns.release()

    async def _usable(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closed():
                continue  # as all are after a restart of PostgreSQL
            now = asyncio.get_running_loop().time()
            if not self._is_suspect(connection, now) or await _answers(connection):
                return connection
            self._condemn(opened_by=now)
        return await self._connect()

    def _condemn(self, *, opened_by: float) -> None:
        """Close all connections that were opened by then, those in use when they come back."""
        self._condemned_at = max(opened_by, self._condemned_at)
        for connection in [each for each in self._idle if each.opened_at <= opened_by]:
            self._idle.remove(connection)
            connection.terminate()

    def _is_suspect(self, connection: Connection, now: float) -> bool:
        rested_at: float = connection.rested_at
        return rested_at <= max(now - _REST_SECONDS, self._suspected_at)


async def _answers(connection: Connection) -> bool:
    """Whether a connection answers soon; if not, it is closed."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await connection.execute("SELECT 1")
    except BaseException as error:
        connection.terminate()
        if isinstance(error, Exception):
            return False
        raise
    return True
