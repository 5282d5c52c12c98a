"""Links to Redis, and waiting for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.redis.errors import OutOfReach
from adapters.redis.link import RedisLink
from tests.support.patience import LONG


@asynccontextmanager
async def linked(url: str, prefix: str = "") -> AsyncIterator[RedisLink]:
    """A link that reaches Redis, and waits for its answers."""
    link = RedisLink(url, prefix, at_most=LONG)
    await link.open(LONG)
    try:
        await reached(link)
        yield link
    finally:
        await link.close()


async def reached(link: RedisLink) -> None:
    """Return when the link reaches Redis, at whichever attempt."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                await link.call("PING")
            except OutOfReach:
                await asyncio.sleep(0.02)
            else:
                return
