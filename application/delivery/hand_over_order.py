"""Hand a new order to the task queue."""

from application.ports.events import ReceivedEvent
from application.ports.tasks import TaskQueue


class HandOverOrder:
    """Add an event's order to the task queue, which ignores orders it already contains."""

    def __init__(self, tasks: TaskQueue) -> None:
        self._tasks = tasks

    async def __call__(self, event: ReceivedEvent) -> None:
        """Add the order, and return as soon as it's in the queue.

        Raises:
            QueueUnavailable: the queue is unreachable or stays full.
        """
        await self._tasks.process_order(event.order_id)
