"""Start the benchmark's PostgreSQL, Redis and Kafka, and query them directly."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from redis import Redis

from tests.servers.local import launch
from tests.servers.server import Kind
from tools.bench.errors import BenchError

#: The benchmark fails if there is no progress for this long.
_STALL_TIMEOUT_SECONDS: Final = 30.0

# Copy a processed order together with its history. The copies' ids are UUIDv7, like the service's,
# so new rows are at the end of each index. Triggers are disabled because they only allow new orders
# that are PENDING.
_COPIES: Final = """
WITH made AS (
    SELECT (lpad(to_hex(1600000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3)
            || '8' || substr(md5(n::text), 4, 15))::uuid AS id
    FROM generate_series($2::bigint, $3::bigint) AS n
), placed AS (
    INSERT INTO orders (id, user_id, items, total_price, currency, status, version, revision,
                        created_at, updated_at, processed_at)
    SELECT made.id, o.user_id, o.items, o.total_price, o.currency, o.status, o.version,
           o.revision, o.created_at, o.updated_at, o.processed_at
    FROM made, orders AS o WHERE o.id = $1
)
INSERT INTO order_history (order_id, version, to_status, actor_kind, actor_id, at)
SELECT made.id, h.version, h.to_status, h.actor_kind, h.actor_id, h.at
FROM made, order_history AS h WHERE h.order_id = $1
"""

_PROCESSING: Final = """
SELECT count(*) AS orders,
       percentile_cont(ARRAY[0.5, 0.99])
           WITHIN GROUP (ORDER BY extract(epoch FROM processed_at - created_at)) AS seconds
FROM orders WHERE created_at >= $1
"""


@dataclass(frozen=True, slots=True)
class Storage:
    """The servers used by a run."""

    postgres: str
    redis: str
    kafka: str

    def database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        asyncio.run(_execute(self.postgres, f"CREATE DATABASE {name}"))
        return urlsplit(self.postgres)._replace(path=f"/{name}").geturl()

    def redis_number(self, number: int) -> str:
        """Return the URL of a numbered Redis database."""
        return urlsplit(self.redis)._replace(path=f"/{number}").geturl()


@contextmanager
def private_storage() -> Iterator[Storage]:
    """Start PostgreSQL, Redis and Kafka for this run."""
    with ExitStack() as stack:
        servers = {kind: launch(kind) for kind in Kind}
        for server in servers.values():
            stack.callback(server.close)
        for server in servers.values():
            server.start()
        yield Storage(*(servers[kind].url for kind in (Kind.POSTGRES, Kind.REDIS, Kind.KAFKA)))


def has_keys(redis_url: str) -> bool:
    """Return whether this Redis database contains any keys."""
    with Redis.from_url(redis_url) as redis:
        return bool(redis.dbsize())


@dataclass(frozen=True, slots=True)
class Backlog:
    """The number of unprocessed orders, and how long it took to process them."""

    orders: int
    seconds: float


def drain(database: str) -> Backlog:
    """Wait until all orders have been processed.

    Raises:
        BenchError: processing has stalled.
    """
    return asyncio.run(_drain(database))


async def _drain(database: str) -> Backlog:
    connection = await asyncpg.connect(database)
    try:
        left = at_first = await _unprocessed(connection)
        begun = moved = time.monotonic()
        while left:
            await asyncio.sleep(0.2)
            before, left = left, await _unprocessed(connection)
            if left < before:
                moved = time.monotonic()
            elif time.monotonic() - moved > _STALL_TIMEOUT_SECONDS:
                raise BenchError(f"processing has stalled with {left} unprocessed orders")
    finally:
        await connection.close()
    return Backlog(at_first, time.monotonic() - begun)


def processed_orders(database: str) -> int:
    """Return how many orders have been processed since the database was created.

    Orders aren't counted but numbered, so this takes no longer if there are many.
    """
    return asyncio.run(_processed_orders(database))


async def _processed_orders(database: str) -> int:
    connection = await asyncpg.connect(database)
    try:
        last: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM effects")
    finally:
        await connection.close()
    return last


@dataclass(frozen=True, slots=True)
class Processing:
    """How many milliseconds it took from the orders' creation to their effect."""

    orders: int
    p50: float
    p99: float


def processing_since(database: str, moment: datetime) -> Processing:
    """Return the time from `created_at` to `processed_at` for orders created since `moment`."""
    return asyncio.run(_processing_since(database, moment))


async def _processing_since(database: str, moment: datetime) -> Processing:
    connection = await asyncpg.connect(database)
    try:
        row = await connection.fetchrow(_PROCESSING, moment)
    finally:
        await connection.close()
    return Processing(row["orders"], *(1000 * float(each) for each in row["seconds"]))


async def _unprocessed(connection: Any) -> int:
    count: int = await connection.fetchval("SELECT count(*) FROM orders WHERE processed_at IS NULL")
    return count


def grow(database: str, template: str, first: int, last: int) -> None:
    """Insert copies of the order `template`, numbered from `first` to `last`."""
    asyncio.run(_grow(database, template, first, last))


async def _grow(database: str, template: str, first: int, last: int) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_COPIES, template, first, last, timeout=1800)
        await connection.execute("VACUUM (ANALYZE) orders", timeout=1800)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()


def some_orders(database: str, count: int) -> list[str]:
    """Return the ids of `count` random orders."""
    return asyncio.run(_some_orders(database, count))


async def _some_orders(database: str, count: int) -> list[str]:
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(
            "SELECT id FROM orders ORDER BY md5(id::text) LIMIT $1", count
        )
    finally:
        await connection.close()
    return [str(row["id"]) for row in rows]


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
