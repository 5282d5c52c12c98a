"""Placing an order."""

from dataclasses import dataclass

from application.documents import OrderDocument
from application.ports.events import OutboxBell
from application.ports.orders import NewOrders, OrderCache
from application.ports.system import Clock, IdGenerator
from application.write_order import OrderWriter
from domain.ids import OrderId, UserId
from domain.lines import OrderLines
from domain.order import Order


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """`owner` wants these lines; `reference` is their own id for the order."""

    owner: UserId
    lines: OrderLines
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The new order's id and how it is shown."""

    id: OrderId
    document: OrderDocument


class CreateOrder:
    """Place an order: durable, cached and announced when it returns.

    Raises:
        ReferenceTaken: the owner has another order with this reference.
    """

    def __init__(
        self,
        new_orders: NewOrders,
        cache: OrderCache,
        writer: OrderWriter,
        bell: OutboxBell,
        clock: Clock,
        ids: IdGenerator,
    ) -> None:
        self._new_orders = new_orders
        self._cache = cache
        self._writer = writer
        self._bell = bell
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: PlaceOrder) -> PlacedOrder:
        """Place the order."""
        now = self._clock.now()
        order_id = OrderId(self._ids.new(now))
        order = Order.place(order_id, command.owner, command.lines, command.reference, now)
        write = self._writer.write(order)
        lease = self._cache.reserve(order_id)
        await self._new_orders.add(write)
        self._bell.ring()
        if lease is not None:
            self._cache.offer(order_id, write.document, lease)
        return PlacedOrder(order.id, write.document)
