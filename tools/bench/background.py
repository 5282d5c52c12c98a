"""Measure what an order costs each role and each server behind the API, one role at a time."""

import asyncio
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
from tools.bench.usage import Meter, Usage
from tools.bench.wrk import measure

_STALL_TIMEOUT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_UNPUBLISHED: Final = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND revision = 1"
_UNPROCESSED: Final = "SELECT count(*) FROM orders WHERE processed_at IS NULL"


@dataclass(frozen=True, slots=True)
class RoleCost:
    """The costs of a role's part for a number of orders."""

    role: str
    orders: int
    seconds: float
    usage: Usage

    def per_order(self, name: str) -> float:
        """Return a field of `Usage` per order."""
        spent: float = getattr(self.usage, name)
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
        return [await _cost_of(name, each, orders, settings, folder) for name, each in left.items()]
    finally:
        redis.close()
        await connection.close()


async def _cost_of(
    name: str,
    left: Callable[[], Awaitable[int]],
    orders: int,
    settings: Mapping[str, str],
    folder: Path,
) -> RoleCost:
    with role(name, settings, folder) as running:
        at_first = before = await left()
        meter = Meter(running.pid, settings["DATABASE_URL"], settings["REDIS_URL"])
        begin, begun_at = await asyncio.to_thread(meter.read), time.monotonic()
        moved_at = begun_at
        while now := await left():
            if now != before:
                before, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > _STALL_TIMEOUT_SECONDS:
                raise BenchError(f"orders {name} has stalled with {now} orders left")
            await asyncio.sleep(_POLL_SECONDS)
        elapsed = time.monotonic() - begun_at
        end = await asyncio.to_thread(meter.read)
    # PostgreSQL's counters are late while the connections are open.
    end = replace(end, transactions=await asyncio.to_thread(meter.transactions))
    return RoleCost(name, at_first or orders, elapsed, end.since(begin))


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
