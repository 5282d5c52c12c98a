import asyncio
from collections.abc import Sequence

import pytest

from libraries.redis_client.errors import RedisUnavailable
from libraries.task_stream.additions import Addition, Additions
from libraries.task_stream.scripts import Added
from tests.support.deadlines import LONG


class Queue:
    """Records what is sent together. It answers when `responds` is set."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self.responds = asyncio.Event()
        self.responds.set()
        self.error: Exception | None = None
        self.add = Additions(self._send)

    async def _send(self, additions: Sequence[Addition]) -> Sequence[Added]:
        self.sent.append([addition.task_id for addition in additions])
        await self.responds.wait()
        if self.error is not None:
            raise self.error
        return [Added.KNOWN if each.task_id == "known" else Added.NEW for each in additions]

    async def call(self, task_id: str) -> Added:
        async with asyncio.timeout(LONG):
            return await self.add(Addition(task_id, b"", 0))


async def test_concurrent_calls_are_sent_together_and_each_gets_its_own_result() -> None:
    queue = Queue()
    results = await asyncio.gather(*(queue.call(each) for each in ("a", "known", "b")))
    assert results == [Added.NEW, Added.KNOWN, Added.NEW]
    assert queue.sent == [["a", "known", "b"]]


async def test_calls_during_a_round_trip_share_the_next_one() -> None:
    queue = Queue()
    queue.responds.clear()
    first = asyncio.create_task(queue.call("a"))
    await _sent(queue, 1)
    following = [asyncio.create_task(queue.call(each)) for each in "bc"]
    await asyncio.sleep(0)
    queue.responds.set()
    await asyncio.gather(first, *following)
    assert queue.sent == [["a"], ["b", "c"]]
    await queue.call("d")
    assert queue.sent[2:] == [["d"]]


async def test_many_calls_are_sent_in_several_rounds_in_order() -> None:
    queue, names = Queue(), [str(number) for number in range(450)]
    await asyncio.gather(*map(queue.call, names))
    assert [len(each) for each in queue.sent] == [200, 200, 50]
    assert [name for each in queue.sent for name in each] == names


@pytest.mark.parametrize("error", [RedisUnavailable("away"), ValueError("strange")])
async def test_an_error_is_raised_to_every_caller_and_the_next_call_is_sent(
    error: Exception,
) -> None:
    queue = Queue()
    queue.error = error
    results = await asyncio.gather(*map(queue.call, "ab"), return_exceptions=True)
    assert [type(each) for each in results] == [RedisUnavailable] * 2
    assert results[0] is not results[1]
    queue.error = None
    assert await queue.call("c") is Added.NEW


async def test_a_caller_that_is_gone_is_not_sent_and_does_not_disturb_the_others() -> None:
    queue = Queue()
    queue.responds.clear()
    calls = [asyncio.create_task(queue.call("a"))]
    await _sent(queue, 1)
    calls += [asyncio.create_task(queue.call(each)) for each in "bc"]
    await asyncio.sleep(0)
    calls[0].cancel()
    calls[1].cancel()
    await asyncio.sleep(0)
    queue.responds.set()
    assert await calls[2] is Added.NEW
    assert queue.sent == [["a"], ["c"]]


async def _sent(queue: Queue, rounds: int) -> None:
    async with asyncio.timeout(LONG):
        while len(queue.sent) < rounds:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0)
