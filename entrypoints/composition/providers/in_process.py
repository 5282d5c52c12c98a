"""In-process adapters that take the place of Redis and Kafka."""

from collections.abc import AsyncIterator
from typing import cast

from dishka import AnyOf, Provider, Scope, provide
from taskiq import AsyncBroker

from adapters.memory.bus import MemoryBus
from adapters.memory.cache import MemoryOrderCache
from adapters.memory.checked_cache import CheckedOrderCache
from adapters.memory.limits import MemoryRateLimiter
from adapters.memory.outbox import MemoryRelayWakeup
from adapters.memory.stored_records import MemoryStoredRecords
from adapters.taskiq.queue import TaskiqQueue
from adapters.taskiq.retry_policy import ProcessingRetryPolicy
from application.delivery.dead_letter_order import DeadLetterOrder
from application.ports.events import EventPublisher, EventSources, MessageEncoder, RelayWakeup
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache, OrderReader
from application.ports.stored_records import StoredRecords
from application.ports.tasks import TaskQueue
from entrypoints.composition.checks import BusChecks, CacheChecks
from entrypoints.composition.dead_tasks import dead_lettering
from entrypoints.composition.task_broker import TaskBroker
from entrypoints.composition.worker import TASKS_AT_ONCE
from entrypoints.observability.metrics.scrape import BusGauges
from entrypoints.settings import Settings
from libraries.task_stream.in_process import InProcessBroker
from libraries.task_stream.trace_middleware import TraceMiddleware


class InProcessRedisProvider(Provider):
    """Cache, rate limits and tasks without Redis."""

    scope = Scope.APP

    @provide
    def limiter(self) -> RateLimiter:
        """Rate limits that only apply to this process."""
        return MemoryRateLimiter()

    relay_wakeup = provide(MemoryRelayWakeup, provides=RelayWakeup)

    @provide
    def tasks(self, broker: TaskBroker) -> TaskQueue:
        """The queue to which a consumer hands orders over."""
        return TaskiqQueue(cast("AsyncBroker", broker))

    @provide
    def checks(self) -> CacheChecks:
        """There are no checks, because nothing can be down."""
        return CacheChecks({})

    @provide
    def cache(self, settings: Settings, reader: OrderReader) -> OrderCache:
        """This process's cache, which compares revisions with the storage before each hit."""
        return CheckedOrderCache(MemoryOrderCache(settings.cache_ttl), reader)

    @provide
    async def broker(self, dead_letter_order: DeadLetterOrder) -> AsyncIterator[TaskBroker]:
        """The task broker."""
        policy = ProcessingRetryPolicy(dead_lettering(dead_letter_order))
        broker = InProcessBroker(TASKS_AT_ONCE, policy).with_middlewares(TraceMiddleware())
        await broker.startup()
        yield TaskBroker(broker)
        await broker.drain(0)
        await broker.shutdown()


class InProcessKafkaProvider(Provider):
    """Events without Kafka."""

    scope = Scope.APP

    records = provide(MemoryStoredRecords, provides=StoredRecords)

    @provide
    def checks(self) -> BusChecks:
        """There are no checks, because nothing can be down."""
        return BusChecks({})

    @provide
    def bus(self, encoder: MessageEncoder) -> AnyOf[MemoryBus, EventPublisher, EventSources]:
        """This process's event broker."""
        return MemoryBus(encoder)

    @provide
    def gauges(self, sources: EventSources) -> BusGauges:
        """The lag of each consumer."""
        return BusGauges(sources.lag)
