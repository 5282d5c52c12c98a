"""The values of messages. An order in them is the order that HTTP shows."""

from msgspec import Struct

from domain.order.events import Outcome
from domain.order.status import OrderStatus
from entrypoints.http.messages.schemas import HistoryActor, OrderSchema
from entrypoints.http.messages.values import Timestamp


class OrderStatusChanged(Struct, rename={"before": "from", "after": "to"}):
    """A step of an order's lifecycle, with the order as it was right after it."""

    order: OrderSchema
    before: OrderStatus
    after: OrderStatus
    actor: HistoryActor
    reason: str | None
    at: Timestamp


class OrderProcessed(Struct):
    """What an order's processing came to, with the order as it was right after it."""

    order: OrderSchema
    outcome: Outcome
    at: Timestamp
