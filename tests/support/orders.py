"""Create orders and their writes with the service's own code."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from adapters.serialisation.orders import JsonChangeRenderer, JsonOrderRenderer
from adapters.system.clock_and_ids import Uuid7Generator
from application.documents import OrderWrite
from domain.actor import Actor, ActorKind
from domain.ids import OrderId, UserId
from domain.money import Currency, Money
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order, OrderChange
from domain.order.status import TRANSITIONS, OrderStatus
from tests.support.time import NOW

IDS: Final = Uuid7Generator()
#: A separate generator because ids begin with the time, and tests place orders at any time.
_ORDER_IDS: Final = Uuid7Generator()
RENDERER: Final = JsonOrderRenderer()
CHANGE_RENDERER: Final = JsonChangeRenderer(RENDERER, IDS)
STAFF: Final = Actor(ActorKind.STAFF, UserId(IDS.new(NOW)))

PENDING: Final = OrderStatus.PENDING
PAID: Final = OrderStatus.PAID
SHIPPED: Final = OrderStatus.SHIPPED
CANCELED: Final = OrderStatus.CANCELED


def way_to(status: OrderStatus) -> list[OrderStatus]:
    """Return the steps from PENDING to this status, excluding PENDING itself."""
    if status is PENDING:
        return []
    before = next(each for each, after in TRANSITIONS.items() if status in after)
    return [*way_to(before), status]


def a_user_id() -> UserId:
    """Return a new user id."""
    return UserId(IDS.new(NOW))


def an_order_id(at: datetime = NOW) -> OrderId:
    """Return a new order id. It is greater than earlier ids for the same or an earlier time."""
    return OrderId(_ORDER_IDS.new(at))


def usd(amount: str) -> Money:
    return Money.of(Decimal(amount), Currency.parse("USD"))


def tea(quantity: int = 2) -> OrderLines:
    """Return order lines with some packets of tea at 4.50 each."""
    price = usd("4.50")
    return OrderLines((OrderLine("tea", "Tea", quantity, price),), price.times(quantity))


def a_placed_order(
    owner: UserId,
    *,
    reference: str | None = None,
    lines: OrderLines | None = None,
    at: datetime = NOW,
) -> OrderChange:
    """Place an order without storing it. Each order is newer than the previous ones."""
    return Order.place(an_order_id(at), owner, lines or tea(), reference, at)


def rendered_write(change: OrderChange | None) -> OrderWrite:
    """Render a change. It must not be None."""
    assert change is not None
    return CHANGE_RENDERER.render(change)


def owner_of(order: Order) -> Actor:
    return Actor(ActorKind.USER, order.owner)
