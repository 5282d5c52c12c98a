"""The storage, and what is checked while it changes."""

from collections.abc import Sequence
from datetime import datetime

from adapters.memory.storage import MemoryStorage
from adapters.memory.unprocessed_orders import MemoryUnprocessedOrders
from application.documents import Event
from application.ports.events import Placement
from domain.ids import OrderId
from tests.simulation.process import SimulatedProcess


class WatchedStorage(MemoryStorage):
    """A storage that remembers the last published revision of each order."""

    def __init__(self) -> None:
        super().__init__()
        self.published: dict[OrderId, int] = {}

    def publish(self, event: Event, placement: Placement, now: datetime) -> None:
        super().publish(event, placement, now)
        self.published[OrderId(event.subject)] = event.revision


class ProcessQueue:
    """The task queue as one process sees it."""

    def __init__(self, process: SimulatedProcess) -> None:
        self._process = process

    async def process_order(self, order_id: OrderId) -> bool:
        """Add an order unless it is already in the queue."""
        is_new = await self._process.world.queue.process_order(order_id)
        self._process.handed_over.add(order_id)
        return is_new


class WatchedUnprocessedOrders(MemoryUnprocessedOrders):
    """Checks that a process only records what it has handed over since its last record."""

    def __init__(self, process: SimulatedProcess) -> None:
        super().__init__(process.world.storage, process.world.clock)
        self._process = process

    async def record_hand_over(self, order_ids: Sequence[OrderId]) -> None:
        handed_over = self._process.handed_over
        for order_id in order_ids:
            if order_id not in handed_over:
                self._process.world.fail(f"{order_id} was recorded without being handed over")
        handed_over.difference_update(order_ids)
        await super().record_hand_over(order_ids)
