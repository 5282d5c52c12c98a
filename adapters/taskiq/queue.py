"""Handing work to taskiq."""

from typing import Final

from taskiq import AsyncBroker
from taskiq.exceptions import SendTaskError
from taskiq.kicker import AsyncKicker

from application.errors import Unavailable
from domain.ids import OrderId

PROCESS_ORDER: Final = "process_order_task"


class TaskiqQueue:
    """`TaskQueue` on any of taskiq's brokers."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._process_order: AsyncKicker[[str], None] = AsyncKicker(PROCESS_ORDER, broker, {})

    async def process_order(self, order_id: OrderId) -> bool:
        """Have the order processed, once at least; waits while the queue is full."""
        try:
            await self._process_order.kiq(str(order_id))
        except SendTaskError as error:
            if isinstance(error.__cause__, Unavailable):
                raise error.__cause__ from error
            raise
        return True
