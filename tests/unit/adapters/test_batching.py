"""Calls that share a statement: who is asked together, and what a failure means to the others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from adapters.postgres.batching import Shared
from application.errors import NOTHING_CHANGED, OUTCOME_UNKNOWN, ConcurrentUpdate, Unavailable
from domain.errors import ReferenceTaken
from libraries.asyncio_tools.time_budget import storage_deadline
from tests.support.deadlines import LONG


class Statement:
    """Doubles what it is asked, and notes who asked together; goes on when it may."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.refuses: dict[int, Exception] = {}
        self.deadlocks = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def __call__(self, _: object, asked: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(asked))
        await self.may_go_on.wait()
        if self.deadlocks:
            self.deadlocks -= 1
            raise ConcurrentUpdate
        for each in asked:
            if each in self.refuses:
                raise self.refuses[each]
        return [2 * each for each in asked]


class Connections:
    """A `Database` that has a connection when it may."""

    def __init__(self) -> None:
        self.there_is_one = asyncio.Event()
        self.there_is_one.set()

    @asynccontextmanager
    async def driver(self, _patience: float) -> AsyncIterator[None]:
        await self.there_is_one.wait()
        yield


def sharing(
    statement: Statement, most: int, connections: Connections | None = None, *, changes: bool = True
) -> Shared[int, int]:
    database: Any = connections or Connections()
    return Shared(database, statement, most, changes=changes)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_whoever_asks_in_one_moment_is_asked_for_together_and_told_their_own() -> None:
    statement = Statement()
    shared = sharing(statement, most=64)
    assert await asyncio.gather(*map(shared, range(10))) == [2 * each for each in range(10)]
    assert statement.groups == [list(range(10))]


async def test_whoever_comes_alone_leaves_at_once() -> None:
    statement = Statement()
    shared = sharing(statement, most=64)
    assert [await shared(each) for each in range(3)] == [0, 2, 4]
    assert statement.groups == [[0], [1], [2]]


async def test_while_two_are_on_their_way_the_next_are_gathered_and_none_is_too_large() -> None:
    statement = Statement()
    shared = sharing(statement, most=3)
    statement.may_go_on.clear()
    calls = []
    for each in range(7):
        calls.append(asyncio.create_task(shared(each)))
        await turns()
    assert statement.groups == [[0], [1]]
    statement.may_go_on.set()
    assert await asyncio.gather(*calls) == [2 * each for each in range(7)]
    assert statement.groups == [[0], [1], [2, 3, 4], [5, 6]]


@pytest.mark.parametrize(
    "refusal",
    [
        ReferenceTaken(),
        asyncpg.CheckViolationError("orders_items_count"),
        asyncpg.DataError("invalid input for query argument $4"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
async def test_one_that_is_refused_takes_no_other_with_it(refusal: Exception) -> None:
    statement = Statement()
    statement.refuses[1] = refusal
    shared = sharing(statement, most=64)
    told = await asyncio.gather(*map(shared, range(3)), return_exceptions=True)
    assert told == [0, statement.refuses[1], 4]
    assert statement.groups == [[0, 1, 2], [0], [1], [2]]


async def test_what_is_rolled_back_for_another_is_sent_again_each_by_itself() -> None:
    statement = Statement()
    statement.deadlocks = 3
    shared = sharing(statement, most=64)
    assert await asyncio.gather(*map(shared, range(3))) == [0, 2, 4]
    assert statement.groups == [[0, 1, 2], [0], [0], [0], [1], [2]]


async def test_what_is_always_rolled_back_is_given_up() -> None:
    statement = Statement()
    statement.deadlocks = 100
    with pytest.raises(ConcurrentUpdate):
        await sharing(statement, most=64)(0)
    assert statement.groups == [[0]] * 4


@pytest.mark.parametrize("failure", [Unavailable(), RuntimeError("a bug")])
async def test_what_may_have_been_done_is_not_asked_for_again(failure: Exception) -> None:
    statement = Statement()
    statement.refuses[1] = failure
    shared = sharing(statement, most=64)
    told = await asyncio.gather(*map(shared, range(3)), return_exceptions=True)
    assert told == [failure] * 3
    assert statement.groups == [[0, 1, 2]]


async def test_for_whoever_has_gone_away_nobody_asks_any_more() -> None:
    statement = Statement()
    shared = sharing(statement, most=1)
    statement.may_go_on.clear()
    calls = [asyncio.create_task(shared(each)) for each in range(4)]
    await turns()
    calls[2].cancel()
    await asyncio.gather(calls[2], return_exceptions=True)
    statement.may_go_on.set()
    assert await asyncio.gather(*calls[:2], calls[3]) == [0, 2, 6]
    assert [2] not in statement.groups


@pytest.mark.parametrize(
    ("changes", "is_sent", "detail"),
    [
        (True, True, OUTCOME_UNKNOWN),
        (True, False, NOTHING_CHANGED),
        (False, True, NOTHING_CHANGED),
    ],
)
async def test_a_call_that_is_late_learns_whether_it_may_have_been_done(
    monkeypatch: pytest.MonkeyPatch, *, changes: bool, is_sent: bool, detail: str
) -> None:
    statement, connections = Statement(), Connections()
    shared = sharing(statement, 64, connections, changes=changes)
    statement.may_go_on.clear()
    if not is_sent:
        connections.there_is_one.clear()
    patient = asyncio.create_task(shared(1))
    loop = asyncio.get_running_loop()
    token = storage_deadline.set(loop.time() + LONG)
    late = asyncio.create_task(shared(2))
    storage_deadline.reset(token)
    await turns()
    assert any(2 in group for group in statement.groups) == is_sent
    monkeypatch.setattr(loop, "time", lambda time=loop.time: time() + LONG)
    with pytest.raises(Unavailable) as refusal:
        await late
    assert str(refusal.value) == detail
    connections.there_is_one.set()
    statement.may_go_on.set()
    assert await patient == 2
    assert any(2 in group for group in statement.groups) == is_sent


@pytest.mark.parametrize("later", range(6))
async def test_whoever_comes_while_the_last_are_being_answered_is_not_left_behind(
    later: int,
) -> None:
    statement = Statement()
    shared = sharing(statement, most=64)
    statement.may_go_on.clear()
    calls = []
    for each in range(2):
        calls.append(asyncio.create_task(shared(each)))
        await turns()
    statement.may_go_on.set()
    await turns(later)
    async with asyncio.timeout(60):
        assert await shared(2) == 4
        assert await asyncio.gather(*calls) == [0, 2]


async def test_whoever_goes_away_before_there_is_a_connection_is_not_asked_for() -> None:
    statement, connections = Statement(), Connections()
    shared = sharing(statement, 64, connections)
    connections.there_is_one.clear()
    calls = [asyncio.create_task(shared(each)) for each in range(3)]
    await turns()
    calls[1].cancel()
    await turns()
    connections.there_is_one.set()
    assert [await calls[0], await calls[2]] == [0, 4]
    assert statement.groups == [[0, 2]]


async def test_whoever_has_gone_away_is_not_asked_for_after_a_refusal_either() -> None:
    statement = Statement()
    statement.refuses[0] = ReferenceTaken()
    shared = sharing(statement, most=64)
    statement.may_go_on.clear()
    calls = [asyncio.create_task(shared(each)) for each in range(3)]
    await turns()
    calls[1].cancel()
    await turns()
    statement.may_go_on.set()
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert (told[0], told[2]) == (statement.refuses[0], 4)
    assert statement.groups == [[0, 1, 2], [0], [2]]
