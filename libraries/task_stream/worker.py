"""A worker: taskiq's receiver, the worker's heartbeats, and its end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from taskiq import AckableMessage
from taskiq.acks import AcknowledgeType

from libraries.task_stream.broker import HeldTask, RedisStreamBroker
from libraries.task_stream.receiver import RetryingReceiver

logger = logging.getLogger(__name__)

#: Seconds in which a canceled task must end.
_CANCEL_SECONDS: Final = 1.0


class Worker:
    """Runs at most `max_running` tasks at once.

    When it stops, running tasks have `drain_seconds` to end; the rest is put back.
    """

    def __init__(self, broker: RedisStreamBroker, max_running: int, drain_seconds: float) -> None:
        self._broker = broker
        self._max_running = max_running
        self._drain_seconds = drain_seconds
        #: The tasks that run, of this receiver and of those before it.
        self._running: set[asyncio.Task[object]] = set()
        broker.is_worker_process = True

    async def run(self, stop: asyncio.Event) -> None:
        """Read and run tasks until `stop`; after a failure it may be run again.

        Tasks outlive the failure of the receiver that started them.
        """
        self._broker.expect_reads(self._max_running)
        receiver = _Receiver(self._broker, self._max_running, self._drain_seconds, self._running)
        await _until_the_first_ends(receiver.listen(stop), self._broker.send_heartbeats())

    async def close(self) -> None:
        """Cancel running tasks, put them back, and leave."""
        for task in (late := set(self._running)):
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_CANCEL_SECONDS)
        await self._broker.shutdown()


class _Receiver(RetryingReceiver):
    """Loses no task when something fails around it, or when time is up, as taskiq's own does."""

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
        """Run a task; put it back if something around it fails."""
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
    """Run all of them; when one ends, cancel the others, and raise its error."""
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
