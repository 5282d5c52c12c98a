"""The Redis adapters."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from dishka import Provider, Scope, provide

from adapters.memory.limits import MemoryRateLimiter
from adapters.redis.cache import RedisOrderCache
from adapters.redis.eviction import eviction_warning
from adapters.redis.generation import CacheGeneration, key_prefix
from adapters.redis.limits import RedisRateLimiter
from adapters.redis.readiness import ensure_ready
from adapters.redis.relay_wakeup import RedisRelayWakeup
from adapters.taskiq.errors import logged_outages
from adapters.taskiq.readiness import QueueCheck
from application.delivery.dead_letter_order import DeadLetterOrder
from application.errors import QueueUnavailable
from application.ports.events import RelayWakeup
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache
from application.ports.tasks import TaskQueue
from entrypoints.composition.checks import CacheChecks
from entrypoints.composition.remedies import with_remedy_of_redis
from entrypoints.composition.task_broker import TaskBroker
from entrypoints.observability.logs import logger
from entrypoints.settings import BadSettings, Settings
from libraries.redis_client.client import RedisClient

if TYPE_CHECKING:
    from taskiq import AsyncBroker


class RedisProvider(Provider):
    """Cache, rate limits, relay wakeup and tasks, shared by all processes."""

    scope = Scope.APP

    relay_wakeup = provide(RedisRelayWakeup, provides=RelayWakeup)

    @provide
    def cache_generation(self, settings: Settings) -> CacheGeneration:
        """The cache's part in each handshake with Redis."""
        return CacheGeneration(settings.redis_prefix)

    @provide
    async def client(
        self, settings: Settings, generation: CacheGeneration
    ) -> AsyncIterator[RedisClient]:
        """This process's Redis client. If Redis is down, the process starts degraded.

        Raises:
            BadSettings: the server cannot be used with this URL.
        """
        prefix = key_prefix(settings.redis_prefix)
        client = RedisClient(settings.redis_url or "", prefix, on_handshake=generation.check)
        if await client.open():
            if warning := await eviction_warning(client):
                logger.warning(warning)
        elif client.unusable_reason:
            await client.close()
            raise BadSettings({"REDIS_URL": client.unusable_reason})
        else:
            reason = f": {client.unavailable_reason}" if client.unavailable_reason else ""
            logger.warning(f"Redis (REDIS_URL) is not responding, starting without it{reason}")
        yield client
        await client.close()

    @provide
    def cache(
        self, client: RedisClient, generation: CacheGeneration, settings: Settings
    ) -> OrderCache:
        """The cache that all processes share."""
        return RedisOrderCache(client, generation, settings.cache_ttl)

    @provide
    def limiter(self, client: RedisClient) -> RateLimiter:
        """Shared rate limits. While Redis is unavailable, each process uses its own."""
        return RedisRateLimiter(client, MemoryRateLimiter())

    @provide
    def tasks(self, broker: TaskBroker) -> TaskQueue:
        """The queue to which a consumer hands orders over."""
        from adapters.taskiq.queue import TaskiqQueue  # noqa: PLC0415 - as below

        return TaskiqQueue(cast("AsyncBroker", broker))

    @provide
    def broker(self, settings: Settings, dead_letter_order: DeadLetterOrder) -> TaskBroker:
        """The task broker, which the worker role starts and stops."""
        # Only imported when used, see entrypoints/composition/task_broker.py.
        from adapters.taskiq.retry_policy import ProcessingRetryPolicy  # noqa: PLC0415 - as above
        from entrypoints.composition.dead_tasks import dead_lettering  # noqa: PLC0415 - as above
        from libraries.task_stream.broker import RedisStreamBroker  # noqa: PLC0415 - as above
        from libraries.task_stream.trace_middleware import (  # noqa: PLC0415 - as above
            TraceMiddleware,
        )

        broker = RedisStreamBroker(
            settings.redis_url or "",
            settings.redis_prefix,
            ProcessingRetryPolicy(dead_lettering(dead_letter_order)),
            watch_read=logged_outages,
        )
        return TaskBroker(broker.with_middlewares(TraceMiddleware()))

    @provide
    async def checks(self, client: RedisClient, settings: Settings) -> AsyncIterator[CacheChecks]:
        """A process without Redis is only degraded."""
        ensure_queue = QueueCheck(settings.redis_url or "", settings.redis_prefix)

        async def check() -> None:
            await ensure_ready(client)
            await ensure_queue()

        yield CacheChecks({"redis": with_remedy_of_redis(check)})
        with suppress(QueueUnavailable):
            await ensure_queue.close()
