"""The adapters over Redis."""

from collections.abc import AsyncIterator
from contextlib import suppress

from dishka import Provider, Scope, provide
from taskiq import AsyncBroker

from adapters.memory.limits import MemoryRateLimiter
from adapters.redis.cache import RedisOrderCache
from adapters.redis.eviction import eviction_warning
from adapters.redis.limits import RedisRateLimiter
from adapters.redis.readiness import ensure_ready
from adapters.redis.relay_wakeup import RedisRelayWakeup
from adapters.taskiq.queue import TaskiqQueue
from adapters.taskiq.readiness import QueueCheck
from application.delivery.dead_letter_order import DeadLetterOrder
from application.errors import QueueUnavailable
from application.ports.events import RelayWakeup
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache
from application.ports.tasks import TaskQueue
from entrypoints.composition.checks import CacheChecks
from entrypoints.composition.dead_tasks import dead_lettering
from entrypoints.composition.remedies import with_remedy_of_redis
from entrypoints.observability.logs import logger
from entrypoints.settings import BadSettings, Settings
from libraries.redis_client.client import RedisClient
from libraries.task_stream.broker import RedisStreamBroker


class RedisProvider(Provider):
    """Cache, limits, bell and tasks, shared by all processes."""

    scope = Scope.APP

    relay_wakeup = provide(RedisRelayWakeup, provides=RelayWakeup)
    tasks = provide(TaskiqQueue, provides=TaskQueue)

    @provide
    async def link(self, settings: Settings) -> AsyncIterator[RedisClient]:
        """The link of this process; without Redis the process starts degraded.

        Raises:
            BadSettings: the server cannot be used with this URL.
        """
        link = RedisClient(settings.redis_url or "", settings.redis_prefix)
        if await link.open():
            if warning := await eviction_warning(link):
                logger.warning(warning)
        elif link.unusable:
            await link.close()
            raise BadSettings({"REDIS_URL": link.unusable})
        else:
            reason = f": {link.reason}" if link.reason else ""
            logger.warning(f"Redis (REDIS_URL) does not answer; starting without it{reason}")
        yield link
        await link.close()

    @provide
    def cache(self, link: RedisClient, settings: Settings) -> OrderCache:
        """The cache of all processes."""
        return RedisOrderCache(link, settings.cache_ttl)

    @provide
    def limiter(self, link: RedisClient) -> RateLimiter:
        """The limits of all processes; each keeps its own while Redis is away."""
        return RedisRateLimiter(link, MemoryRateLimiter())

    @provide
    def broker(self, settings: Settings, dead_letter_order: DeadLetterOrder) -> AsyncBroker:
        """The broker of the tasks; who runs them starts and stops it."""
        on_dead = dead_lettering(dead_letter_order)
        return RedisStreamBroker(settings.redis_url or "", settings.redis_prefix, on_dead=on_dead)

    @provide
    async def checks(self, link: RedisClient, settings: Settings) -> AsyncIterator[CacheChecks]:
        """Without Redis a process is degraded."""
        ensure_queue = QueueCheck(settings.redis_url or "", settings.redis_prefix)

        async def check() -> None:
            await ensure_ready(link)
            await ensure_queue()

        yield CacheChecks({"redis": with_remedy_of_redis(check)})
        with suppress(QueueUnavailable):
            await ensure_queue.close()
