"""Retention: expired data, purged once an hour over all processes."""

from typing import Final

from application.retention import Retention
from entrypoints.logs import logger
from entrypoints.roles.rounds import releasing, repeat

#: Seconds between two looks at whether a purge is due.
POLL_SECONDS: Final = 60.0


async def purge_for_ever(retention: Retention) -> None:
    """Purge expired data whenever that is due, at once if it is due now."""
    async with releasing(retention.release):
        await repeat("retention", POLL_SECONDS, lambda: purge(retention))


async def purge(retention: Retention) -> None:
    """Purge expired data if that is due."""
    purged = await retention()
    if purged is not None:
        logger.info(
            "expired data purged", dead_letters=purged.dead_letters, payloads=purged.payloads
        )
