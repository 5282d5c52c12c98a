"""The schema of the database that a process is given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from adapters.postgres.database import Database, translated
from adapters.postgres.migrating import is_at_head, migrate
from application.errors import Unavailable
from entrypoints.composition.errors import CannotStart
from entrypoints.logs import logger

#: Seconds for which a process waits for PostgreSQL, and for somebody to bring it to head.
_PATIENCE: Final = 60.0
_PAUSE: Final = 0.5


async def bring_to_head(url: str) -> bool:
    """Bring the schema to its newest revision; whether there was anything to do.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
    """
    async with _answering(url) as database:
        return await migrate(database.engine)


async def schema_is_at_head(url: str) -> bool:
    """Whether the schema is at its newest revision.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
    """
    async with _answering(url) as database:
        return await is_at_head(database.engine)


async def wait_for_head(url: str) -> None:
    """Wait until somebody has brought the schema to its newest revision, as a release does.

    Raises:
        CannotStart: nobody does, or PostgreSQL does not answer in time.
    """
    deadline = monotonic() + _PATIENCE
    while not await schema_is_at_head(url):
        if monotonic() > deadline:
            raise CannotStart("The schema is behind this release: run `orders migrate`.")
        logger.warning("waiting for `orders migrate`")
        await asyncio.sleep(2 * _PAUSE)


@asynccontextmanager
async def _answering(url: str) -> AsyncIterator[Database]:
    """A database that answers, for the time of the block."""
    database = Database(url, pool_size=1)
    try:
        await _wait_for(database)
        yield database
    finally:
        await database.close()


async def _wait_for(database: Database) -> None:
    deadline = monotonic() + _PATIENCE
    while True:
        try:
            with translated():
                await database.ping()
        except Unavailable as error:
            if monotonic() > deadline:
                reason = str(error.__cause__ or error)
                raise CannotStart(f"PostgreSQL (DATABASE_URL) does not answer: {reason}") from error
            logger.warning("waiting for PostgreSQL (DATABASE_URL)")
            await asyncio.sleep(_PAUSE)
        else:
            return
