"""Orders, actors and assertions for the domain tests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from domain.actor import Actor, ActorKind
from domain.errors import FieldError, Invalid
from domain.ids import OrderId, UserId
from domain.money import Currency, Money
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order, OrderChange
from domain.order.status import OrderStatus

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER: Final = NOW + timedelta(hours=1)

ALICE: Final = UserId(UUID(int=1))
BOB: Final = UserId(UUID(int=2))
OWNER: Final = Actor(ActorKind.USER, ALICE)
STAFF: Final = Actor(ActorKind.STAFF, BOB)

PENDING: Final = OrderStatus.PENDING
PAID: Final = OrderStatus.PAID
SHIPPED: Final = OrderStatus.SHIPPED
CANCELED: Final = OrderStatus.CANCELED

USD: Final = Currency.parse("USD")
ORDER_ID: Final = OrderId(UUID(int=3))
LINES: Final = OrderLines((OrderLine("tea", None, 2, None),), Money.parse("19.90", USD))


def a_placed_order() -> OrderChange:
    """Alice's order, which has been placed but not saved yet."""
    return Order.place(ORDER_ID, ALICE, LINES, "her-1", NOW)


def an_order(status: OrderStatus = OrderStatus.PENDING, *, processed: bool = False) -> Order:
    """Alice's order, as if it had been read from the storage."""
    return Order(
        id=ORDER_ID,
        owner=ALICE,
        reference="her-1",
        lines=LINES,
        status=status,
        created_at=NOW,
        updated_at=NOW,
        processed_at=NOW if processed else None,
    )


def refusal(reader: Callable[[object], object], value: object) -> FieldError:
    """Return the only error that `reader` raises for `value`."""
    with pytest.raises(Invalid) as refused:
        reader(value)
    [error] = refused.value.errors
    return error
