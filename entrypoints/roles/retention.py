"""Retention: what nobody will need again, swept."""

import asyncio
from typing import Final

from application.errors import Unavailable
from application.retention import Retention
from entrypoints.logs import logger

#: Seconds between two rounds.
PERIOD: Final = 3600.0


async def retain_for_ever(retention: Retention) -> None:
    """Sweep what is old enough, for ever."""
    while True:
        await asyncio.sleep(PERIOD)
        try:
            await retention()
        except Unavailable:
            logger.warning("retention waits")
