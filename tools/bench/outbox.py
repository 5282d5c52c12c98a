"""Measure vacuum and bloat of the outbox during a day: `python -m tools.bench outbox`."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any, Final

from rich.table import Table

from adapters.postgres.outbox_statements import MARK_PUBLISHED, SELECT_NEW, WALK_ALONG_INDEXES
from adapters.postgres.retention import PURGE_PAYLOADS
from tests.servers.postgres import Postgres
from tests.servers.process import LocalServer
from tools.bench.contestants import external, open_account, orders_serve
from tools.bench.copies import COPY_ID, grow, place_template
from tools.bench.storage import connected

#: Orders that were placed and processed more than a week ago. Their payloads are purged.
HISTORY_ORDERS: Final = 1_000_000
#: Ten orders per second.
DAY_ORDERS: Final = 864_000
HOURS: Final = 24
#: The relay publishes 200 events at a time: the first and the second event of 100 orders.
_BATCH_ORDERS: Final = 100
_PURGE_LIMIT: Final = 1000
#: The day is compressed into minutes, so autovacuum looks for work more often than once a minute,
#: and is not slowed down.
_COMPRESSED_DAY: Final = {"autovacuum_naptime": "1s", "autovacuum_vacuum_cost_delay": "0"}
#: Sessions report their dead rows at most once a second.
_STATISTICS_SECONDS: Final = 2.0

#: The events that are copied. Their own payloads will be purged.
_KEEP_TEMPLATE: Final = """
CREATE TEMPORARY TABLE template AS SELECT * FROM outbox WHERE subject = '{template}'
"""
# The second events belong to the orders of the previous batch.
_ADD: Final = f"""
INSERT INTO outbox (subject, revision, version, id, topic, type, payload, at)
SELECT {COPY_ID}, e.revision, e.version, gen_random_uuid(), e.topic, e.type, e.payload,
       clock_timestamp()
FROM template AS e, generate_series($1::bigint, $2::bigint) AS number,
     LATERAL (SELECT number - CASE e.revision WHEN 1 THEN 0 ELSE {_BATCH_ORDERS} END) AS its (n)
WHERE e.revision = 1 OR number - {_BATCH_ORDERS} >= $3
"""  # noqa: S608 - constants
_SIZES: Final = """
SELECT pg_table_size('outbox')::float8, pg_indexes_size('outbox')::float8,
       pg_relation_size('outbox_unpublished')::float8, n_dead_tup, autovacuum_count
FROM pg_stat_user_tables WHERE relname = 'outbox'
"""
#: Remove the storage parameters that migrations have set.
_RESET: Final = """
ALTER TABLE outbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """The outbox at the end of an hour, and the hour's mean times (None before the first one)."""

    read_seconds: float | None
    mark_seconds: float | None
    table_bytes: float
    index_bytes: float
    unpublished_index_bytes: float
    dead_rows: int
    vacuums: int


class OutboxDay:
    """Writes, publishes and purges a day's events with the relay's and the purger's statements."""

    def __init__(self, folder: Path, show: Callable[[str], None]) -> None:
        self._folder = folder
        self._show = show

    def run(self, name: str, *, has_our_settings: bool) -> Sequence[Hour]:
        """Return the state at the beginning and after each hour.

        Without `has_our_settings`, the outbox has PostgreSQL's default settings for autovacuum.

        Raises:
            BenchError: the service fails.
        """
        server = LocalServer(Postgres(_COMPRESSED_DAY))
        with closing(server):
            server.start()
            self._show(f"{name}: {HISTORY_ORDERS:,} orders of the past")
            template = self._prepare(server.url)
            return asyncio.run(
                self._hours(server.url, template, name, None if has_our_settings else _RESET)
            )

    def _prepare(self, database: str) -> str:
        folder = Path(self._folder, f"outbox-{time.monotonic_ns()}")
        folder.mkdir()
        with orders_serve(folder, "template", external(database)) as running:
            account = open_account(running.url)
            with closing(account.client):
                template = place_template(account, database)
        grow(database, template, 1, HISTORY_ORDERS)
        return template

    async def _hours(
        self, database: str, template: str, name: str, setup: str | None
    ) -> Sequence[Hour]:
        async with connected(database) as connection:
            if setup is not None:
                await connection.execute(setup)
            await connection.execute(_KEEP_TEMPLATE.format(template=template))
            day = _Day(connection, datetime.now(UTC))
            hours = [await day.state()]
            for number in range(HOURS):
                self._show(f"{name}: hour {number + 1}")
                hours.append(await day.hour(number))
        return hours


