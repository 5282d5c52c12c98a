"""The roles, put together: as loops of one process, or as processes of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from dishka import AsyncContainer
from taskiq import AsyncBroker, InMemoryBroker

from adapters.postgres.database import Database
from application.bury_message import BuryMessage
from application.ports.events import EventSource, OutboxBell
from application.ports.orders import OrderReader
from application.ports.tasks import TaskQueue
from application.process_order import ProcessOrder
from application.relay_outbox import RelayOutbox
from application.requeue_stalled import RequeueStalledOrders
from application.retention import Retention
from entrypoints.composition.resources import Resources
from entrypoints.logs import logger
from entrypoints.metrics.scrape import Metrics
from entrypoints.metrics.table import IS_SHARED
from entrypoints.roles.backoff import Backoff
from entrypoints.roles.consumer import consume
from entrypoints.roles.keeper import keep_alive
from entrypoints.roles.relay import relay
from entrypoints.roles.requeuer import Requeuer
from entrypoints.roles.retention import purge_for_ever
from entrypoints.settings import Settings
from entrypoints.tasks import register_tasks

#: Tasks that a worker runs at once; the fulfilment mostly waits.
TASKS_AT_ONCE: Final = 256
#: Seconds that running tasks get to end when their process stops.
DRAIN: Final = 5.0

Loop = Callable[[], Awaitable[None]]


@asynccontextmanager
async def running_relay(container: AsyncContainer) -> AsyncIterator[None]:
    """Outbox to broker, until the end of the block."""
    relay_outbox = await container.get(RelayOutbox)
    bell = await container.get(OutboxBell)
    async with _running("relay", lambda: relay(relay_outbox, bell)):
        yield


@asynccontextmanager
async def running_consumer(container: AsyncContainer) -> AsyncIterator[None]:
    """`new_order` to the task queue, until the end of the block."""
    source = await container.get(EventSource)
    tasks = await container.get(TaskQueue)
    orders = await container.get(OrderReader)
    bury = await container.get(BuryMessage)
    async with _running("consumer", lambda: consume(source, tasks, orders, bury)):
        yield


@asynccontextmanager
async def running_worker(container: AsyncContainer) -> AsyncIterator[None]:
    """`process_order_task`, requeuer and retention, until the end of the block."""
    settings = await container.get(Settings)
    broker = await container.get(AsyncBroker)
    requeue = await container.get(RequeueStalledOrders)
    retention = await container.get(Retention)
    register_tasks(broker, await container.get(ProcessOrder))
    # Nobody else works on an embedded database: what is unprocessed now is under way nowhere.
    is_alone = (await container.get(Resources)).revive is not None
    first = timedelta() if is_alone else None
    requeuer = Requeuer(requeue, settings.sweep_after, first)
    async with (
        _running_tasks(broker),
        _running("requeuer", requeuer.run),
        _running("retention", lambda: purge_for_ever(retention)),
    ):
        yield


@asynccontextmanager
async def running_keeper(container: AsyncContainer) -> AsyncIterator[None]:
    """Keeps a database of our own alive, until the end of the block."""
    resources = await container.get(Resources)
    database = await container.get(Database)
    if resources.revive is None:
        yield
        return
    revive = resources.revive
    async with _running("keeper", lambda: keep_alive(database.ping, revive)):
        yield


@asynccontextmanager
async def running_watch(container: AsyncContainer) -> AsyncIterator[None]:
    """Tells the other workers of the service about this one, until the end of the block."""
    if not IS_SHARED:
        yield
        return
    metrics = await container.get(Metrics)
    async with _running("watch", metrics.watch):
        yield


@asynccontextmanager
async def _running_tasks(broker: AsyncBroker) -> AsyncIterator[None]:
    if isinstance(broker, InMemoryBroker):
        yield  # it runs what it is given, where it is given it
        return
    # It knows Redis, which a process without one need not load.
    from adapters.taskiq.worker import work as run_tasks  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    tasks = asyncio.create_task(run_tasks(broker, stop, TASKS_AT_ONCE, DRAIN))
    try:
        yield
    finally:
        stop.set()
        await tasks


@asynccontextmanager
async def _running(name: str, loop: Loop) -> AsyncIterator[None]:
    task = asyncio.create_task(_supervised(name, loop))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _supervised(name: str, loop: Loop) -> None:
    """Run a role for ever: what it did not expect is logged, and it begins again."""
    backoff = Backoff()
    while True:
        try:
            await loop()
        except Exception:  # noqa: BLE001 - a role outlives whatever one of its rounds met
            logger.exception("a role failed and begins again", role=name)
            await backoff.wait()
