"""An order's history: the steps that it has taken through its lifecycle."""

from dataclasses import dataclass
from datetime import datetime

from domain.actor import Actor
from domain.order.status import OrderStatus


@dataclass(frozen=True, slots=True)
class Step:
    """A step in an order's lifecycle. In the first step, to PENDING, `before` is None."""

    version: int
    before: OrderStatus | None
    after: OrderStatus
    by: Actor
    reason: str | None
    at: datetime
