"""PostgreSQL, seen from one process: connections for a time, each within a deadline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from adapters.postgres.connection import Connection
from adapters.postgres.connector import Connector
from adapters.postgres.failures import unavailable
from adapters.postgres.pool import Pool
from libraries.asyncio_tools.time_budget import storage_deadline

#: Seconds that a caller outside of a request waits for PostgreSQL, unless it says otherwise.
PATIENCE: Final = 5.0
#: Seconds that PostgreSQL has to begin a transaction, or to read one order for it: a connection on
#: which it does not is silent.
PROMPT_SECONDS: Final = 1.5


class Database:
    """PostgreSQL, seen from one process.

    `url` is SQLAlchemy's or libpq's (`postgresql+asyncpg://`, `postgresql://`, `postgres://`) with
    libpq's parameters, and may name several hosts; `pool_size` is the number of connections that
    are ever held at once.
    """

    def __init__(self, url: str, pool_size: int) -> None:
        self.url = url
        self._pool = Pool(Connector(url).connect, pool_size)

    @asynccontextmanager
    async def driver(self, time_budget: float = PATIENCE) -> AsyncIterator[Connection]:
        """Take a connection of the pool for the time of the block: one statement, one round trip.

        It is in no transaction. A statement raises the service's own errors (see `Connection`); an
        error of the block's own code leaves the block as it is.

        Raises:
            Unavailable: PostgreSQL is out of reach, or took longer than `time_budget` (seconds), or
                than the deadline of the request that is being served.
        """
        connection: Connection | None = None
        time = _in_time(time_budget)
        try:
            async with time:
                connection = await self._pool.acquire()
                yield connection
        except TimeoutError as error:
            if not time.expired():
                raise
            may_have_changed = connection is not None and connection.may_have_changed
            raise unavailable(may_have_changed=may_have_changed) from error
        finally:
            if connection is not None:
                await self._pool.release(connection)

    async def ping(self) -> None:
        """Check that PostgreSQL answers, and takes writes.

        Raises:
            Unavailable: it does not.
        """
        async with self.driver() as driver:
            if await driver.fetchval("SELECT current_setting('transaction_read_only')") == "on":
                driver.is_read_only = True
                raise unavailable(may_have_changed=False) from PermissionError(
                    "PostgreSQL takes no writes: it is a standby, or read-only; name the primary"
                )

    def is_connected(self) -> bool:
        """Whether a connection at rest is open, so that the server lives; nothing is sent."""
        return self._pool.is_connected

    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many are idle."""
        return self._pool.in_use, self._pool.idle

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Bound the statements of the block, which change nothing for good.

    Raises:
        Unavailable: they took longer.
    """
    time = _in_time(seconds)
    try:
        async with time:
            yield
    except TimeoutError as error:
        if not time.expired():
            raise
        raise unavailable(may_have_changed=False) from error


def _in_time(time_budget: float) -> asyncio.Timeout:
    """So many seconds, or until the deadline of the request that is being served."""
    until = asyncio.get_running_loop().time() + time_budget
    return asyncio.timeout_at(min(until, storage_deadline.get() or until))
