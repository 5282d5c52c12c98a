"""Batches of concurrent calls: their size, their order, and the effects of a failed call."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from adapters.postgres.batching import Batcher
from application.errors import NOTHING_CHANGED, OUTCOME_UNKNOWN, ConcurrentUpdate, Unavailable
from domain.errors import ReferenceTaken
from libraries.asyncio_tools.time_budget import storage_deadline
from tests.support.deadlines import LONG


class Statement:
    """Doubles its arguments, records each batch, and waits for `may_go_on`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.refuses: dict[int, Exception] = {}
        self.deadlocks = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def __call__(self, _: object, arguments: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(arguments))
        await self.may_go_on.wait()
        if self.deadlocks:
            self.deadlocks -= 1
            raise ConcurrentUpdate
        for each in arguments:
            if each in self.refuses:
                raise self.refuses[each]
        return [2 * each for each in arguments]


class Connections:
    """A `Database` that only gets a connection once `is_available` is set."""

    def __init__(self) -> None:
        self.is_available = asyncio.Event()
        self.is_available.set()

    @asynccontextmanager
    async def connection(self, _timeout_seconds: float) -> AsyncIterator[None]:
        await self.is_available.wait()
        yield


def batcher_of(
    statement: Statement,
    max_size: int,
    connections: Connections | None = None,
    *,
    changes: bool = True,
) -> Batcher[int, int]:
    database: Any = connections or Connections()
    return Batcher(database, statement, max_size, changes=changes)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_concurrent_calls_share_a_statement_and_get_their_own_results() -> None:
    statement = Statement()
    batcher = batcher_of(statement, max_size=64)
    assert await asyncio.gather(*map(batcher, range(10))) == [2 * each for each in range(10)]
    assert statement.batches == [list(range(10))]


async def test_a_single_call_is_sent_at_once() -> None:
    statement = Statement()
    batcher = batcher_of(statement, max_size=64)
    assert [await batcher(each) for each in range(3)] == [0, 2, 4]
    assert statement.batches == [[0], [1], [2]]


async def test_calls_are_collected_while_two_batches_run_and_no_batch_is_too_large() -> None:
    statement = Statement()
    batcher = batcher_of(statement, max_size=3)
    statement.may_go_on.clear()
    calls = []
    for each in range(7):
        calls.append(asyncio.create_task(batcher(each)))
        await turns()
    assert statement.batches == [[0], [1]]
    statement.may_go_on.set()
    assert await asyncio.gather(*calls) == [2 * each for each in range(7)]
    assert statement.batches == [[0], [1], [2, 3, 4], [5, 6]]


