"""Handing work to taskiq."""

from typing import Final

from taskiq import AsyncBroker
from taskiq.exceptions import SendTaskError
from taskiq.kicker import AsyncKicker

from application.errors import QueueUnavailable, Unavailable
from domain.ids import OrderId
from libraries.asyncio_tools.heartbeat import beat
from libraries.outages import outages

PROCESS_ORDER: Final = "process_order_task"


class AlreadyQueued(Exception):
    """A broker knows a task of this id that waits or runs: nothing was added."""


class TaskiqQueue:
    """`TaskQueue` on any of taskiq's brokers; the order's id is the task's."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker

    async def process_order(self, order_id: OrderId) -> bool:
        """Have the order processed; False if it waits or runs already."""
        try:
            with outages.noticing(QueueUnavailable.server):
                return await self._added(str(order_id))
        finally:
            beat()

    async def _added(self, order_id: str) -> bool:
        task: AsyncKicker[[str], None] = AsyncKicker(PROCESS_ORDER, self._broker, {})
        try:
            await task.with_task_id(order_id).kiq(order_id)
        except SendTaskError as error:
            match error.__cause__:
                case AlreadyQueued():
                    return False
                case Unavailable() as unavailable:
                    raise unavailable from error
            raise
        return True
