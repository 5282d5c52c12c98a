"""A worker: taskiq's receiver, and its end."""

import asyncio
import logging

from taskiq import AckableMessage, AsyncBroker
from taskiq.acks import AcknowledgeType
from taskiq.receiver import Receiver

from adapters.taskiq.redis_streams import HeldTask

logger = logging.getLogger(__name__)


#: Seconds that a task gets to take note of being canceled.
_CANCEL = 1.0


class _Receiver(Receiver):
    """taskiq's, which forgets a task when something fails around it, or when time is up."""

    def __init__(self, broker: AsyncBroker, at_once: int, patience: float) -> None:
        super().__init__(
            broker,
            max_async_tasks=at_once,
            ack_type=AcknowledgeType.WHEN_EXECUTED,
            wait_tasks_timeout=patience,
        )
        self._running: set[asyncio.Task[object]] = set()

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:  # noqa: FBT001, FBT002 - taskiq's signature
        """Run a task; whatever happens around it, the broker learns what became of it."""
        if this := asyncio.current_task():
            self._running.add(this)
            this.add_done_callback(self._running.discard)
        try:
            await super().callback(message, raise_err)
        except Exception:
            logger.exception("a task could not even begin")
            if isinstance(message, HeldTask):
                await message.let_go()

    async def cancel_the_late(self) -> None:
        """Stop what still runs: it is given back."""
        late = set(self._running)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_CANCEL)


async def work(broker: AsyncBroker, stop: asyncio.Event, at_once: int, patience: float) -> None:
    """Run tasks, `at_once` at most, until `stop`.

    Then the running ones get `patience` seconds; what has not ended by then is given back.
    """
    broker.is_worker_process = True
    receiver = _Receiver(broker, at_once, patience)
    try:
        await receiver.listen(stop)
    finally:
        await receiver.cancel_the_late()
        await broker.shutdown()
