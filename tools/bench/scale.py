"""Measure the service with growing numbers of orders: `python -m tools.bench scale`."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from alembic import command
from rich.table import Table
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.postgres.alembic_upgrade import alembic_config
from adapters.postgres.retention import PURGE_PAYLOADS
from adapters.postgres.unprocessed_orders import STALLED
from tools.bench.contestants import (
    CREATE,
    SERVICE,
    Account,
    Contestant,
    create_work,
    external,
    open_account,
    orders,
    orders_serve,
    work_of,
)
from tools.bench.copies import (
    TABLES,
    copy_moment,
    grow,
    place_template,
    remove_unprocessed,
)
from tools.bench.figures import times
from tools.bench.rounds import Plan, Sample, measure_rounds
from tools.bench.storage import Storage, connected, some_orders
from tools.bench.usage import Meter

SIZES: Final = (1_000, 100_000, 1_000_000, 10_000_000)
READ, LIST, FILTERED = "read", "list of 20", "list of 20, by status and date"
READS: Final = (READ, LIST, FILTERED)
WORKS: Final = (*READS, CREATE)
#: How many random orders are read in turn.
_READ_ORDERS: Final = 1000
#: The migrations after this revision rebuild the indexes of the outbox and of the inbox.
_BEFORE_REBUILDS: Final = "0002"
#: Larger sizes are reached with orders whose payloads have been purged, like after a week.
_PAYLOADS: Final = 1_000_000
_REQUEUE_PAGE: Final = 100
_PURGE_LIMIT: Final = 1000
_REPETITIONS: Final = 9
_STATEMENT_TIMEOUT_SECONDS: Final = 600
_BYTES: Final = """
SELECT sum(pg_total_relation_size(name::regclass))::float8 FROM unnest($1::text[]) AS name
"""


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs with a number of orders. Times are in seconds."""

    orders: int
    samples: Mapping[str, Sequence[Sample]]
    requeue_page: float
    purge_batch: float
    audit: float
    migration: float
    bytes_per_order: float

    def rate(self, work: str) -> float:
        """Return the median of requests per second."""
        return median(each.measured.per_second for each in self.samples[work])

    def cpu_microseconds(self, work: str) -> float | None:
        """Return the CPU time of a request in API and PostgreSQL, or None without `/proc`."""
        usages = [each.usage for each in self.samples[work]]
        requests = [each.measured.requests for each in self.samples[work]]
        costs = [
            1e6 * (usage.process + usage.postgres) / count
            for usage, count in zip(usages, requests, strict=True)
            if usage is not None
        ]
        return median(costs) if costs else None

    def wal_bytes_per_create(self) -> float | None:
        """Return how many bytes of WAL a new order needs, or None without `/proc`."""
        costs = [each.per_request("wal_bytes") for each in self.samples[CREATE]]
        known = [cost for cost in costs if cost is not None]
        return median(known) if known else None


