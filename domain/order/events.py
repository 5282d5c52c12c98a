"""Order events. Every write to an order records exactly one of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.actor import Actor
from domain.order.status import OrderStatus


class Outcome(StrEnum):
    """The outcome of processing."""

    FULFILLED = "fulfilled"
    SKIPPED = "skipped"  # the order had already been canceled


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """A new order exists."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderStatusChanged:
    """An order has taken a step along its lifecycle."""

    before: OrderStatus
    after: OrderStatus
    by: Actor
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderProcessed:
    """An order has been processed in the background."""

    outcome: Outcome
    at: datetime


OrderEvent = OrderPlaced | OrderStatusChanged | OrderProcessed
