"""The roles, put together: as loops of one process, or as processes of their own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from dishka import AsyncContainer
from taskiq import AsyncBroker

from adapters.postgres.database import Database
from application.delivery.dead_letter_message import DeadLetterMessage
from application.delivery.purge import PurgeExpired
from application.delivery.relay_outbox import RelayOutbox
from application.delivery.requeue_stalled import RequeueStalledOrders
from application.orders.process_order import ProcessOrder
from application.ports.events import EventSources, RelayWakeup
from application.ports.orders import OrderReader
from entrypoints.composition.startup_context import StartupContext
from entrypoints.messaging.consumer import Consumer
from entrypoints.messaging.subscriptions import Subscription
from entrypoints.messaging.tasks import register_tasks
from entrypoints.observability.metrics.scrape import SHARE_SECONDS, Metrics
from entrypoints.observability.metrics.table import IS_SHARED
from entrypoints.processes import watchdog
from entrypoints.processes.purger import purge_periodically
from entrypoints.processes.relay import relay
from entrypoints.processes.requeuer import Requeuer
from entrypoints.processes.supervisor import Loop, Supervisor, every, with_database
from entrypoints.processes.watchdog import keep_alive
from entrypoints.settings import Settings
from libraries.asyncio_tools.heartbeat import stop_signal
from libraries.task_stream.in_process import InProcessBroker

#: Tasks that a worker runs at once; the fulfilment mostly waits.
TASKS_AT_ONCE: Final = 256
#: Seconds that running tasks get to end when their process stops, and that any loop gets.
TASKS_DRAIN_SECONDS: Final = 4.0
DRAIN_SECONDS: Final = 4.5

#: Starts the loops of a role; the contexts that it enters are left when they have ended.
Role = Callable[[AsyncContainer, Supervisor, AsyncExitStack], Awaitable[None]]


@asynccontextmanager
async def running(container: AsyncContainer, *roles: Role) -> AsyncIterator[None]:
    """Run roles until the end of the block; then all of them end at the same time."""
    supervisor = await container.get(Supervisor)
    async with AsyncExitStack() as stack:
        try:
            for role in roles:
                await role(container, supervisor, stack)
            yield
        finally:
            await supervisor.stop(DRAIN_SECONDS)


async def relay_role(container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack) -> None:
    """Outbox to broker."""
    relay_outbox = await container.get(RelayOutbox)
    relay_wakeup = await container.get(RelayWakeup)
    supervisor.start("relay", lambda: relay(relay_outbox, relay_wakeup))


def consumer_role(*subscriptions: Subscription) -> Role:
    """Return the role of these consumers, each with a loop of its own."""

    async def start(container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack) -> None:
        sources = await container.get(EventSources)
        for each in subscriptions:
            consumer = Consumer(
                each.topic,
                await container.get(each.handler),
                await container.get(OrderReader),
                await container.get(DeadLetterMessage),
            )
            source = sources.subscribe(each.topic, each.group)
            supervisor.start(f"consumer {each.group}", partial(consumer.run, source))

    return start


async def worker_role(
    container: AsyncContainer, supervisor: Supervisor, stack: AsyncExitStack
) -> None:
    """`process_order_task`, requeuer and retention."""
    broker = await container.get(AsyncBroker)
    retention = await container.get(PurgeExpired)
    register_tasks(broker, await container.get(ProcessOrder))
    supervisor.start("worker", _tasks(broker, stack), is_watched=not _runs_here(broker))
    supervisor.start("requeuer", (await _requeuer(container)).run)
    supervisor.start("retention", lambda: purge_periodically(retention))


async def watchdog_role(
    container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack
) -> None:
    """Keep a database of our own alive."""
    revive = (await container.get(StartupContext)).revive
    if revive is not None:
        database = await container.get(Database)
        ping = with_database(database.ping)
        watch = partial(keep_alive, database.is_connected, ping, revive)
        supervisor.start("keeper", lambda: every(watchdog.PERIOD, watch))


async def watch_role(container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack) -> None:
    """Share the gauges of this worker of the service with the others."""
    if IS_SHARED:
        metrics = await container.get(Metrics)
        supervisor.start("watch", lambda: every(SHARE_SECONDS, metrics.share))


async def _requeuer(container: AsyncContainer) -> Requeuer:
    """Make the requeuer.

    No other process works on an embedded database: the first pass there requeues everything that
    was published before it began. Elsewhere that may be under way.
    """
    settings, requeue = await container.get(Settings), await container.get(RequeueStalledOrders)
    is_alone = (await container.get(StartupContext)).revive is not None
    return Requeuer(requeue, settings.sweep_after, timedelta() if is_alone else None)


def _runs_here(broker: AsyncBroker) -> bool:
    return isinstance(broker, InProcessBroker)


def _tasks(broker: AsyncBroker, stack: AsyncExitStack) -> Loop:
    if isinstance(broker, InProcessBroker):
        return lambda: _drain_at_the_end(broker)
    # It knows Redis, which a process without one need not load.
    from libraries.task_stream.broker import RedisStreamBroker  # noqa: PLC0415 - as above
    from libraries.task_stream.worker import Worker  # noqa: PLC0415 - as above

    assert isinstance(broker, RedisStreamBroker)  # noqa: S101 - there is no third
    worker = Worker(broker, TASKS_AT_ONCE, TASKS_DRAIN_SECONDS)
    stack.push_async_callback(worker.close)
    return lambda: worker.run(stop_signal())


async def _drain_at_the_end(broker: InProcessBroker) -> None:
    """Wait: such a broker runs each task when it is brought."""
    await stop_signal().wait()
    await broker.drain(TASKS_DRAIN_SECONDS)
