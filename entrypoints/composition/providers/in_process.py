"""The adapters of one process, in place of Redis and Kafka."""

from collections.abc import AsyncIterator

from dishka import AnyOf, Provider, Scope, provide
from taskiq import AsyncBroker

from adapters.memory.bus import MemoryBus
from adapters.memory.cache import MemoryOrderCache
from adapters.memory.checked_cache import CheckedOrderCache
from adapters.memory.limits import MemoryRateLimiter
from adapters.memory.outbox import MemoryRelayWakeup
from adapters.taskiq.queue import TaskiqQueue
from adapters.taskiq.retry_policy import ProcessingRetryPolicy
from application.delivery.dead_letter_order import DeadLetterOrder
from application.ports.events import EventPublisher, EventSources, MessageEncoder, RelayWakeup
from application.ports.limits import RateLimiter
from application.ports.orders import OrderCache, OrderReader
from application.ports.tasks import TaskQueue
from entrypoints.composition.checks import BusChecks, CacheChecks
from entrypoints.composition.dead_tasks import dead_lettering
from entrypoints.composition.worker import TASKS_AT_ONCE
from entrypoints.observability.metrics.scrape import BusGauges
from entrypoints.settings import Settings
from libraries.task_stream.in_process import InProcessBroker
from libraries.task_stream.trace_middleware import TraceMiddleware


class InProcessRedisProvider(Provider):
    """Cache, limits and tasks without Redis."""

    scope = Scope.APP

    @provide
    def limiter(self) -> RateLimiter:
        """The limits of this process."""
        return MemoryRateLimiter()

    relay_wakeup = provide(MemoryRelayWakeup, provides=RelayWakeup)
    tasks = provide(TaskiqQueue, provides=TaskQueue)

    @provide
    def checks(self) -> CacheChecks:
        """Nothing can be down."""
        return CacheChecks({})

    @provide
    def cache(self, settings: Settings, reader: OrderReader) -> OrderCache:
        """The cache of this process, which compares revisions with the storage before a hit."""
        return CheckedOrderCache(MemoryOrderCache(settings.cache_ttl), reader)

    @provide
    async def broker(self, dead_letter_order: DeadLetterOrder) -> AsyncIterator[AsyncBroker]:
        """The broker of the tasks."""
        policy = ProcessingRetryPolicy(dead_lettering(dead_letter_order))
        broker = InProcessBroker(TASKS_AT_ONCE, policy).with_middlewares(TraceMiddleware())
        await broker.startup()
        yield broker
        await broker.drain(0)
        await broker.shutdown()


class InProcessKafkaProvider(Provider):
    """Events without Kafka."""

    scope = Scope.APP

    @provide
    def checks(self) -> BusChecks:
        """Nothing can be down."""
        return BusChecks({})

    @provide
    def bus(self, encoder: MessageEncoder) -> AnyOf[MemoryBus, EventPublisher, EventSources]:
        """Return the broker of this process."""
        return MemoryBus(encoder)

    @provide
    def gauges(self, sources: EventSources) -> BusGauges:
        """Return the lag of each consumer."""
        return BusGauges(sources.lag)
