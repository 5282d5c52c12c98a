"""Placing an order."""

from dataclasses import dataclass

from application.documents import OrderDocument
from application.orders.write_order import OrderWriter
from application.ports.events import RelayWakeup
from application.ports.orders import NewOrders, OrderCache
from application.ports.system import Clock, IdGenerator
from domain.ids import OrderId, UserId
from domain.order.lines import OrderLines
from domain.order.order import Order


@dataclass(frozen=True, slots=True)
class PlaceOrderCommand:
    """`owner` wants these lines; `reference` is their own id for the order."""

    owner: UserId
    lines: OrderLines
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The new order's id and how it is shown."""

    id: OrderId
    document: OrderDocument


class PlaceOrder:
    """Place an order: durable, cached and announced when it returns.

    Raises:
        ReferenceTaken: the owner has another order with this reference.
    """

    def __init__(
        self,
        new_orders: NewOrders,
        cache: OrderCache,
        writer: OrderWriter,
        relay_wakeup: RelayWakeup,
        clock: Clock,
        ids: IdGenerator,
    ) -> None:
        self._new_orders = new_orders
        self._cache = cache
        self._writer = writer
        self._relay_wakeup = relay_wakeup
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: PlaceOrderCommand) -> PlacedOrder:
        """Place the order."""
        now = self._clock.now()
        order_id = OrderId(self._ids.new(now))
        order = Order.place(order_id, command.owner, command.lines, command.reference, now)
        write = self._writer.write(order)
        lease = self._cache.reserve(order_id)
        await self._new_orders.add(write)
        self._relay_wakeup.notify()
        if lease is not None:
            self._cache.offer(order_id, write.document, lease)
        return PlacedOrder(order.id, write.document)
