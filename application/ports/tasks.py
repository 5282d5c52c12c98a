"""Work that happens later: the task queue, what its task does, what fell out of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.ids import OrderId
from domain.order import Order


class TaskQueue(Protocol):
    """Work for `process_order_task`, in no order. It may forget; the sweeper does not."""

    async def process_order(self, order_id: OrderId) -> None:
        """Have the order processed, once at least; waits while the queue is full.

        Raises:
            Unavailable: the queue is out of reach.
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
