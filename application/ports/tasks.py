"""The task queue, the fulfilment that its tasks run, and finding orders that it has lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.ids import OrderId
from domain.order.order import Order


class TaskQueue(Protocol):
    """Queues orders for `process_order_task`, without any particular sequence.

    The queue may lose orders because the requeuer adds them again. An order can only be in the
    queue once, so it's never processed twice at the same time, no matter how often it's handed
    over. The only exception is a process that crashes or freezes.
    """

    async def process_order(self, order_id: OrderId) -> bool:
        """Add an order that will be processed at least once. If the queue is full, wait a moment.

        Return True if the order was added, or False if it's already in the queue. That includes
        orders that are being processed or waiting for their next attempt.

        Raises:
            QueueUnavailable: the queue is unreachable or stays full.
        """


class Fulfilment(Protocol):
    """Fulfils orders in the shop. It may run again for the same order after a crash."""

    async def fulfil(self, order: Order) -> None:
        """Fulfil the order."""


@dataclass(frozen=True, slots=True)
class StalledPage:
    """The stalled orders on a page of unprocessed orders.

    `next_after` is the last order on the page, or None if there are no more pages.
    """

    orders: Sequence[OrderId]
    next_after: OrderId | None


class UnprocessedOrders(Protocol):
    """Finds orders without recorded processing, and remembers when they were last handed over.

    The times of publications, hand-overs and `now` all come from the storage's own clock.
    """

    async def now(self) -> datetime:
        """Return the current time according to the storage."""

    async def exist(self) -> bool:
        """Return whether there are any unprocessed orders.

        Raises:
            Unavailable: the storage is unreachable.
        """

    async def stalled(self, cut_off: datetime, after: OrderId | None, limit: int) -> StalledPage:
        """Return the stalled orders among the next `limit` unprocessed ones, sorted by id.

        An order is stalled if it was published before `cut_off`, hasn't been handed over since
        `cut_off`, and isn't a waiting dead letter. The cost depends only on `limit`.

        Raises:
            Unavailable: the storage is unreachable.
        """

    async def record_hand_over(self, order_ids: Sequence[OrderId]) -> None:
        """Record that these orders have just been handed to the task queue.

        Raises:
            Unavailable: the storage is unreachable.
        """