class Scale:
    """Fills a database step by step, and measures each size.

    Reads are measured without Redis, so each of them reaches PostgreSQL. New orders are removed
    after each size, because they would be processed during the reads of the next one.
    """

    def __init__(
        self, storage: Storage, folder: Path, plan: Plan, show: Callable[[str], None]
    ) -> None:
        self._storage = storage
        self._settings = external(storage.database("scale"))
        self._database = self._settings["DATABASE_URL"]
        self._folder = folder
        self._plan = plan
        self._show = show

    def run(self, sizes: Sequence[int]) -> Sequence[Costs]:
        """Measure each size.

        Raises:
            BenchError: the service fails.
        """
        account, template = self._prepare()
        results = []
        copied = 1
        with closing(account.client):
            for size in sizes:
                self._show(f"copying up to {size:,} orders")
                has_payloads = size <= _PAYLOADS
                grow(self._database, template, copied + 1, size, has_payloads=has_payloads)
                copied = size
                results.append(self._costs(size, account))
        return results

    def _prepare(self) -> tuple[Account, str]:
        """Create an account with a processed order."""
        with orders_serve(self._folder, "template", self._settings) as running:
            account = open_account(running.url)
            template = place_template(account, self._database)
        return account, template

    def _costs(self, size: int, account: Account) -> Costs:
        size_bytes = asyncio.run(_value(self._database, _BYTES, list(TABLES)))
        samples = self._samples(size, account)
        self._show(f"{size:,} orders: requeue, purge, audit, migrations")
        now = datetime.now(UTC)
        requeue = asyncio.run(_time(self._database, STALLED, now, UUID(int=0), _REQUEUE_PAGE))
        purge = asyncio.run(_time(self._database, PURGE_PAYLOADS, now, _PURGE_LIMIT))
        audit = _duration(lambda: orders("audit", self._folder, self._settings))
        asyncio.run(_downgrade(self._database))
        migration = _duration(lambda: orders("migrate", self._folder, self._settings))
        remove_unprocessed(self._database)
        return Costs(size, samples, requeue, purge, audit, migration, size_bytes / size)

    def _samples(self, size: int, account: Account) -> Mapping[str, Sequence[Sample]]:
        # Without Redis, every role is in this process, but there is nothing to process yet.
        samples = self._rounds(size, account, READS, self._settings)
        # With Redis and Kafka, the other roles have processes of their own. None is running.
        production = {
            "REDIS_URL": self._storage.redis,
            "KAFKA_BOOTSTRAP_SERVERS": self._storage.kafka,
        }
        return samples | self._rounds(size, account, (CREATE,), self._settings | production)

    def _rounds(
        self, size: int, account: Account, names: Sequence[str], settings: Mapping[str, str]
    ) -> dict[str, Sequence[Sample]]:
        with orders_serve(self._folder, "scale", settings) as running:
            account.client.base_url = running.url
            meter = Meter(running.pid, self._database, self._storage.redis)
            contestant = Contestant(SERVICE, self._works(size, account), meter)
            rounds = measure_rounds(
                [contestant],
                names,
                self._plan,
                self._folder,
                lambda text: self._show(f"{size:,} orders, {text}"),
            )
        return {work: by_name[SERVICE] for work, by_name in rounds.items()}

    def _works(self, size: int, account: Account) -> Mapping[str, Any]:
        read = [f"/orders/{each}/" for each in some_orders(self._database, _READ_ORDERS)]
        listing = f"/orders/user/{account.id}/?limit=20"
        middle = quote(copy_moment(size // 2).isoformat())
        filtered = f"{listing}&status=PENDING&created_before={middle}"
        return {
            READ: work_of(account, *read),
            LIST: work_of(account, listing),
            FILTERED: work_of(account, filtered),
            CREATE: create_work(account),
        }


def _duration(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


async def _value(database: str, query: str, *parameters: object) -> float:
    async with connected(database) as connection:
        return float(await connection.fetchval(query, *parameters))


async def _time(database: str, statement: str, *parameters: object) -> float:
    """Return the median time of a statement, without its changes."""
    async with connected(database) as connection:
        seconds = []
        for _ in range(_REPETITIONS):
            transaction = connection.transaction()
            await transaction.start()
            begun = time.monotonic()
            await connection.fetch(statement, *parameters, timeout=_STATEMENT_TIMEOUT_SECONDS)
            seconds.append(time.monotonic() - begun)
            await transaction.rollback()
        return median(seconds)


async def _downgrade(database: str) -> None:
    def step(connection: Connection) -> None:
        command.downgrade(alembic_config(connection), _BEFORE_REBUILDS)

    engine = create_async_engine(database.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        await connection.run_sync(step)
    await engine.dispose()


def scale_table(results: Sequence[Costs]) -> Table:
    """Return a table with a column for each size."""
    table = Table(title="the same service with more orders")
    table.add_column("measure")
    for each in results:
        table.add_column(f"{each.orders:,}", justify="right")
    for work in WORKS:
        rates = [each.rate(work) for each in results]
        table.add_row(f"{work}, requests/s", *(f"{rate:,.0f}" for rate in rates))
        table.add_row("  cost compared with the first", *(times(rates[0] / rate) for rate in rates))
        cpu = (_or_unknown(each.cpu_microseconds(work)) for each in results)
        table.add_row("  CPU of API and PostgreSQL, µs", *cpu)
    for name, value in _ROWS.items():
        table.add_row(name, *(value(each) for each in results))
    return table


#: The other rows of the table.
_ROWS: Final[Mapping[str, Callable[[Costs], str]]] = {
    "requeue: ms for a page of 100": lambda costs: f"{costs.requeue_page * 1000:.1f}",
    "purge: ms for 1,000 payloads": lambda costs: f"{costs.purge_batch * 1000:.0f}",
    "audit: s": lambda costs: f"{costs.audit:.1f}",
    "migrations that rebuild indexes: s": lambda costs: f"{costs.migration:.1f}",
    "bytes an order": lambda costs: f"{costs.bytes_per_order:,.0f}",
    "WAL bytes a new order": lambda costs: _or_unknown(costs.wal_bytes_per_create()),
}


def _or_unknown(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"
