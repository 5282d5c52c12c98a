"""The task queue, the fulfilment that its task runs, and orders that it has lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.ids import OrderId
from domain.order.order import Order


class TaskQueue(Protocol):
    """Work for `process_order_task`, in no order. It may forget; the requeuer does not.

    An order is in the queue once: it is never processed twice at the same time, however often it is
    handed over, unless a process crashes or freezes.
    """

    async def process_order(self, order_id: OrderId) -> bool:
        """Add the order, to be processed at least once; wait a moment while the queue is full.

        Return True if the order was added, False if it is in the queue already: it waits, also for
        its next attempt, or it is being processed.

        Raises:
            QueueUnavailable: the queue is out of reach, or stays full.
        """


class Fulfilment(Protocol):
    """The work of the shop for an order. It may run again after a crash."""

    async def fulfil(self, order: Order) -> None:
        """Fulfil the order."""


@dataclass(frozen=True, slots=True)
class StalledPage:
    """The stalled orders of one page of unprocessed orders.

    `next_after` is the last order of the page, or None if the page was the last one.
    """

    orders: Sequence[OrderId]
    next_after: OrderId | None


class UnprocessedOrders(Protocol):
    """Orders whose processing has not been recorded, and when each was last handed over.

    Publications, hand-overs and `now` use the storage's own clock.
    """

    async def now(self) -> datetime:
        """Return the storage's time."""

    async def exist(self) -> bool:
        """Return whether there is an unprocessed order.

        Raises:
            Unavailable: the storage is out of reach.
        """

    async def stalled(self, cut_off: datetime, after: OrderId | None, limit: int) -> StalledPage:
        """Look at the next `limit` unprocessed orders behind `after`, by id.

        An order is stalled if it was published before `cut_off`, was not handed over at `cut_off`
        or later, and is no dead letter that waits. The cost depends on `limit` alone.

        Raises:
            Unavailable: the storage is out of reach.
        """

    async def record_hand_over(self, order_ids: Sequence[OrderId]) -> None:
        """Record that these orders were handed to the task queue now.

        Raises:
            Unavailable: the storage is out of reach.
        """
