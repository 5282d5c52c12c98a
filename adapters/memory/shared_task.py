"""Tasks that several requests wait for."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

from application.errors import Unavailable
from libraries.asyncio_tools import time_budget
from libraries.asyncio_tools.time_budget import storage_deadline

T = TypeVar("T")


def shared_task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task that several requests wait for. It has a storage deadline of its own."""
    context = Context()
    until = asyncio.get_running_loop().time() + time_budget.STORAGE_DEADLINE_SECONDS
    context.run(storage_deadline.set, until)
    return asyncio.create_task(work, context=context)


async def result_of(task: asyncio.Task[T]) -> T:
    """Return a shared task's result. If this request is canceled, the task continues.

    Raises:
        Unavailable: the task doesn't end before this request's own deadline.
    """
    try:
        async with asyncio.timeout_at(storage_deadline.get()):
            return await asyncio.shield(task)
    except TimeoutError:
        raise Unavailable from None
