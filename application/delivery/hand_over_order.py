"""Hand a new order to the task queue."""

from application.ports.events import ReceivedEvent
from application.ports.tasks import TaskQueue


class HandOverOrder:
    """Add the order of an event to the task queue, which ignores an order that is in it already."""

    def __init__(self, tasks: TaskQueue) -> None:
        self._tasks = tasks

    async def __call__(self, event: ReceivedEvent) -> None:
        """Return when the queue has the order.

        Raises:
            QueueUnavailable: the queue is out of reach, or stays full.
        """
        await self._tasks.process_order(event.order_id)
