"""Audit all stored orders, events and effects in one snapshot."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from adapters.postgres.audit_query import AUDIT
from adapters.postgres.database import Database
from application.delivery.topics import PROCESSING, TYPES
from application.ports.audit import AuditProgress, AuditReport, Fact
from application.ports.events import Placement
from domain.ids import EventId, OrderId
from domain.order.status import TRANSITIONS

_TIMEOUT_SECONDS: Final = 3600.0
_ROWS_PER_ROUND_TRIP: Final = 5_000
#: This is long because a page's rows can be anywhere in the table.
_PAGE_TIMEOUT_SECONDS: Final = 60.0

_ESTIMATE: Final = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE relname = 'orders'"

_LAST_POSITION: Final = "SELECT coalesce(max(position), 0) FROM outbox"
#: Parameters: the positions before the first and of the last fact, and the number of facts.
PAGE_OF_FACTS: Final = """
SELECT id, subject, version, topic, position, broker_partition, broker_offset, original_key,
       original_headers IS NOT NULL AS is_copy
FROM outbox WHERE position > $1 AND position <= $2
ORDER BY position
LIMIT $3
"""

#: The allowed transitions, and each event type with its topic, as strings for the query.
_TRANSITIONS: Final = [f"{before} {after}" for before in TRANSITIONS for after in before.next]
_TOPICS: Final = [f"{kind} {topic}" for topic, kind in TYPES.items()]


class PostgresAuditReader:
    """`AuditReader` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def audit(
        self,
        now: datetime,
        stuck_after: timedelta,
        *,
        broker_reachable: bool,
        progress: AuditProgress,
    ) -> AuditReport:
        """Audit a snapshot of all tables. `progress` is called after each round trip."""
        report = AuditReport()
        async with (
            self._database.connection(_TIMEOUT_SECONDS) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            estimate = await connection.fetchval(_ESTIMATE)
            await connection.execute("SET LOCAL cursor_tuple_fraction = 1")  # we read all rows
            await connection.execute(
                f"DECLARE audit NO SCROLL CURSOR FOR {AUDIT}",
                now - stuck_after,
                not broker_reachable,
                _TRANSITIONS,
                _TOPICS,
                PROCESSING,
            )
            while chunk := await connection.fetch(f"FETCH {_ROWS_PER_ROUND_TRIP} FROM audit"):
                _count(report, chunk)
                progress(report.orders, max(estimate, report.orders))
        return report

    async def last_position(self) -> int:
        """Return the highest position, or 0 if there are none."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval(_LAST_POSITION))

    async def facts(self, after: int, up_to: int, limit: int) -> Sequence[Fact]:
        """Return facts by position. Positions are committed in order, so none are skipped."""
        async with self._database.connection(_PAGE_TIMEOUT_SECONDS) as connection:
            rows = await connection.fetch(PAGE_OF_FACTS, after, up_to, limit)
        return [_fact(row) for row in rows]


def _fact(row: Any) -> Fact:
    has_placement = row["broker_offset"] is not None
    return Fact(
        id=EventId(row["id"]),
        subject=row["subject"],
        version=row["version"],
        topic=row["topic"],
        position=row["position"],
        placement=(
            Placement(row["broker_partition"], row["broker_offset"]) if has_placement else None
        ),
        key=row["original_key"] if row["is_copy"] else str(row["subject"]).encode(),
        is_copy=row["is_copy"],
    )


def _count(report: AuditReport, rows: list[asyncpg.Record]) -> None:
    for row in rows:
        report.orders += row["is_order"]
        report.published += row["is_order"] and row["is_published"]
        report.processed += row["is_processed"]
        report.pending += row["is_order"] and not row["is_processed"] and not row["is_stuck"]
        report.add_unpublished(row["unpublished"], row["oldest"])
        _add_findings(report, row)


def _add_findings(report: AuditReport, row: Any) -> None:
    row_id = OrderId(row["id"])
    if row["reasons"]:
        report.lost.add(row_id, *row["reasons"])
    if row["is_duplicated"]:
        report.duplicated.add(row_id)
    if row["is_stuck"]:
        report.stuck.add(row_id)
