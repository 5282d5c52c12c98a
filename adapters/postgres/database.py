"""PostgreSQL for one process: connections of the pool, each use within a deadline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from adapters.postgres.connection import Connection
from adapters.postgres.connector import Connector
from adapters.postgres.failures import unavailable
from adapters.postgres.pool import Pool
from libraries.asyncio_tools.time_budget import storage_deadline

#: One use of a connection outside of a request, unless the caller gives another timeout.
USE_TIMEOUT_SECONDS: Final = 5.0
#: The first statement of a transaction, or the read of one order before it. A connection on which
#: these take longer is silent.
BEGIN_TIMEOUT_SECONDS: Final = 1.5


class Database:
    """PostgreSQL for one process.

    `url` is SQLAlchemy's or libpq's (`postgresql+asyncpg://`, `postgresql://`, `postgres://`) with
    libpq's parameters, and may name several hosts. At most `pool_size` connections are open.
    """

    def __init__(self, url: str, pool_size: int) -> None:
        self.url = url
        self._pool = Pool(Connector(url).connect, pool_size)

    @asynccontextmanager
    async def connection(
        self, timeout_seconds: float = USE_TIMEOUT_SECONDS
    ) -> AsyncIterator[Connection]:
        """Take a connection of the pool for the block; it is in no transaction.

        Failed statements raise the service's own errors (see `Connection`). Errors of the block's
        own code pass unchanged.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or the block took longer than
                `timeout_seconds`, or longer than the deadline of the current request.
        """
        connection: Connection | None = None
        timeout = _timeout(timeout_seconds)
        try:
            async with timeout:
                connection = await self._pool.acquire()
                yield connection
        except TimeoutError as error:
            if not timeout.expired():
                raise
            may_have_changed = connection is not None and connection.may_have_changed
            raise unavailable(may_have_changed=may_have_changed) from error
        finally:
            if connection is not None:
                await self._pool.release(connection)

    async def ping(self) -> None:
        """Check that PostgreSQL answers and takes writes.

        Raises:
            Unavailable: it does not.
        """
        async with self.connection() as connection:
            if await connection.fetchval("SELECT current_setting('transaction_read_only')") == "on":
                connection.is_read_only = True
                raise unavailable(may_have_changed=False) from PermissionError(
                    "PostgreSQL takes no writes: it is a standby, or read-only; name the primary"
                )

    def is_connected(self) -> bool:
        """Whether an idle connection is open, which means that the server runs; send nothing."""
        return self._pool.is_connected

    def pool_usage(self) -> tuple[int, int]:
        """Return the numbers of connections in use and of idle connections."""
        return self._pool.in_use, self._pool.idle

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Limit the duration of statements that change nothing for good.

    Raises:
        Unavailable: they took longer.
    """
    timeout = _timeout(seconds)
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise unavailable(may_have_changed=False) from error


def _timeout(seconds: float) -> asyncio.Timeout:
    """Return a timeout that also ends at the deadline of the current request."""
    until = asyncio.get_running_loop().time() + seconds
    return asyncio.timeout_at(min(until, storage_deadline.get() or until))
