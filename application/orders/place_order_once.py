"""Place an order with an idempotency key."""

from application.documents import OrderDocument
from application.errors import IdempotencyKeyReused
from application.orders.fingerprint import fingerprint
from application.orders.order_writes import OrderWrites
from application.orders.place_order import PlacedOrder, PlaceOrderCommand
from application.ports.idempotency import IdempotencyKey
from application.ports.system import Clock, IdGenerator
from domain.ids import OrderId
from domain.order.order import Order


class PlaceOrderOnce:
    """Place an order, unless the owner has already placed it with the same key.

    Raises:
        IdempotencyKeyReused: the owner has placed a different order with this key.
        IdempotencyInProgress: another request with this key is still running.
        ReferenceTaken: the owner has another order with this reference.
    """

    def __init__(self, orders: OrderWrites, clock: Clock, ids: IdGenerator) -> None:
        self._orders = orders
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: PlaceOrderCommand, key: str) -> PlacedOrder:
        """Place the order and return it, or return the first response to the same request."""
        now = self._clock.now()
        order_id = OrderId(self._ids.new(now))
        change = Order.place(order_id, command.owner, command.lines, command.reference, now)
        wanted = IdempotencyKey(key, fingerprint(command.lines, command.reference))
        record = await self._orders.add_once(change, wanted)
        if record.key != wanted:
            raise IdempotencyKeyReused
        document = OrderDocument(command.owner, 1, 1, is_processed=False, body=record.body)
        return PlacedOrder(record.order_id, document, is_replay=record.order_id != order_id)
