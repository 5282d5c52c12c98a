"""Work that happens later: the task queue, what its task does, what fell out of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.ids import OrderId
from domain.order import Order


class TaskQueue(Protocol):
    """Work for `process_order_task`, in no order. It may forget; the sweeper does not.

    An order is in the queue once: it is never processed twice at the same time, however often it is
    handed over, unless a process crashes or freezes.
    """

    async def process_order(self, order_id: OrderId) -> bool:
        """Have the order processed, once at least; wait a moment while the queue is full.

        Return True if the order was added, False if it is in the queue already: it waits, also for
        its next attempt, or it is being processed.

        Raises:
            QueueUnavailable: the queue is out of reach, or stays full.
        """


class Fulfilment(Protocol):
    """What a shop does to fulfil an order. It may run again after a crash."""

    async def fulfil(self, order: Order) -> None:
        """Fulfil the order."""


class Backlog(Protocol):
    """Orders whose processing was announced and has not been recorded."""

    async def claim(
        self, announced_before: datetime, now: datetime, limit: int
    ) -> Sequence[OrderId]:
        """At most `limit` orders published, and last handed over, before `announced_before`.

        None that is a dead letter which was not put back.
        Notes that they are handed over at `now`, so that nobody else claims them meanwhile.
        """
