"""Run taskiq's receiver and the worker's heartbeats, and shut them down."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from taskiq import AckableMessage
from taskiq.acks import AcknowledgeType

from libraries.task_stream.broker import HeldTask, RedisStreamBroker
from libraries.task_stream.receiver import RetryingReceiver

logger = logging.getLogger(__name__)

#: How long a canceled task may take to end.
_CANCEL_SECONDS: Final = 1.0


class Worker:
    """Runs up to `max_running` tasks concurrently.

    When it is stopped, running tasks have `drain_seconds` to finish. All others are put back.
    """

    def __init__(self, broker: RedisStreamBroker, max_running: int, drain_seconds: float) -> None:
        self._broker = broker
        self._max_running = max_running
        self._drain_seconds = drain_seconds
        #: The running tasks of the current and all previous receivers.
        self._running: set[asyncio.Task[object]] = set()
        broker.is_worker_process = True

    async def run(self, stop: asyncio.Event) -> None:
        """Read and run tasks until `stop` is set. Can be called again after a failure.

        If a receiver fails, the tasks that it has started keep running.
        """
        self._broker.expect_reads(self._max_running)
        receiver = _Receiver(self._broker, self._max_running, self._drain_seconds, self._running)
        await _until_the_first_ends(receiver.listen(stop), self._broker.send_heartbeats())

    async def close(self) -> None:
        """Cancel running tasks, put them back and leave."""
        for task in (late := set(self._running)):
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_CANCEL_SECONDS)
        await self._broker.shutdown()


class _Receiver(RetryingReceiver):
    """Keeps tasks that taskiq's receiver would lose on an error around the task or a timeout."""

    def __init__(
        self,
        broker: RedisStreamBroker,
        max_running: int,
        drain_seconds: float,
        running: set[asyncio.Task[object]],
    ) -> None:
        super().__init__(
            broker,
            broker.policy,
            max_async_tasks=max_running,
            ack_type=AcknowledgeType.WHEN_EXECUTED,
            wait_tasks_timeout=drain_seconds,
        )
        self._running = running

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:  # noqa: FBT001, FBT002 - taskiq's signature
        """Run a task. If something outside the task itself fails, put it back."""
        if this := asyncio.current_task():
            self._running.add(this)
            this.add_done_callback(self._running.discard)
        if isinstance(message, HeldTask):
            message.mark_started()
        try:
            await super().callback(message, raise_err)
        except Exception:
            logger.exception("a task could not even begin")
            if isinstance(message, HeldTask):
                await message.put_back()


async def _until_the_first_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Run all coroutines. When one ends, cancel the others, and raise its error if it has one."""
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
