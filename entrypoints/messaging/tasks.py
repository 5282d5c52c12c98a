"""The worker's tasks."""

from uuid import UUID

from taskiq import AsyncBroker

from application.orders.process_order import ProcessOrder
from domain.errors import OrderNotFound
from domain.ids import OrderId
from entrypoints.observability.logs import logger
from entrypoints.observability.metrics.tasks import counting


def register_tasks(broker: AsyncBroker, process_order: ProcessOrder) -> None:
    """Register the tasks with the broker, by name."""
    process = counting(process_order)

    async def process_order_task(order_id: str) -> None:
        """Process an order that a consumer has handed over."""
        try:
            outcome = await process(OrderId(UUID(order_id)))
        except OrderNotFound:
            logger.error("order to process not found", order_id=order_id)
            return
        if outcome is not None:
            logger.info(f"Order {order_id} processed", order_id=order_id, outcome=outcome)

    broker.register_task(process_order_task, task_name=process_order_task.__name__)
