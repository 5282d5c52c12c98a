"""The loops of a worker: tasks, stalled orders, retention and erasures."""

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final, cast

from dishka import AsyncContainer
from taskiq import AsyncBroker

from application.accounts.continue_erasures import ContinueErasures
from application.delivery.purge import PurgeExpired
from application.delivery.requeue_stalled import RequeueStalledOrders
from application.orders.process_order import ProcessOrder
from entrypoints.composition.storage import StorageLifecycle
from entrypoints.composition.task_broker import TaskBroker
from entrypoints.messaging.tasks import register_tasks
from entrypoints.processes.eraser import erase_periodically
from entrypoints.processes.purger import purge_periodically
from entrypoints.processes.requeuer import Requeuer
from entrypoints.processes.supervisor import Loop, Supervisor
from entrypoints.settings import Settings
from libraries.asyncio_tools.heartbeat import stop_signal
from libraries.task_stream.in_process import InProcessBroker

#: How many tasks a worker runs concurrently. Fulfilment is mostly waiting.
TASKS_AT_ONCE: Final = 256
#: How long tasks that are still running may take to finish when their process stops.
TASKS_DRAIN_SECONDS: Final = 4.0


async def start_worker(
    container: AsyncContainer, supervisor: Supervisor, stack: AsyncExitStack
) -> None:
    """Start `process_order_task`, the requeuer, retention and the eraser."""
    broker = cast("AsyncBroker", await container.get(TaskBroker))
    retention = await container.get(PurgeExpired)
    erase = await container.get(ContinueErasures)
    register_tasks(broker, await container.get(ProcessOrder))
    supervisor.start("worker", _tasks(broker, stack), is_watched=not _runs_here(broker))
    supervisor.start("requeuer", (await _requeuer(container)).run)
    supervisor.start("retention", lambda: purge_periodically(retention))
    supervisor.start("eraser", lambda: erase_periodically(erase))


async def _requeuer(container: AsyncContainer) -> Requeuer:
    """Create the requeuer.

    If the storage is exclusive, the first pass requeues everything that was published before it
    began, because no other process can be working on it.
    """
    settings, requeue = await container.get(Settings), await container.get(RequeueStalledOrders)
    is_exclusive = (await container.get(StorageLifecycle)).is_exclusive
    return Requeuer(requeue, settings.sweep_after, timedelta() if is_exclusive else None)


def _runs_here(broker: AsyncBroker) -> bool:
    return isinstance(broker, InProcessBroker)


def _tasks(broker: AsyncBroker, stack: AsyncExitStack) -> Loop:
    if isinstance(broker, InProcessBroker):
        return lambda: _drain_at_the_end(broker)
    # Only imported when used because it costs a process 7 MiB, see composition/container.py.
    from libraries.task_stream.broker import RedisStreamBroker  # noqa: PLC0415 - as above
    from libraries.task_stream.worker import Worker  # noqa: PLC0415 - as above

    assert isinstance(broker, RedisStreamBroker)  # noqa: S101 - there is no third kind
    worker = Worker(broker, TASKS_AT_ONCE, TASKS_DRAIN_SECONDS)
    stack.push_async_callback(worker.close)
    return lambda: worker.run(stop_signal())


async def _drain_at_the_end(broker: InProcessBroker) -> None:
    """Wait for the stop signal. The broker runs tasks as they arrive, so nothing is polled."""
    await stop_signal().wait()
    await broker.drain(TASKS_DRAIN_SECONDS)
