"""The roles, put together: as loops of one process, or as processes of their own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from dishka import AsyncContainer
from taskiq import AsyncBroker

from adapters.postgres.database import Database
from adapters.taskiq.in_process import InProcessBroker
from application.bury_message import BuryMessage
from application.ports.events import EventSource, OutboxBell
from application.ports.orders import OrderReader
from application.ports.tasks import TaskQueue
from application.process_order import ProcessOrder
from application.progress import stop_signal
from application.relay_outbox import RelayOutbox
from application.requeue_stalled import RequeueStalledOrders
from application.retention import Retention
from entrypoints.composition.resources import Resources
from entrypoints.metrics.scrape import SHARE_SECONDS, Metrics
from entrypoints.metrics.table import IS_SHARED
from entrypoints.roles import keeper
from entrypoints.roles.consumer import consume
from entrypoints.roles.keeper import keep_alive
from entrypoints.roles.relay import relay
from entrypoints.roles.requeuer import Requeuer
from entrypoints.roles.retention import purge_for_ever
from entrypoints.roles.supervisor import Loop, Supervisor, every, with_database
from entrypoints.settings import Settings
from entrypoints.tasks import register_tasks

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
    bell = await container.get(OutboxBell)
    supervisor.start("relay", lambda: relay(relay_outbox, bell))


async def consumer_role(
    container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack
) -> None:
    """`new_order` to the task queue."""
    source = await container.get(EventSource)
    tasks = await container.get(TaskQueue)
    orders = await container.get(OrderReader)
    bury = await container.get(BuryMessage)
    supervisor.start("consumer", lambda: consume(source, tasks, orders, bury))


async def worker_role(
    container: AsyncContainer, supervisor: Supervisor, stack: AsyncExitStack
) -> None:
    """`process_order_task`, requeuer and retention."""
    broker = await container.get(AsyncBroker)
    retention = await container.get(Retention)
    register_tasks(broker, await container.get(ProcessOrder))
    supervisor.start("worker", _tasks(broker, stack), is_watched=not _runs_here(broker))
    supervisor.start("requeuer", (await _requeuer(container)).run)
    supervisor.start("retention", lambda: purge_for_ever(retention))


async def keeper_role(container: AsyncContainer, supervisor: Supervisor, _: AsyncExitStack) -> None:
    """Keep a database of our own alive."""
    revive = (await container.get(Resources)).revive
    if revive is not None:
        database = await container.get(Database)
        ping = with_database(database.ping)
        watch = partial(keep_alive, database.is_connected, ping, revive)
        supervisor.start("keeper", lambda: every(keeper.PERIOD, watch))


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
    is_alone = (await container.get(Resources)).revive is not None
    return Requeuer(requeue, settings.sweep_after, timedelta() if is_alone else None)


def _runs_here(broker: AsyncBroker) -> bool:
    return isinstance(broker, InProcessBroker)


def _tasks(broker: AsyncBroker, stack: AsyncExitStack) -> Loop:
    if isinstance(broker, InProcessBroker):
        return lambda: _drain_at_the_end(broker)
    # It knows Redis, which a process without one need not load.
    from adapters.taskiq.redis_streams import RedisStreamBroker  # noqa: PLC0415 - as above
    from adapters.taskiq.worker import Worker  # noqa: PLC0415 - as above

    assert isinstance(broker, RedisStreamBroker)  # noqa: S101 - there is no third
    worker = Worker(broker, TASKS_AT_ONCE, TASKS_DRAIN_SECONDS)
    stack.push_async_callback(worker.close)
    return lambda: worker.run(stop_signal())


async def _drain_at_the_end(broker: InProcessBroker) -> None:
    """Wait: such a broker runs each task when it is brought."""
    await stop_signal().wait()
    await broker.drain(TASKS_DRAIN_SECONDS)
