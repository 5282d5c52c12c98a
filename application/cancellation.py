"""A cancellation that was swallowed on its way, heard all the same."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def heed_cancellation() -> None:
    """End the present task, where somebody has asked it to end and a library kept that to itself.

    aiokafka's `close` may swallow a cancellation, and so may `asyncio.wait_for`, which redis
    calls, before Python 3.12. Whoever waits for either in a loop asks here in every round.

    Raises:
        asyncio.CancelledError: somebody has.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def uncanceled_for(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Do `work`; a cancellation waits up to `seconds` for its end before it takes effect.

    A connection whose making is canceled may stay open for ever, with no reference to it left:
    asyncio before Python 3.12, redis and aiokafka all lose one so.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _ended(task, seconds)
        task.cancel()
        await _ended(task, seconds)
        raise


async def _ended(task: asyncio.Task[Any], seconds: float) -> None:
    """Wait up to `seconds` for the end of a task, however often the wait is canceled."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while not task.done() and clock() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task], timeout=until - clock())
