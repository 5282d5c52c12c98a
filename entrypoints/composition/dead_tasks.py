"""Turn abandoned tasks into dead letters."""

from uuid import UUID

import msgspec

from application.delivery.dead_letter_order import DeadLetterOrder
from domain.ids import OrderId
from entrypoints.observability.metrics.tasks import TaskResult, count_task
from libraries.task_stream.retries import DeadLetterTask, DeadTask, log_dead_task


class _Task(msgspec.Struct):
    """The part of a taskiq message that contains the order's id."""

    args: list[UUID]


def dead_lettering(dead_letter_order: DeadLetterOrder) -> DeadLetterTask:
    """Return the callback for dead tasks. Tasks without an order are only logged."""

    async def dead_letter(task: DeadTask) -> None:
        try:
            order_id = OrderId(msgspec.json.decode(task.payload, type=_Task).args[0])
        except (msgspec.DecodeError, IndexError):
            await log_dead_task(task)
            return
        if not await dead_letter_order(order_id, task.reason, task.attempts):
            await log_dead_task(task)

    async def counted(task: DeadTask) -> None:
        await dead_letter(task)
        count_task(TaskResult.DEAD)

    return counted
