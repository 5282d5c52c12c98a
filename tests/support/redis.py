"""Links to Redis, and waiting for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable
from tests.support.deadlines import LONG


@asynccontextmanager
async def linked(url: str, prefix: str = "") -> AsyncIterator[RedisClient]:
    """A link that reaches Redis, and waits for its answers."""
    link = RedisClient(url, prefix, at_most=LONG)
    await link.open(LONG)
    try:
        await reached(link)
        yield link
    finally:
        await link.close()


async def reached(link: RedisClient) -> None:
    """Return when the link reaches Redis, at whichever attempt."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                await link.call("PING")
            except RedisUnavailable:
                await asyncio.sleep(0.02)
            else:
                return
