"""The values of messages. An order in them is the order that HTTP shows."""

from msgspec import Struct

from domain.order.events import Outcome
from domain.order.status import OrderStatus
from entrypoints.http.messages.schemas import HistoryActor, Order
from entrypoints.http.messages.values import Moment


class OrderStatusChanged(Struct, rename={"before": "from", "after": "to"}):
    """A step of an order's lifecycle, with the order as it was right after it."""

    order: Order
    before: OrderStatus
    after: OrderStatus
    actor: HistoryActor
    reason: str | None
    at: Moment


class OrderProcessed(Struct):
    """What an order's processing came to, with the order as it was right after it."""

    order: Order
    outcome: Outcome
    at: Moment
