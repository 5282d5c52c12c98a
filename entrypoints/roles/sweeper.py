"""The sweeper: forgotten orders to `process_order_task`, again."""

import asyncio
from datetime import timedelta
from typing import Final

from application.errors import Unavailable
from application.sweep import Sweep
from entrypoints.logs import logger

#: Seconds between two looks at the backlog.
PERIOD: Final = 5.0


async def sweep_for_ever(sweep: Sweep, after: timedelta) -> None:
    """Hand over again, in small batches, what was published longer than `after` ago."""
    while True:
        await sweep_once(sweep, after)
        await asyncio.sleep(PERIOD)


async def sweep_once(sweep: Sweep, after: timedelta) -> None:
    """Hand over all that is forgotten now; what cannot be handed over waits for the next time."""
    try:
        while found := await sweep(after):
            logger.info("handed over again", orders=found)
    except Unavailable:
        logger.warning("the sweeper waits")
