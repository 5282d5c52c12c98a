"""Find unprocessed orders for the requeuer."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from adapters.memory.storage import MemoryStorage
from application.ports.system import Clock
from application.ports.tasks import StalledPage
from domain.ids import OrderId


class MemoryUnprocessedOrders:
    """`UnprocessedOrders` in memory."""

    def __init__(self, storage: MemoryStorage, clock: Clock) -> None:
        self._waiting = storage.unprocessed
        self._dead_letters = storage.dead_letters
        self._clock = clock

    async def now(self) -> datetime:
        """Return the current time."""
        return self._clock.now()

    async def exist(self) -> bool:
        """Return whether there are any unprocessed orders."""
        return bool(self._waiting)

    async def stalled(self, cut_off: datetime, after: OrderId | None, limit: int) -> StalledPage:
        """Return the stalled orders among the next `limit` unprocessed ones, sorted by id."""
        order_ids = sorted(self._waiting)
        begin = 0 if after is None else bisect_right(order_ids, after)
        page = order_ids[begin : begin + limit]
        stalled = [order_id for order_id in page if self._is_stalled(order_id, cut_off)]
        return StalledPage(stalled, page[-1] if len(page) == limit else None)

    async def record_hand_over(self, order_ids: Sequence[OrderId]) -> None:
        """Record that these orders have just been handed to the task queue."""
        now = self._clock.now()
        self._waiting.update({order_id: now for order_id in order_ids if order_id in self._waiting})

    def _is_stalled(self, order_id: OrderId, cut_off: datetime) -> bool:
        return self._waiting[order_id] < cut_off and not self._dead_letters.holds(order_id)
