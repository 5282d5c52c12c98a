"""Run a coroutine for many items with a limit on how many run at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


async def for_each(
    items: Iterable[Item], call: Callable[[Item], Awaitable[None]], limit: int
) -> None:
    """Call `call` for each item, at most `limit` at the same time, and wait for all of them.

    The calls start in the order of the items. After an error, the other calls are canceled, and
    they have ended when this function raises the error. With a limit of 1, everything runs in the
    current task.
    """
    if limit == 1:
        for item in items:
            await call(item)
        return
    waiting = iter(items)

    async def run(item: Item) -> None:
        await call(item)
        for following in waiting:
            await call(following)

    # A task takes its first item now, so there are never more tasks than items.
    tasks = [asyncio.create_task(run(item)) for _, item in zip(range(limit), waiting, strict=False)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
