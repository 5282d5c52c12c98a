"""The schema of the database that a process is given."""

import asyncio
from time import monotonic
from typing import Final

from adapters.postgres.migrating import is_at_head, migrate
from adapters.postgres.suitability import require_suitable
from entrypoints.composition.errors import CannotStart
from entrypoints.composition.postgresql import unsuitable_database_refused, wait_for_postgresql
from entrypoints.logs import logger

#: Seconds for which a process waits for the schema to be brought to head.
_PATIENCE: Final = 60.0
_PAUSE: Final = 0.5


async def bring_to_head(url: str) -> bool:
    """Bring the schema to its newest revision; whether there was anything to do.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
        Misconfigured: the database cannot hold the schema.
    """
    await wait_for_postgresql(url)
    with unsuitable_database_refused():
        await require_suitable(url)
        return await migrate(url)


async def schema_is_at_head(url: str) -> bool:
    """Whether the schema is at its newest revision.

    Raises:
        CannotStart: PostgreSQL does not answer in time.
    """
    await wait_for_postgresql(url)
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
