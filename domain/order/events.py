"""What has happened to an order. Each write of an order records exactly one of these."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.actor import Actor
from domain.order.status import OrderStatus


class Outcome(StrEnum):
    """What processing came to."""

    FULFILLED = "fulfilled"
    SKIPPED = "skipped"  # it had been canceled before


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """A new order exists."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderStatusChanged:
    """An order has moved a step along its lifecycle."""

    before: OrderStatus
    after: OrderStatus
    by: Actor
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderProcessed:
    """An order's background processing has had its effect."""

    outcome: Outcome
    at: datetime


OrderEvent = OrderPlaced | OrderStatusChanged | OrderProcessed
