import asyncio

import pytest

from libraries.asyncio_tools.concurrency import for_each
from tests.support.deadlines import LONG


class Calls:
    """Calls that end when `proceed` is set. `most` is the highest number of calls at a time."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.ended: list[int] = []
        self.canceled: list[int] = []
        self.most = 0
        self.proceed = asyncio.Event()

    async def __call__(self, item: int) -> None:
        self.started.append(item)
        self.most = max(self.most, len(self.started) - len(self.ended))
        try:
            await self.proceed.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.canceled.append(item)
            raise
        self.ended.append(item)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_each_item_is_called_once_in_order_and_within_the_limit(limit: int) -> None:
    calls = Calls()
    calls.proceed.set()
    await for_each(range(7), calls, limit)
    assert calls.started == list(range(7))
    assert sorted(calls.ended) == list(range(7))
    assert calls.most == min(limit, 7)


async def test_no_items_are_no_calls() -> None:
    calls = Calls()
    await for_each([], calls, 3)
    assert calls.started == []


async def test_a_limit_of_one_runs_in_the_current_task() -> None:
    tasks = []

    async def call(_: int) -> None:
        tasks.append(asyncio.current_task())

    await for_each(range(2), call, 1)
    assert tasks == [asyncio.current_task()] * 2


async def test_an_error_cancels_the_other_calls_and_is_raised_after_they_have_ended() -> None:
    calls = Calls()

    async def call(item: int) -> None:
        if item == 1:
            raise RuntimeError("no tea")
        await calls(item)

    with pytest.raises(RuntimeError, match="no tea"):
        await for_each(range(5), call, 3)
    assert calls.started == calls.canceled == [0, 2]


async def test_a_cancellation_ends_all_calls() -> None:
    calls = Calls()
    task = asyncio.create_task(for_each(range(5), calls, 3))
    while len(calls.started) < 3:  # noqa: ASYNC110 - the calls don't set an event
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(LONG):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert calls.canceled == [0, 1, 2]
