"""Start the benchmark's PostgreSQL, Redis and Kafka, and query them directly."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from redis import Redis

from tests.servers.local import PROGRAMS
from tests.servers.postgres import Postgres
from tests.servers.process import LocalServer
from tests.servers.server import Kind
from tools.bench.errors import BenchError

_DURABLE: Final = {"fsync": "on", "full_page_writes": "on"}
#: How many numbered Redis databases the contestants use.
_REDIS_DATABASES: Final = 4
#: The benchmark fails if there is no progress for this long.
_STALL_TIMEOUT_SECONDS: Final = 30.0

_PROCESSING: Final = """
SELECT count(*) AS orders,
       percentile_cont(ARRAY[0.5, 0.99])
           WITHIN GROUP (ORDER BY extract(epoch FROM processed_at - created_at)) AS seconds
FROM orders WHERE created_at >= $1
"""
_SPAN: Final = """
SELECT count(*), extract(epoch FROM max(processed_at) - min(processed_at))::float8
FROM orders WHERE processed_at > $1
"""


@dataclass(frozen=True, slots=True)
class Storage:
    """The servers used by a run.

    `suffix` is appended to the names of databases. `redis_offset` is added to the numbers of Redis
    databases.
    """

    postgres: str
    redis: str
    kafka: str
    suffix: str = ""
    redis_offset: int = 0

    def separate(self) -> "Storage":
        """Return the same servers with other databases."""
        return replace(self, suffix="_other", redis_offset=_REDIS_DATABASES)

    def database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        name += self.suffix
        asyncio.run(_execute(self.postgres, f"CREATE DATABASE {name}"))
        return urlsplit(self.postgres)._replace(path=f"/{name}").geturl()

    def redis_number(self, number: int) -> str:
        """Return the URL of a numbered Redis database."""
        path = f"/{number + self.redis_offset}"
        return urlsplit(self.redis)._replace(path=path).geturl()


@asynccontextmanager
async def connected(database: str) -> AsyncIterator[Any]:
    """Open a connection of asyncpg until the end of the block."""
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def private_storage(*, durable: bool = False) -> Iterator[Storage]:
    """Start PostgreSQL, Redis and Kafka for this run.

    If `durable` is set, PostgreSQL waits for the disk at each commit.
    """
    with ExitStack() as stack:
        programs = dict(PROGRAMS)
        if durable:
            programs[Kind.POSTGRES] = lambda: Postgres(_DURABLE)
        servers = {kind: LocalServer(program()) for kind, program in programs.items()}
        for server in servers.values():
            stack.callback(server.close)
        for server in servers.values():
            server.start()
        yield Storage(
            postgres=servers[Kind.POSTGRES].url,
            redis=servers[Kind.REDIS].url,
            kafka=servers[Kind.KAFKA].url,
        )


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
    async with connected(database) as connection:
        left = at_first = await _unprocessed(connection)
        begun = moved = time.monotonic()
        while left:
            await asyncio.sleep(0.2)
            before, left = left, await _unprocessed(connection)
            if left < before:
                moved = time.monotonic()
            elif time.monotonic() - moved > _STALL_TIMEOUT_SECONDS:
                raise BenchError(f"processing has stalled with {left} unprocessed orders")
    return Backlog(at_first, time.monotonic() - begun)


def processed_since(database: str, moment: datetime) -> Backlog:
    """Return how many orders were processed after `moment`, and the seconds from first to last."""
    return asyncio.run(_processed_since(database, moment))


async def _processed_since(database: str, moment: datetime) -> Backlog:
    async with connected(database) as connection:
        return Backlog(*await connection.fetchrow(_SPAN, moment))


def processed_orders(database: str) -> int:
    """Return how many orders have been processed since the database was created.

    Orders aren't counted but numbered, so this takes no longer if there are many.
    """
    return asyncio.run(_processed_orders(database))


async def _processed_orders(database: str) -> int:
    async with connected(database) as connection:
        last: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM effects")
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
    async with connected(database) as connection:
        row = await connection.fetchrow(_PROCESSING, moment)
    return Processing(row["orders"], *(1000 * float(each) for each in row["seconds"]))


async def _unprocessed(connection: Any) -> int:
    count: int = await connection.fetchval("SELECT count(*) FROM orders WHERE processed_at IS NULL")
    return count


def some_orders(database: str, count: int) -> list[str]:
    """Return the ids of `count` random orders."""
    return asyncio.run(_some_orders(database, count))


async def _some_orders(database: str, count: int) -> list[str]:
    async with connected(database) as connection:
        rows = await connection.fetch(
            "SELECT id FROM orders ORDER BY md5(id::text) LIMIT $1", count
        )
    return [str(row["id"]) for row in rows]


async def _execute(url: str, statement: str) -> None:
    async with connected(url) as connection:
        await connection.execute(statement)
