"""Measure what an order costs each role and each server behind the API, one role at a time."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import asyncpg
from redis import Redis
from rich.table import Table

from tools.bench.contestants import CREATE, Contestant, role
from tools.bench.errors import BenchError
from tools.bench.wrk import measure

_STALL_TIMEOUT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_UNPUBLISHED: Final = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND revision = 1"
_UNPROCESSED: Final = "SELECT count(*) FROM orders WHERE processed_at IS NULL"
#: A statement outside a transaction is a transaction, so this counts round trips that commit.
_COUNTS: Final = """
SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8
FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of CPU time, transactions, bytes of WAL and Redis commands since the start."""

    role: float
    postgres: float
    redis: float
    transactions: int
    wal_bytes: float
    redis_calls: int


@dataclass(frozen=True, slots=True)
class RoleCost:
    """The costs of a role's part for a number of orders."""

    role: str
    orders: int
    seconds: float
    begin: Usage
    end: Usage

    def per_order(self, name: str) -> float:
        """Return a field of `Usage` per order."""
        spent: float = getattr(self.end, name) - getattr(self.begin, name)
        return spent / self.orders


def background(
    settings: Mapping[str, str], contestant: Contestant, folder: Path, seconds: int
) -> list[RoleCost]:
    """Create orders for some seconds, then run relay, consumer and worker one after the other.

    Raises:
        BenchError: a role makes no progress.
    """
    measure(contestant.works[CREATE], folder, seconds)
    return asyncio.run(_each_role(settings, folder))


async def _each_role(settings: Mapping[str, str], folder: Path) -> list[RoleCost]:
    connection = await asyncpg.connect(settings["DATABASE_URL"])
    redis = Redis.from_url(settings["REDIS_URL"])
    orders: int = await connection.fetchval(_UNPROCESSED)

    async def not_handed_over() -> int:
        return orders - int(redis.xlen("{tasks}"))

    left: dict[str, Callable[[], Awaitable[Any]]] = {
        "relay": lambda: connection.fetchval(_UNPUBLISHED),
        "consume": not_handed_over,
        "work": lambda: connection.fetchval(_UNPROCESSED),
    }
    try:
        return [
            await _cost_of(name, each, orders, _Meter(connection, redis), settings, folder)
            for name, each in left.items()
        ]
    finally:
        redis.close()
        await connection.close()


async def _cost_of(
    name: str,
    left: Callable[[], Awaitable[int]],
    orders: int,
    meter: "_Meter",
    settings: Mapping[str, str],
    folder: Path,
) -> RoleCost:
    with role(name, settings, folder) as running:
        at_first = before = await left()
        begin, begun_at = await meter.read(running.pid), time.monotonic()
        moved_at = begun_at
        while now := await left():
            if now != before:
                before, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > _STALL_TIMEOUT_SECONDS:
                raise BenchError(f"orders {name} has stalled with {now} orders left")
            await asyncio.sleep(_POLL_SECONDS)
        elapsed = time.monotonic() - begun_at
        end = await meter.read(running.pid)
    # PostgreSQL's counters are late while the connections are open.
    end = replace(end, transactions=(await meter.counts())[0])
    return RoleCost(name, at_first or orders, elapsed, begin, end)


class _Meter:
    def __init__(self, connection: Any, redis: Any) -> None:
        self._connection = connection
        self._redis = redis

    async def read(self, pid: int) -> Usage:
        """Return the usage of a process and of the servers."""
        postmaster = _parent_of(await self._connection.fetchval("SELECT pg_backend_pid()"))
        transactions, wal_bytes = await self.counts()
        info = self._redis.info("everything")
        return Usage(
            cpu_seconds(pid),
            cpu_seconds(postmaster, with_children=True),
            cpu_seconds(info["process_id"]),
            transactions,
            wal_bytes,
            info["total_commands_processed"],
        )

    async def counts(self) -> tuple[int, float]:
        """Return the number of transactions and the bytes of WAL since the start."""
        transactions, wal_bytes = await self._connection.fetchrow(_COUNTS)
        return transactions, wal_bytes


def cpu_seconds(pid: int, *, with_children: bool = False) -> float:
    """Return how much CPU time a process has used, also in children that have ended.

    `with_children` adds its running children.
    """
    seconds = sum(map(int, _stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK")
    if with_children:
        seconds += sum(cpu_seconds(child) for child in _children_of(pid))
    return seconds


def _stat(pid: int) -> list[str]:
    """Return the fields of `/proc/PID/stat` after the program's name. The first is the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parent_of(pid: int) -> int:
    return int(_stat(pid)[1])


def _children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def background_table(costs: list[RoleCost]) -> Table:
    """Return the costs as a table."""
    table = Table(title="per order, one role at a time; CPU time in µs")
    names = ("role", "orders", "orders/s", "role", "PostgreSQL", "Redis", "transactions")
    for name in (*names, "WAL bytes", "Redis commands"):
        table.add_column(name, justify="left" if name == "role" else "right")
    for cost in costs:
        microseconds = [f"{cost.per_order(each) * 1e6:,.0f}" for each in Usage.__slots__[:3]]
        table.add_row(
            cost.role,
            f"{cost.orders:,}",
            f"{cost.orders / cost.seconds:,.0f}",
            *microseconds,
            f"{cost.per_order('transactions'):.3f}",
            f"{cost.per_order('wal_bytes'):,.0f}",
            f"{cost.per_order('redis_calls'):.2f}",
        )
    return table
