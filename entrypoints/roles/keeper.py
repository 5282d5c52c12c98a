"""The keeper: starts a database of our own again where it has died."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from application.errors import Unavailable
from entrypoints.logs import logger

#: Seconds between two signs of life.
_PERIOD: Final = 0.5


async def keep_alive(
    ping: Callable[[], Awaitable[None]], revive: Callable[[], Awaitable[None]]
) -> None:
    """Ask the database for a sign of life, for ever; without one, start it again."""
    while True:
        await asyncio.sleep(_PERIOD)
        try:
            await ping()
        except Unavailable:
            logger.warning("the embedded PostgreSQL does not answer")
            await revive()
