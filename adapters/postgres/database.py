"""Access to PostgreSQL through a connection pool with deadlines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from adapters.postgres.connection import Connection
from adapters.postgres.connector import Connector
from adapters.postgres.failures import unavailable
from adapters.postgres.pool import Pool
from libraries.asyncio_tools.time_budget import storage_deadline

#: The default timeout for using a connection outside a request.
USE_TIMEOUT_SECONDS: Final = 5.0
#: The timeout for the first statement in a transaction, or for reading an order in it. If it takes
#: longer, the connection is considered silent.
BEGIN_TIMEOUT_SECONDS: Final = 1.5


class Database:
    """A process's access to PostgreSQL.

    `url` can be a SQLAlchemy URL or a libpq URL (`postgresql+asyncpg://`, `postgresql://` or
    `postgres://`) with libpq's parameters and several hosts. At most `pool_size` connections are
    open at the same time.
    """

    def __init__(self, url: str, pool_size: int) -> None:
        self.url = url
        self._pool = Pool(Connector(url).connect, pool_size)

    @asynccontextmanager
    async def connection(
        self, timeout_seconds: float = USE_TIMEOUT_SECONDS
    ) -> AsyncIterator[Connection]:
        """Borrow a connection from the pool. A transaction has not been started yet.

        If a statement fails, it raises one of the service's own errors (see `Connection`). Other
        errors from within the block are not changed.

        Raises:
            Unavailable: PostgreSQL is unreachable, the block took longer than `timeout_seconds`, or
                the current request's deadline has passed.
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
        """Check that PostgreSQL is responding and accepts writes.

        Raises:
            Unavailable: PostgreSQL is unreachable or read-only.
        """
        async with self.connection() as connection:
            if await connection.fetchval("SELECT current_setting('transaction_read_only')") == "on":
                connection.is_read_only = True
                raise unavailable(may_have_changed=False) from PermissionError(
                    "PostgreSQL is a standby or read-only and rejects writes: use the primary"
                )

    def is_connected(self) -> bool:
        """Return whether an idle connection is open, without sending anything.

        If there is one, the server is running.
        """
        return self._pool.is_connected

    def pool_usage(self) -> tuple[int, int]:
        """Return how many connections are in use and how many are idle."""
        return self._pool.in_use, self._pool.idle

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()


@asynccontextmanager
async def within(seconds: float, *, commits: bool = False) -> AsyncIterator[None]:
    """Limit the duration of statements. They don't make permanent changes unless one `commits`.

    Raises:
        Unavailable: the statements took longer.
    """
    timeout = _timeout(seconds)
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise unavailable(may_have_changed=commits) from error


def _timeout(seconds: float) -> asyncio.Timeout:
    """Return a timeout that also ends at the current request's deadline."""
    until = asyncio.get_running_loop().time() + seconds
    return asyncio.timeout_at(min(until, storage_deadline.get() or until))