class _Day:
    def __init__(self, connection: Any, begin: datetime) -> None:
        self._connection = connection
        self._begin = begin

    async def hour(self, number: int) -> Hour:
        """Place and publish an hour's orders, and purge as many payloads of the past."""
        reads, marks = [], []
        first_of_day = HISTORY_ORDERS + 1
        first = first_of_day + number * DAY_ORDERS // HOURS
        last = first_of_day + (number + 1) * DAY_ORDERS // HOURS - 1
        for begin in range(first, last + 1, _BATCH_ORDERS):
            end = min(begin + _BATCH_ORDERS - 1, last)
            await self._connection.execute(_ADD, begin, end, first_of_day)
            read, mark = await self._publish()
            reads.append(read)
            marks.append(mark)
        for _ in range(2 * (last - first + 1) // _PURGE_LIMIT):
            await self._connection.fetch(PURGE_PAYLOADS, self._begin, _PURGE_LIMIT)
        return await self.state(mean(reads), mean(marks))

    async def state(self, read: float | None = None, mark: float | None = None) -> Hour:
        """Return the outbox's state."""
        await asyncio.sleep(_STATISTICS_SECONDS)
        row = await self._connection.fetchrow(_SIZES)
        return Hour(read, mark, *row)

    async def _publish(self) -> tuple[float, float]:
        """Read and mark a batch like a relay. Return the seconds for both."""
        async with self._connection.transaction():
            await self._connection.execute(WALK_ALONG_INDEXES)
            begun = time.monotonic()
            rows = await self._connection.fetch(SELECT_NEW, 2 * _BATCH_ORDERS)
            read = time.monotonic()
            keys = [row["subject"] for row in rows], [row["revision"] for row in rows]
            nothing = [0] * len(rows)
            await self._connection.execute(MARK_PUBLISHED, *keys, nothing, nothing)
            return read - begun, time.monotonic() - read


def outbox_table(days: dict[str, Sequence[Hour]]) -> Table:
    """Return a table with a column for some of the hours, and rows for each day."""
    table = Table(title=f"the outbox during a day with {DAY_ORDERS:,} orders")
    table.add_column("measure")
    shown = [0, 1, HOURS // 4, HOURS // 2, HOURS]
    for hour in shown:
        table.add_column(f"hour {hour}" if hour else "before", justify="right")
    for name, hours in days.items():
        table.add_row(f"[bold]{name}[/bold]")
        for label, value in _ROWS.items():
            table.add_row(label, *(value(hours[hour]) for hour in shown if hour < len(hours)))
    return table


_MIB: Final = 1024**2
_ROWS: Final[dict[str, Callable[[Hour], str]]] = {
    "table, MiB": lambda hour: f"{hour.table_bytes / _MIB:,.0f}",
    "indexes, MiB": lambda hour: f"{hour.index_bytes / _MIB:,.0f}",
    "index of unpublished events, MiB": lambda hour: f"{hour.unpublished_index_bytes / _MIB:,.1f}",
    "dead rows": lambda hour: f"{hour.dead_rows:,}",
    "autovacuum runs": lambda hour: f"{hour.vacuums}",
    "relay's read of 200 events, ms": lambda hour: _milliseconds(hour.read_seconds),
    "marking them as published, ms": lambda hour: _milliseconds(hour.mark_seconds),
}


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.2f}"
