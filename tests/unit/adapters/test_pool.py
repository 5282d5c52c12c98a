"""The pool's rules: which connections are reused, pinged before use, or closed."""

import asyncio
from typing import Any

import pytest

from adapters.postgres import pool as pools
from adapters.postgres.pool import Pool
from application.errors import Unavailable

IDLE_SECONDS = pools._MAX_IDLE_SECONDS


class FakeConnection:
    """A connection that remembers when it was opened, by a movable clock."""

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
    """Opens connections, and moves the pool's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[FakeConnection] = []
        self.is_down = False
        loop = asyncio.get_running_loop()
        self._real = loop.time
        self._offset = 0.0
        monkeypatch.setattr(loop, "time", lambda: self._real() + self._offset)
        self._loop = loop

    def pass_time(self, seconds: float) -> None:
        self._offset += seconds

    async def connect(self) -> Any:
        if self.is_down:
            raise Unavailable
        self.opened.append(FakeConnection(self._loop.time()))
        return self.opened[-1]


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


async def idle_connections(pool: Pool, count: int) -> list[Any]:
    """Open `count` connections, and release them in the same order."""
    taken = [await pool.acquire() for _ in range(count)]
    for connection in taken:
        await pool.release(connection)
    return taken


async def test_last_released_connection_is_used_first_without_a_ping(
    server: Server,
) -> None:
    pool = Pool(server.connect, 3)
    connections = await idle_connections(pool, 3)
    assert [await pool.acquire() for _ in range(3)] == connections[::-1]
    assert [each.pings for each in connections] == [0, 0, 0]
    assert len(server.opened) == 3


async def test_pool_opens_at_most_its_size(server: Server) -> None:
    pool = Pool(server.connect, 2)
    first, _ = await pool.acquire(), await pool.acquire()
    third = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    assert not third.done()
    assert (pool.in_use, pool.idle) == (2, 0)
    await pool.release(first)
    assert await third is first


async def test_failed_connection_attempt_frees_its_slot(server: Server) -> None:
    pool = Pool(server.connect, 1)
    server.is_down = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await pool.acquire()
    server.is_down = False
    await pool.acquire()
    assert pool.in_use == 1


async def test_long_idle_connection_is_pinged_once(server: Server) -> None:
    pool = Pool(server.connect, 1)
    [connection] = await idle_connections(pool, 1)
    server.pass_time(IDLE_SECONDS - 1)
    await pool.release(await pool.acquire())
    assert connection.pings == 0
    server.pass_time(IDLE_SECONDS + 1)
    await pool.release(await pool.acquire())
    await pool.release(await pool.acquire())
    assert connection.pings == 1


async def test_dead_idle_connection_expires_all_older_ones(server: Server) -> None:
    pool = Pool(server.connect, 4)
    in_use, *idle = [await pool.acquire() for _ in range(4)]
    for connection in idle:
        connection.is_dead = True
        await pool.release(connection)
    server.pass_time(IDLE_SECONDS + 1)
    fresh = await pool.acquire()
    assert fresh is server.opened[4]
    assert [each.end for each in idle] == ["terminated"] * 3
    assert sum(each.pings for each in idle) == 1
    await pool.release(in_use)
    assert in_use.end == "closed"
    await pool.release(fresh)
    assert (pool.in_use, pool.idle) == (0, 1)


async def test_connection_without_a_reply_to_the_ping_is_closed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_PING_TIMEOUT_SECONDS", 0.01)
    pool = Pool(server.connect, 1)
    [connection] = await idle_connections(pool, 1)
    connection.hangs = True
    server.pass_time(IDLE_SECONDS + 1)
    assert await pool.acquire() is not connection
    assert connection.end == "terminated"


async def test_canceled_ping_frees_its_slot_and_closes_the_connection(server: Server) -> None:
    pool = Pool(server.connect, 1)
    [connection] = await idle_connections(pool, 1)
    connection.hangs = True
    server.pass_time(IDLE_SECONDS + 1)
    acquiring = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    assert connection.pings == 1
    acquiring.cancel()
    await asyncio.gather(acquiring, return_exceptions=True)
    assert (connection.end, pool.in_use) == ("terminated", 0)
    await pool.acquire()


async def test_idle_connections_are_pinged_after_one_breaks(server: Server) -> None:
    pool = Pool(server.connect, 2)
    broken, other = await pool.acquire(), await pool.acquire()
    await pool.release(other)
    server.pass_time(1)
    broken.is_broken = True
    await pool.release(broken)
    assert broken.end == "closed"
    await pool.release(await pool.acquire())
    assert await pool.acquire() is other
    assert other.pings == 1


async def test_read_only_connection_expires_all_others(server: Server) -> None:
    pool = Pool(server.connect, 3)
    read_only, other, idle = [await pool.acquire() for _ in range(3)]
    await pool.release(idle)
    server.pass_time(1)
    read_only.is_read_only = True
    await pool.release(read_only)
    await pool.release(other)
    assert [each.end for each in (read_only, other, idle)] == ["closed", "closed", "terminated"]
    assert await pool.acquire() is server.opened[3]


async def test_closed_connection_or_one_in_a_transaction_is_not_reused(server: Server) -> None:
    pool = Pool(server.connect, 2)
    [closed] = await idle_connections(pool, 1)
    closed.end = "by the server"
    left = await pool.acquire()
    assert left is not closed
    left.in_transaction = True
    await pool.release(left)
    assert left.end == "closed"


async def test_closed_pool_keeps_no_connection(server: Server) -> None:
    pool = Pool(server.connect, 2)
    in_use, idle = await pool.acquire(), await pool.acquire()
    await pool.release(idle)
    await pool.close()
    await pool.release(in_use)
    assert [in_use.end, idle.end] == ["closed", "closed"]
    assert (pool.in_use, pool.idle) == (0, 0)
