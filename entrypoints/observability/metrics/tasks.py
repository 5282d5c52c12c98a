"""Counting what becomes of tasks."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from application.errors import ConcurrentUpdate, Unavailable
from domain.errors import OrderNotFound
from domain.ids import OrderId
from domain.order.events import Outcome
from entrypoints.observability.metrics.table import TASKS

ProcessesOrders = Callable[[OrderId], Awaitable[Outcome | None]]


class TaskResult(StrEnum):
    """What a run of `process_order_task` came to."""

    FULFILLED = "fulfilled"
    SKIPPED = "skipped"  # the order was canceled before
    REPEATED = "repeated"  # it had been processed before: nothing was recorded
    UNKNOWN = "unknown"  # there is no such order
    POSTPONED = "postponed"  # a server out of reach, a lost race, a worker's end: it runs again
    FAILED = "failed"  # its own processing, or a bug around it: it runs again, or is dead
    DEAD = "dead"  # it was given up, and became a dead letter


_OUTCOMES: Final = {
    Outcome.FULFILLED: TaskResult.FULFILLED,
    Outcome.SKIPPED: TaskResult.SKIPPED,
    None: TaskResult.REPEATED,
}
_RESULTS: Final = {result: TASKS.labels(result.value) for result in TaskResult}


def count_task(result: TaskResult) -> None:
    """Count what has become of a task."""
    _RESULTS[result].inc()


def counting(process_order: ProcessesOrders) -> ProcessesOrders:
    """The same, with every run counted."""

    async def counted(order_id: OrderId) -> Outcome | None:
        try:
            outcome = await process_order(order_id)
        except BaseException as error:
            count_task(_result_of(error))
            raise
        count_task(_OUTCOMES[outcome])
        return outcome

    return counted


def _result_of(error: BaseException) -> TaskResult:
    if isinstance(error, OrderNotFound):
        return TaskResult.UNKNOWN
    if isinstance(error, Unavailable | ConcurrentUpdate | asyncio.CancelledError):
        return TaskResult.POSTPONED
    return TaskResult.FAILED
