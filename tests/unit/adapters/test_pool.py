"""The pool's rule: which connection is used again, which is checked first, and which is closed."""

import asyncio
from typing import Any

import pytest

from adapters.postgres import pool as pools
from adapters.postgres.pool import Pool
from application.errors import Unavailable

REST = pools._MAX_IDLE_SECONDS


class FakeConnection:
    """A connection at one moment of a movable clock."""

    def __init__(self, now: float) -> None:
        self.opened_at = self.idle_since = now
        self.is_broken = self.is_read_only = False
        self.is_dead = self.hangs = False
        self.in_transaction = False
        self.pings = 0
        self.end = ""

    def is_closed(self) -> bool:
        return bool(self.end)

    def can_be_reused(self) -> bool:
        return not (self.is_broken or self.end or self.in_transaction)

    async def execute(self, _: str) -> None:
        self.pings += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_dead:
            raise Unavailable

    async def close(self) -> None:
        self.end = self.end or "closed"

    def terminate(self) -> None:
        self.end = self.end or "terminated"


class Server:
    """Opens connections, and lets time pass for the pool."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[FakeConnection] = []
        self.is_away = False
        loop = asyncio.get_running_loop()
        self._real = loop.time
        self._offset = 0.0
        monkeypatch.setattr(loop, "time", lambda: self._real() + self._offset)
        self._loop = loop

    def rest(self, seconds: float) -> None:
        self._offset += seconds

    async def connect(self) -> Any:
        if self.is_away:
            raise Unavailable
        self.opened.append(FakeConnection(self._loop.time()))
        return self.opened[-1]


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


async def resting(pool: Pool, count: int) -> list[Any]:
    """So many connections, opened and put to rest in their order."""
    taken = [await pool.acquire() for _ in range(count)]
    for connection in taken:
        await pool.release(connection)
    return taken


async def test_the_connection_that_rested_last_is_used_first_and_not_checked(
    server: Server,
) -> None:
    pool = Pool(server.connect, 3)
    connections = await resting(pool, 3)
    assert [await pool.acquire() for _ in range(3)] == connections[::-1]
    assert [each.pings for each in connections] == [0, 0, 0]
    assert len(server.opened) == 3


async def test_no_more_are_open_than_the_size_says(server: Server) -> None:
    pool = Pool(server.connect, 2)
    first, _ = await pool.acquire(), await pool.acquire()
    third = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    assert not third.done()
    assert (pool.in_use, pool.idle) == (2, 0)
    await pool.release(first)
    assert await third is first


async def test_a_server_that_is_away_takes_no_turn(server: Server) -> None:
    pool = Pool(server.connect, 1)
    server.is_away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await pool.acquire()
    server.is_away = False
    await pool.acquire()
    assert pool.in_use == 1


async def test_after_a_long_rest_a_connection_is_checked_once(server: Server) -> None:
    pool = Pool(server.connect, 1)
    [connection] = await resting(pool, 1)
    server.rest(REST - 1)
    await pool.release(await pool.acquire())
    assert connection.pings == 0
    server.rest(REST + 1)
    await pool.release(await pool.acquire())
    await pool.release(await pool.acquire())
    assert connection.pings == 1


async def test_the_first_that_is_dead_after_a_rest_condemns_all_others(server: Server) -> None:
    pool = Pool(server.connect, 4)
    in_use, *idle = [await pool.acquire() for _ in range(4)]
    for connection in idle:
        connection.is_dead = True
        await pool.release(connection)
    server.rest(REST + 1)
    fresh = await pool.acquire()
    assert fresh is server.opened[4]
    assert [each.end for each in idle] == ["terminated"] * 3
    assert sum(each.pings for each in idle) == 1
    await pool.release(in_use)
    assert in_use.end == "closed"
    await pool.release(fresh)
    assert (pool.in_use, pool.idle) == (0, 1)


async def test_a_connection_that_does_not_answer_the_check_is_dead(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_PING_TIMEOUT_SECONDS", 0.01)
    pool = Pool(server.connect, 1)
    [connection] = await resting(pool, 1)
    connection.hangs = True
    server.rest(REST + 1)
    assert await pool.acquire() is not connection
    assert connection.end == "terminated"


async def test_a_check_that_is_given_up_takes_no_turn_and_no_connection(server: Server) -> None:
    pool = Pool(server.connect, 1)
    [connection] = await resting(pool, 1)
    connection.hangs = True
    server.rest(REST + 1)
    taking = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    assert connection.pings == 1
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    assert (connection.end, pool.in_use) == ("terminated", 0)
    await pool.acquire()


async def test_when_one_breaks_the_others_are_checked(server: Server) -> None:
    pool = Pool(server.connect, 2)
    broken, other = await pool.acquire(), await pool.acquire()
    await pool.release(other)
    server.rest(1)
    broken.is_broken = True
    await pool.release(broken)
    assert broken.end == "closed"
    await pool.release(await pool.acquire())
    assert await pool.acquire() is other
    assert other.pings == 1


async def test_one_that_is_read_only_condemns_all_others(server: Server) -> None:
    pool = Pool(server.connect, 3)
    read_only, other, idle = [await pool.acquire() for _ in range(3)]
    await pool.release(idle)
    server.rest(1)
    read_only.is_read_only = True
    await pool.release(read_only)
    await pool.release(other)
    assert [each.end for each in (read_only, other, idle)] == ["closed", "closed", "terminated"]
    assert await pool.acquire() is server.opened[3]


async def test_what_is_closed_or_in_a_transaction_is_not_used_again(server: Server) -> None:
    pool = Pool(server.connect, 2)
    [resting_one] = await resting(pool, 1)
    resting_one.end = "by the server"
    left = await pool.acquire()
    assert left is not resting_one
    left.in_transaction = True
    await pool.release(left)
    assert left.end == "closed"


async def test_a_pool_that_is_closed_keeps_nothing(server: Server) -> None:
    pool = Pool(server.connect, 2)
    in_use, idle = await pool.acquire(), await pool.acquire()
    await pool.release(idle)
    await pool.close()
    await pool.release(in_use)
    assert [in_use.end, idle.end] == ["closed", "closed"]
    assert (pool.in_use, pool.idle) == (0, 0)
