from uuid import UUID

from application.delivery.hand_over_order import HandOverOrder
from application.ports.events import ReceivedEvent
from domain.ids import EventId, OrderId
from domain.order.status import OrderStatus
from tests.support.orders import an_order_id


class Tasks:
    """A `TaskQueue` that records its orders."""

    def __init__(self) -> None:
        self.orders: list[OrderId] = []

    async def process_order(self, order_id: OrderId) -> bool:
        self.orders.append(order_id)
        return True


async def test_the_order_of_an_event_is_added_to_the_queue() -> None:
    tasks, order_id = Tasks(), an_order_id()
    event = ReceivedEvent(
        id=EventId(UUID(int=1)),
        type="order.created",
        order_id=order_id,
        status=OrderStatus.PENDING,
    )
    await HandOverOrder(tasks)(event)
    assert tasks.orders == [order_id]
