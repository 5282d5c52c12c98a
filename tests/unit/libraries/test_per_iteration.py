"""Items of the same event loop iteration are handled together."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

from libraries.asyncio_tools.per_iteration import PerIteration

caller: ContextVar[str | None] = ContextVar("caller", default=None)


async def test_items_of_an_iteration_are_handled_together_and_in_order() -> None:
    handled: list[Sequence[int]] = []
    collector = PerIteration[int](handled.append)
    for iteration in (0, 10):
        for number in range(3):
            collector.add(iteration + number)
        assert len(handled) == iteration // 10
        await asyncio.sleep(0)
    assert handled == [[0, 1, 2], [10, 11, 12]]


async def test_an_error_does_not_keep_later_items_from_being_handled() -> None:
    handled: list[Sequence[int]] = []

    def handle(items: Sequence[int]) -> None:
        handled.append(items)
        if len(handled) == 1:
            raise OSError

    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    collector = PerIteration[int](handle)
    for number in range(2):
        collector.add(number)
        await asyncio.sleep(0)
    assert handled == [[0], [1]]
    assert len(errors) == 1


async def test_items_are_handled_outside_of_the_context_of_their_request() -> None:
    seen: list[str | None] = []
    collector = PerIteration[int](lambda _: seen.append(caller.get()))
    caller.set("ada")
    collector.add(1)
    await asyncio.sleep(0)
    assert seen == [None]