@pytest.mark.parametrize(
    "refusal",
    [
        ReferenceTaken(),
        asyncpg.CheckViolationError("orders_items_count"),
        asyncpg.DataError("invalid input for query argument $4"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
async def test_a_refused_call_fails_no_other_call(refusal: Exception) -> None:
    statement = Statement()
    statement.refuses[1] = refusal
    batcher = batcher_of(statement, max_size=64)
    results = await asyncio.gather(*map(batcher, range(3)), return_exceptions=True)
    assert results == [0, statement.refuses[1], 4]
    assert statement.batches == [[0, 1, 2], [0], [1], [2]]


async def test_calls_rolled_back_for_another_transaction_are_sent_again_one_by_one() -> None:
    statement = Statement()
    statement.deadlocks = 3
    batcher = batcher_of(statement, max_size=64)
    assert await asyncio.gather(*map(batcher, range(3))) == [0, 2, 4]
    assert statement.batches == [[0, 1, 2], [0], [0], [0], [1], [2]]


async def test_a_call_that_is_always_rolled_back_fails() -> None:
    statement = Statement()
    statement.deadlocks = 100
    with pytest.raises(ConcurrentUpdate):
        await batcher_of(statement, max_size=64)(0)
    assert statement.batches == [[0]] * 4


@pytest.mark.parametrize("failure", [Unavailable(), RuntimeError("a bug")])
async def test_a_batch_with_an_unknown_outcome_is_not_sent_again(failure: Exception) -> None:
    statement = Statement()
    statement.refuses[1] = failure
    batcher = batcher_of(statement, max_size=64)
    results = await asyncio.gather(*map(batcher, range(3)), return_exceptions=True)
    assert results == [failure] * 3
    assert statement.batches == [[0, 1, 2]]


async def test_a_canceled_call_is_not_sent() -> None:
    statement = Statement()
    batcher = batcher_of(statement, max_size=1)
    statement.may_go_on.clear()
    calls = [asyncio.create_task(batcher(each)) for each in range(4)]
    await turns()
    calls[2].cancel()
    await asyncio.gather(calls[2], return_exceptions=True)
    statement.may_go_on.set()
    assert await asyncio.gather(*calls[:2], calls[3]) == [0, 2, 6]
    assert [2] not in statement.batches


@pytest.mark.parametrize(
    ("changes", "is_sent", "detail"),
    [
        (True, True, OUTCOME_UNKNOWN),
        (True, False, NOTHING_CHANGED),
        (False, True, NOTHING_CHANGED),
    ],
)
async def test_a_late_call_states_whether_it_may_have_changed_something(
    monkeypatch: pytest.MonkeyPatch, *, changes: bool, is_sent: bool, detail: str
) -> None:
    statement, connections = Statement(), Connections()
    batcher = batcher_of(statement, 64, connections, changes=changes)
    statement.may_go_on.clear()
    if not is_sent:
        connections.is_available.clear()
    patient = asyncio.create_task(batcher(1))
    loop = asyncio.get_running_loop()
    token = storage_deadline.set(loop.time() + LONG)
    late = asyncio.create_task(batcher(2))
    storage_deadline.reset(token)
    await turns()
    assert any(2 in batch for batch in statement.batches) == is_sent
    monkeypatch.setattr(loop, "time", lambda time=loop.time: time() + LONG)
    with pytest.raises(Unavailable) as refusal:
        await late
    assert str(refusal.value) == detail
    connections.is_available.set()
    statement.may_go_on.set()
    assert await patient == 2
    assert any(2 in batch for batch in statement.batches) == is_sent


@pytest.mark.parametrize("later", range(6))
async def test_a_call_during_the_last_results_is_sent(
    later: int,
) -> None:
    statement = Statement()
    batcher = batcher_of(statement, max_size=64)
    statement.may_go_on.clear()
    calls = []
    for each in range(2):
        calls.append(asyncio.create_task(batcher(each)))
        await turns()
    statement.may_go_on.set()
    await turns(later)
    async with asyncio.timeout(60):
        assert await batcher(2) == 4
        assert await asyncio.gather(*calls) == [0, 2]


async def test_a_call_canceled_before_there_is_a_connection_is_not_sent() -> None:
    statement, connections = Statement(), Connections()
    batcher = batcher_of(statement, 64, connections)
    connections.is_available.clear()
    calls = [asyncio.create_task(batcher(each)) for each in range(3)]
    await turns()
    calls[1].cancel()
    await turns()
    connections.is_available.set()
    assert [await calls[0], await calls[2]] == [0, 4]
    assert statement.batches == [[0, 2]]


async def test_a_canceled_call_is_not_sent_after_a_refusal() -> None:
    statement = Statement()
    statement.refuses[0] = ReferenceTaken()
    batcher = batcher_of(statement, max_size=64)
    statement.may_go_on.clear()
    calls = [asyncio.create_task(batcher(each)) for each in range(3)]
    await turns()
    calls[1].cancel()
    await turns()
    statement.may_go_on.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert (results[0], results[2]) == (statement.refuses[0], 4)
    assert statement.batches == [[0, 1, 2], [0], [2]]
