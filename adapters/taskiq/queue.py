"""A task queue that works with all of taskiq's brokers."""

from typing import Final

from taskiq import AsyncBroker
from taskiq.exceptions import SendTaskError
from taskiq.kicker import AsyncKicker

from adapters.taskiq.errors import queue_errors
from application.errors import QueueUnavailable
from domain.ids import OrderId
from libraries.asyncio_tools.heartbeat import beat
from libraries.outages import outages
from libraries.task_stream.errors import TaskAlreadyQueued

PROCESS_ORDER: Final = "process_order_task"


class TaskiqQueue:
    """A `TaskQueue` that uses a broker. Tasks have the same id as their order."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker

    async def process_order(self, order_id: OrderId) -> bool:
        """Enqueue the order. Return False if it's already waiting or running."""
        try:
            with outages.noticing(QueueUnavailable.server), queue_errors():
                return await self._add(str(order_id))
        finally:
            beat()

    async def _add(self, order_id: str) -> bool:
        task: AsyncKicker[[str], None] = AsyncKicker(PROCESS_ORDER, self._broker, {})
        try:
            await task.with_task_id(order_id).kiq(order_id)
        except SendTaskError as wrapper:
            error = wrapper.__cause__ or wrapper
        else:
            return True
        if isinstance(error, TaskAlreadyQueued):
            return False
        raise error
