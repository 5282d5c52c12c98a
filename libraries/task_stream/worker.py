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
    """Runs tasks with taskiq, but starts them with a loop of our own.

    taskiq's loop takes two asyncio tasks and several iterations of the event loop to start one of
    its tasks. Here, the tasks of a read start in the same iteration, so they can share round trips.
    Tasks that taskiq would lose on an error around the task or a timeout are put back.
    """

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
        )
        self._reads = broker.reads
        self._max_running = max_running
        self._drain_seconds = drain_seconds
        self._running = running
        self._has_room = asyncio.Event()

    async def listen(self, finish_event: asyncio.Event) -> None:
        """Read and start tasks until `finish_event` is set. Then wait for the running tasks."""
        await self.broker.startup()
        for running in self._running:
            running.add_done_callback(self._end)  # a previous receiver has started it
        reads = self._reads()
        finish = asyncio.create_task(finish_event.wait())
        try:
            while await self._wait_for_room(finish):
                read = asyncio.create_task(anext(reads))
                await _until_one_is_done(read, finish)
                if finish.done():
                    break  # tasks that were read but not started are put back
                for task in read.result():
                    self._start(task)
        finally:
            finish.cancel()
            await reads.aclose()
        if self._running:
            await asyncio.wait(self._running, timeout=self._drain_seconds)

    async def _wait_for_room(self, finish: asyncio.Task[bool]) -> bool:
        """Wait until another task may start. Return False if `finish` is done before."""
        while len(self._running) >= self._max_running and not finish.done():
            self._has_room.clear()
            await _until_one_is_done(asyncio.create_task(self._has_room.wait()), finish)
        return not finish.done()

    def _start(self, task: HeldTask) -> None:
        task.mark_started()
        running = asyncio.create_task(self.callback(task))
        self._running.add(running)
        running.add_done_callback(self._end)

    def _end(self, running: asyncio.Task[object]) -> None:
        self._running.discard(running)
        self._has_room.set()

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:  # noqa: FBT001, FBT002 - taskiq's signature
        """Run a task. If something outside the task itself fails, put it back."""
        try:
            await super().callback(message, raise_err)
        except Exception:
            logger.exception("unexpected error while handling a task")
            if isinstance(message, HeldTask):
                await message.put_back()


async def _until_one_is_done(work: asyncio.Task[Any], finish: asyncio.Task[bool]) -> None:
    """Wait for either task. Cancel `work` if `finish` is done before it, or if this is canceled."""
    try:
        await asyncio.wait((work, finish), return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait((work,))


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
