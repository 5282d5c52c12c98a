"""The steps that an order has taken along its lifecycle."""

from dataclasses import dataclass
from datetime import datetime

from domain.actor import Actor
from domain.order.status import OrderStatus


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an order's lifecycle; its creation is the step from nothing to PENDING."""

    version: int
    before: OrderStatus | None
    after: OrderStatus
    by: Actor
    reason: str | None
    at: datetime
