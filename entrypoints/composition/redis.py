"""The adapters over Redis."""

from collections.abc import AsyncIterator
from contextlib import suppress

from dishka import Provider, Scope, provide
from taskiq import AsyncBroker

from adapters.memory.limits import MemoryRateLimiter
from adapters.redis.bell import RedisOutboxBell
from adapters.redis.cache import RedisOrderCache
from adapters.redis.eviction import eviction_warning
from adapters.redis.limits import RedisRateLimiter
from adapters.redis.link import RedisLink
from adapters.redis.readiness import ensure_ready
from adapters.taskiq.queue import TaskiqQueue
from adapters.taskiq.readiness import QueueCheck
from adapters.taskiq.redis_streams import RedisStreamBroker
from application.bury_order import BuryOrder
from application.errors import QueueUnavailable
from application.ports.events import OutboxBell
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache
from application.ports.tasks import TaskQueue
from entrypoints.composition.checks import CacheChecks
from entrypoints.composition.dead_tasks import burying
from entrypoints.composition.remedies import with_remedy_of_redis
from entrypoints.logs import logger
from entrypoints.settings import BadSettings, Settings


class RedisProvider(Provider):
    """Cache, limits, bell and tasks, shared by all processes."""

    scope = Scope.APP

    bell = provide(RedisOutboxBell, provides=OutboxBell)
    tasks = provide(TaskiqQueue, provides=TaskQueue)

    @provide
    async def link(self, settings: Settings) -> AsyncIterator[RedisLink]:
        """The link of this process; without Redis the process starts degraded.

        Raises:
            BadSettings: the server cannot be used with this URL.
        """
        link = RedisLink(settings.redis_url or "", settings.redis_prefix)
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
    def cache(self, link: RedisLink, settings: Settings) -> OrderCache:
        """The cache of all processes."""
        return RedisOrderCache(link, settings.cache_ttl)

    @provide
    def limiter(self, link: RedisLink) -> RateLimiter:
        """The limits of all processes; each keeps its own while Redis is away."""
        return RedisRateLimiter(link, MemoryRateLimiter())

    @provide
    def broker(self, settings: Settings, bury_order: BuryOrder) -> AsyncBroker:
        """The broker of the tasks; who runs them starts and stops it."""
        return RedisStreamBroker(
            settings.redis_url or "", settings.redis_prefix, on_dead=burying(bury_order)
        )

    @provide
    async def checks(self, link: RedisLink, settings: Settings) -> AsyncIterator[CacheChecks]:
        """Without Redis a process is degraded."""
        ensure_queue = QueueCheck(settings.redis_url or "", settings.redis_prefix)

        async def check() -> None:
            await ensure_ready(link)
            await ensure_queue()

        yield CacheChecks({"redis": with_remedy_of_redis(check)})
        with suppress(QueueUnavailable):
            await ensure_queue.close()
