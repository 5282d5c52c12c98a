"""Retention, which purges expired data once an hour across all processes."""

from dataclasses import asdict
from typing import Final

from application.delivery.purge import PurgeExpired
from entrypoints.observability.logs import logger
from entrypoints.processes.lease_release import releasing
from entrypoints.processes.supervisor import every, with_database
from libraries.asyncio_tools.heartbeat import beat

#: How often to check whether a purge is due.
POLL_SECONDS: Final = 60.0


async def purge_periodically(retention: PurgeExpired) -> None:
    """Purge expired data whenever that is due, possibly immediately."""
    async with releasing(retention.release):
        await every(POLL_SECONDS, with_database(lambda: purge(retention)))


async def purge(retention: PurgeExpired) -> None:
    """Purge expired data if it is due."""
    purged = await retention(beat)
    if purged is not None:
        logger.info("expired data purged", **asdict(purged))
