"""The values of messages. Orders look the same as in the HTTP API."""

from msgspec import Struct

from domain.order.events import Outcome
from domain.order.status import OrderStatus
from entrypoints.http.messages.schemas import HistoryActor, OrderSchema
from entrypoints.http.messages.values import Timestamp


class OrderStatusChanged(Struct, rename={"before": "from", "after": "to"}):
    """A status change, with the order as it was immediately afterwards."""

    order: OrderSchema
    before: OrderStatus
    after: OrderStatus
    actor: HistoryActor
    reason: str | None
    at: Timestamp


class OrderProcessed(Struct):
    """The outcome of an order's processing, with the order as it was immediately afterwards."""

    order: OrderSchema
    outcome: Outcome
    at: Timestamp
