"""The steps that an order has taken along its lifecycle."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from domain.actor import Actor
from domain.order.events import OrderPlaced, OrderProcessed, OrderStatusChanged
from domain.order.order import Order
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


def step_of(order: Order) -> Step | None:
    """The step that the present write of `order` takes; None for processing, which is no step."""
    version = order.state.version
    match order.event:
        case OrderPlaced(by, at):
            return Step(version, None, order.state.status, by, None, at)
        case OrderStatusChanged(before, after, by, reason, at):
            return Step(version, before, after, by, reason, at)
        case OrderProcessed() | None:
            return None
        case unknown:
            assert_never(unknown)
