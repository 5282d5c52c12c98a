"""The schema of the database that a process is given."""

import asyncio
from time import monotonic
from typing import Final

from adapters.postgres.database import Database
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
    await _wait_for_postgresql(url)
    return await migrate(url)


async def schema_is_at_head(url: str) -> bool:
    """Whether the schema is at its newest revision.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
    """
    await _wait_for_postgresql(url)
    return await is_at_head(url)


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


async def _wait_for_postgresql(url: str) -> None:
    database = Database(url, pool_size=1)
    deadline = monotonic() + _PATIENCE
    try:
        while True:
            try:
                async with database.driver():
                    return
            except Unavailable as error:
                if monotonic() > deadline:
                    raise CannotStart(
                        f"PostgreSQL (DATABASE_URL) does not answer: {_reason_of(error)}"
                    ) from error
                logger.warning("waiting for PostgreSQL (DATABASE_URL)")
                await asyncio.sleep(_PAUSE)
    finally:
        await database.close()


def _reason_of(error: Unavailable) -> str:
    cause = error.__cause__ or error
    return str(cause) or type(cause).__name__
