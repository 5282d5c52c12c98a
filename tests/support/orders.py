"""Orders and what their writes leave behind, made by the service's own code."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from adapters.serialisation.events import JsonEventRenderer
from adapters.serialisation.orders import JsonOrderRenderer
from adapters.system.ids import Uuid7Generator
from application.documents import OrderWrite
from application.orders.write_order import OrderWriter
from domain.actor import Actor, ActorKind
from domain.currency import Currency
from domain.ids import OrderId, UserId
from domain.money import Money
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order
from domain.order.status import OrderStatus
from tests.support.time import NOW, MovableClock

IDS: Final = Uuid7Generator()
#: Apart from the others: orders may be placed at any time, and their ids begin with it.
_ORDER_IDS: Final = Uuid7Generator()
RENDERER: Final = JsonOrderRenderer()
STAFF: Final = Actor(ActorKind.STAFF, UserId(IDS.new(NOW)))

PENDING, PAID, SHIPPED, CANCELED = OrderStatus


def a_user_id() -> UserId:
    """Somebody's id, different each time."""
    return UserId(IDS.new(NOW))


def an_order_id(at: datetime = NOW) -> OrderId:
    """An order's id, greater each time if its time is."""
    return OrderId(_ORDER_IDS.new(at))


def usd(amount: str) -> Money:
    return Money.of(Decimal(amount), Currency.parse("USD"))


def tea(quantity: int = 2) -> OrderLines:
    """Some packets of tea at 4.50 each."""
    price = usd("4.50")
    return OrderLines((OrderLine("tea", "Tea", quantity, price),), price.times(quantity))


def a_placed_order(
    owner: UserId,
    *,
    reference: str | None = None,
    lines: OrderLines | None = None,
    at: datetime = NOW,
) -> Order:
    """An order that was placed and not stored yet; each is newer than those before it."""
    return Order.place(an_order_id(at), owner, lines or tea(), reference, at)


def an_order_write(order: Order, at: datetime = NOW) -> OrderWrite:
    """All that storing the order's last change leaves behind."""
    return OrderWriter(RENDERER, JsonEventRenderer(), MovableClock(at), IDS).write(order)


def owner_of(order: Order) -> Actor:
    return Actor(ActorKind.USER, order.state.owner)
