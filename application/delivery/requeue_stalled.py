"""Requeue the orders that the broker or the task queue has lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from application.errors import Unavailable
from application.ports.leases import Holder, Leases
from application.ports.tasks import TaskQueue, UnprocessedOrders
from domain.ids import OrderId

#: Unprocessed orders that one page looks at.
PAGE_SIZE: Final = 500
#: Seconds for which a process may requeue without renewing its lease: a few rounds.
LEASE_SECONDS: Final = 30.0
_LEASE: Final = "requeuer"


@dataclass(frozen=True, slots=True)
class Requeued:
    """The number of orders that a page added to the queue, and whether it was the last page."""

    added: int
    is_last: bool


@dataclass(slots=True)
class _Pass:
    """One visit to each unprocessed order, by id, with one cut-off."""

    cut_off: datetime
    after: OrderId | None = None


class RequeueStalledOrders:
    """Hand stalled orders to the task queue again, page by page, one process at a time.

    The queue ignores orders that are in it already. A hand-over is recorded afterwards: a crash in
    between repeats it and loses nothing.
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
        """Requeue the next page of the present pass, or the first page of a new one.

        The cut-off of a pass is `stalled_for` before its beginning. If no order is unprocessed,
        there is no pass, and no lease is taken; if another process has the lease, the pass ends.

        Raises:
            Unavailable: the storage or the queue is out of reach, or the queue is full; the next
                call continues at the same order.
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
        """End the lease, so that another process can continue at once.

        Raises:
            Unavailable: the storage is out of reach; the lease ends by itself.
        """
        await self._leases.release(_LEASE, self._holder)

    async def _hand_over(self, orders: Sequence[OrderId]) -> tuple[int, Sequence[OrderId]]:
        """Hand over orders until the queue refuses; return the number of new ones, and all."""
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
