"""The events of an order. Each write of an order records exactly one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.actor import Actor
from domain.order.status import OrderStatus


class Outcome(StrEnum):
    """The outcome of processing."""

    FULFILLED = "fulfilled"
    SKIPPED = "skipped"  # the order was canceled before


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
    """An order's background processing has had its effect."""

    outcome: Outcome
    at: datetime


OrderEvent = OrderPlaced | OrderStatusChanged | OrderProcessed
