"""Place an order."""

from dataclasses import dataclass

from application.documents import OrderDocument
from application.orders.order_writes import OrderWrites
from application.ports.system import Clock, IdGenerator
from domain.ids import OrderId, UserId
from domain.order.lines import OrderLines
from domain.order.order import Order


@dataclass(frozen=True, slots=True)
class PlaceOrderCommand:
    """A new order for `owner`. `reference` is the client's own id for it."""

    owner: UserId
    lines: OrderLines
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The new order's id and document.

    `is_replay` means that it was placed by an earlier request with the same idempotency key. Its
    document is the one from back then.
    """

    id: OrderId
    document: OrderDocument
    is_replay: bool = False


class PlaceOrder:
    """Place an order. On return it's durable and cached, and the relay has been notified.

    Raises:
        ReferenceTaken: the owner has another order with this reference.
    """

    def __init__(self, orders: OrderWrites, clock: Clock, ids: IdGenerator) -> None:
        self._orders = orders
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: PlaceOrderCommand) -> PlacedOrder:
        """Place the order and return it."""
        now = self._clock.now()
        order_id = OrderId(self._ids.new(now))
        change = Order.place(order_id, command.owner, command.lines, command.reference, now)
        return PlacedOrder(order_id, await self._orders.add(change))
