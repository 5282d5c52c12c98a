"""A worker: taskiq's receiver, the worker's signs of life, and its end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from taskiq import AckableMessage
from taskiq.acks import AcknowledgeType

from adapters.taskiq.receiver import JudgingReceiver
from libraries.task_stream.broker import HeldTask, RedisStreamBroker

logger = logging.getLogger(__name__)

#: Seconds that a task gets to take note of being canceled.
_CANCEL: Final = 1.0


class Worker:
    """Runs tasks, `at_once` at most.

    When it is to stop, the running tasks get `time_budget` seconds; what has not ended by then is
    given back.
    """

    def __init__(self, broker: RedisStreamBroker, at_once: int, time_budget: float) -> None:
        self._broker = broker
        self._at_once = at_once
        self._patience = time_budget
        #: The tasks that run, of this receiver and of those before it.
        self._running: set[asyncio.Task[object]] = set()
        broker.is_worker_process = True

    async def run(self, stop: asyncio.Event) -> None:
        """Read and run tasks until `stop`; after a failure it may be run again.

        Tasks outlive the failure of the receiver that began them.
        """
        self._broker.serve(self._at_once)
        receiver = _Receiver(self._broker, self._at_once, self._patience, self._running)
        await _until_the_first_ends(receiver.listen(stop), self._broker.keep())

    async def close(self) -> None:
        """Cancel running tasks, give them back, and leave."""
        for task in (late := set(self._running)):
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_CANCEL)
        await self._broker.shutdown()


async def work(
    broker: RedisStreamBroker, stop: asyncio.Event, at_once: int, time_budget: float
) -> None:
    """Be a worker until `stop`, without a supervisor."""
    worker = Worker(broker, at_once, time_budget)
    try:
        await worker.run(stop)
    finally:
        await worker.close()


class _Receiver(JudgingReceiver):
    """taskiq's, which forgets a task when something fails around it, or when time is up."""

    def __init__(
        self,
        broker: RedisStreamBroker,
        at_once: int,
        time_budget: float,
        running: set[asyncio.Task[object]],
    ) -> None:
        super().__init__(
            broker,
            broker.failures,
            max_async_tasks=at_once,
            ack_type=AcknowledgeType.WHEN_EXECUTED,
            wait_tasks_timeout=time_budget,
        )
        self._running = running

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:  # noqa: FBT001, FBT002 - taskiq's signature
        """Run a task; whatever happens around it, the broker learns what became of it."""
        if this := asyncio.current_task():
            self._running.add(this)
            this.add_done_callback(self._running.discard)
        if isinstance(message, HeldTask):
            message.begin()
        try:
            await super().callback(message, raise_err)
        except Exception:
            logger.exception("a task could not even begin")
            if isinstance(message, HeldTask):
                await message.let_go()


async def _until_the_first_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Run all of them; when one ends, end the others, and raise what it raised."""
    tasks = [asyncio.create_task(each) for each in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
