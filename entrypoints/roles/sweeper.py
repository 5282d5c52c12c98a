"""The sweeper: forgotten orders to `process_order_task`, again."""

from datetime import timedelta
from typing import Final

from application.sweep import Sweep
from entrypoints.logs import logger

#: Seconds between two looks at the backlog.
PERIOD: Final = 5.0


async def sweep_once(sweep: Sweep, after: timedelta) -> None:
    """Hand over all orders that are forgotten now."""
    if found := await sweep(after):
        logger.info("handed over again", orders=found)
