"""Requeue orders that were lost by the broker or by the task queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from application.errors import Unavailable
from application.ports.leases import Holder, Leases
from application.ports.tasks import TaskQueue, UnprocessedOrders
from domain.ids import OrderId

#: The maximum number of unprocessed orders per page.
PAGE_SIZE: Final = 500
#: Seconds until a process has to renew its lease. This is enough for a few rounds.
LEASE_SECONDS: Final = 30.0
_LEASE: Final = "requeuer"


@dataclass(frozen=True, slots=True)
class Requeued:
    """How many orders from a page were added to the queue, and whether it was the last page."""

    added: int
    is_last: bool


@dataclass(slots=True)
class _Pass:
    """One pass over all unprocessed orders, sorted by id, with the same cut-off for all of them."""

    cut_off: datetime
    after: OrderId | None = None


class RequeueStalledOrders:
    """Hand stalled orders to the task queue again, page by page and one process at a time.

    The queue ignores orders it already contains. Orders are handed over first and recorded
    afterwards, so a crash in between can repeat a hand-over but never lose an order.
    """

    def __init__(
        self, orders: UnprocessedOrders, tasks: TaskQueue, leases: Leases, holder: Holder
    ) -> None:
        self._orders = orders
        self._tasks = tasks
        self._leases = leases
        self._holder = holder
        self._pass: _Pass | None = None

    async def __call__(self, stalled_for: timedelta) -> Requeued:
        """Requeue the next page of the current pass, or the first page of a new one.

        The cut-off is `stalled_for` before the start of the pass. If all orders have been
        processed, a pass isn't started and a lease isn't taken. The pass ends if another process
        has the lease.

        Raises:
            Unavailable: the storage or the queue is unreachable, or the queue is full. The next
                call continues with the same order.
        """
        if self._pass is None and not await self._orders.exist():
            return Requeued(added=0, is_last=True)
        if not await self._leases.acquire(_LEASE, self._holder, LEASE_SECONDS):
            self._pass = None
            return Requeued(added=0, is_last=True)
        if self._pass is None:
            self._pass = _Pass(await self._orders.now() - stalled_for)
        page = await self._orders.stalled(self._pass.cut_off, self._pass.after, PAGE_SIZE)
        added, handed_over = await self._hand_over(page.orders)
        if len(handed_over) < len(page.orders):
            self._pass.after = handed_over[-1]
            return Requeued(added, is_last=False)
        self._pass.after = page.next_after
        if page.next_after is None:
            self._pass = None
        return Requeued(added, is_last=page.next_after is None)

    async def release(self) -> None:
        """Release the lease to allow another process to continue immediately.

        Raises:
            Unavailable: the storage is unreachable, so the lease remains until it expires.
        """
        await self._leases.release(_LEASE, self._holder)

    async def _hand_over(self, orders: Sequence[OrderId]) -> tuple[int, Sequence[OrderId]]:
        """Hand over orders until that fails.

        Return how many of them were new to the queue, and all orders that were handed over.
        """
        added, handed_over = 0, list[OrderId]()
        try:
            for order_id in orders:
                added += await self._tasks.process_order(order_id)
                handed_over.append(order_id)
        except Unavailable:
            if not handed_over:
                raise
        if handed_over:
            await self._orders.record_hand_over(handed_over)
        return added, handed_over
