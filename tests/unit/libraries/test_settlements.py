import asyncio
from collections.abc import Sequence

import pytest

from libraries.redis_client.errors import RedisUnavailable
from libraries.task_stream.retries import Retry
from libraries.task_stream.settlements import Settlement, Settlements


class Queue:
    """Records reports. While `is_open` is not set, they wait."""

    def __init__(self) -> None:
        self.reports: list[list[str]] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.is_reporting = asyncio.Event()
        self.failures = 0

    async def report(self, settlements: Sequence[Settlement]) -> None:
        self.reports.append([each.entry_id for each in settlements])
        self.is_reporting.set()
        await self.is_open.wait()
        if self.failures:
            self.failures -= 1
            raise RedisUnavailable("no answer")


def outcome(entry_id: str, retry: Retry | None = None) -> Settlement:
    return Settlement(entry_id, f"task {entry_id}", retry)


async def test_concurrent_outcomes_are_reported_together() -> None:
    queue = Queue()
    settlements = Settlements(queue.report)
    await asyncio.gather(*(settlements.add(outcome(each)) for each in "abc"))
    assert queue.reports == [["a", "b", "c"]]


async def test_an_outcome_during_a_report_is_part_of_the_next_one() -> None:
    queue = Queue()
    queue.is_open.clear()
    settlements = Settlements(queue.report)
    first = asyncio.create_task(settlements.add(outcome("a")))
    await queue.is_reporting.wait()
    others = [asyncio.create_task(settlements.add(outcome(each))) for each in "bc"]
    await asyncio.sleep(0)
    queue.is_open.set()
    await asyncio.gather(first, *others)
    assert queue.reports == [["a"], ["b", "c"]]


async def test_failed_outcomes_are_reported_again() -> None:
    queue = Queue()
    queue.failures = 1
    settlements = Settlements(queue.report)
    answers = await asyncio.gather(
        *(settlements.add(outcome(each)) for each in "ab"), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [RedisUnavailable] * 2
    await settlements.add(outcome("c"))
    await settlements.report()
    assert queue.reports == [["a", "b"], ["a", "b", "c"]]


async def test_an_outcome_is_reported_although_its_caller_is_canceled() -> None:
    queue = Queue()
    queue.is_open.clear()
    settlements = Settlements(queue.report)
    caller = asyncio.create_task(settlements.add(outcome("a")))
    await queue.is_reporting.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    queue.is_open.set()
    await settlements.add(outcome("b"))
    assert queue.reports[-1] == ["b"]


async def test_nothing_is_sent_without_outcomes() -> None:
    queue = Queue()
    await Settlements(queue.report).report()
    assert queue.reports == []
