"""Count task results."""

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
    """The result of running `process_order_task`."""

    FULFILLED = "fulfilled"
    SKIPPED = "skipped"  # the order had been canceled
    REPEATED = "repeated"  # the order had been processed already, so nothing was recorded
    UNKNOWN = "unknown"  # there is no such order
    POSTPONED = "postponed"  # runs again after an outage, a lost race or a stopped worker
    FAILED = "failed"  # processing failed, or there is a bug: it runs again or is given up
    DEAD = "dead"  # it failed too often and became a dead letter


_OUTCOMES: Final = {
    Outcome.FULFILLED: TaskResult.FULFILLED,
    Outcome.SKIPPED: TaskResult.SKIPPED,
    None: TaskResult.REPEATED,
}
_RESULTS: Final = {result: TASKS.labels(result.value) for result in TaskResult}


def count_task(result: TaskResult) -> None:
    """Count a task's result."""
    _RESULTS[result].inc()


def counting(process_order: ProcessesOrders) -> ProcessesOrders:
    """Return `process_order`, but count every run."""

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
