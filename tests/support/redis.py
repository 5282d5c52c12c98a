"""Waiting for Redis."""

import asyncio

from adapters.redis.errors import OutOfReach
from adapters.redis.link import RedisLink
from tests.support.patience import LONG


async def reached(link: RedisLink) -> None:
    """Return when the link reaches Redis, at whichever attempt."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                return await link.ping()
            except OutOfReach:
                await asyncio.sleep(0.02)
