"""Redis clients for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.redis.cache import RedisOrderCache
from adapters.redis.generation import CacheGeneration, key_prefix
from adapters.redis.relay_wakeup import RedisRelayWakeup
from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable
from tests.support.deadlines import LONG


class ServiceClient(RedisClient):
    """The client and the cache's part of the handshake, connected as in the composition root."""

    def __init__(self, url: str, prefix: str = "", timeout_seconds: float = LONG) -> None:
        self.generation = CacheGeneration(prefix)
        super().__init__(url, key_prefix(prefix), timeout_seconds, self.generation.check)

    def cache(self, ttl: float = 60) -> RedisOrderCache:
        """Return a cache that uses this client."""
        return RedisOrderCache(self, self.generation, ttl)


@asynccontextmanager
async def connected(url: str, prefix: str = "") -> AsyncIterator[ServiceClient]:
    """Yield a connected client with a long timeout."""
    client = ServiceClient(url, prefix)
    await client.open(LONG)
    try:
        await wait_available(client)
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def listening(client: RedisClient) -> AsyncIterator[RedisRelayWakeup]:
    """Yield a wakeup that is subscribed, and has no notification."""
    relay_wakeup = RedisRelayWakeup(client)
    try:
        assert await relay_wakeup.open(LONG)
        # A second attempt to subscribe notifies because we may have missed a notification.
        await relay_wakeup.wait(0)
        yield relay_wakeup
    finally:
        await relay_wakeup.close()


async def wait_available(client: RedisClient) -> None:
    """Wait until Redis responds."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                await client.execute("PING")
            except RedisUnavailable:
                await asyncio.sleep(0.02)
            else:
                return
