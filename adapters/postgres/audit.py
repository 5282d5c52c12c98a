"""The audit: one snapshot of the books, streamed."""

from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from adapters.postgres.database import Database
from application.audit import AuditProgress, AuditReport
from domain.ids import OrderId

#: Seconds that an audit may take.
_PATIENCE: Final = 3600.0
#: Rows that come with one round trip.
_CHUNK: Final = 5_000

_ESTIMATE: Final = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE relname = 'orders'"

# One row for each order, and for each fact of an order that does not exist. Facts that are copies
# of other messages (dead letters) tell of no order. Versions without a gap, from 1, are as many as
# the last of them says; so are the steps of the history, and the facts that tell of them.
_JUDGED: Final = """
WITH told AS (
    SELECT subject,
           bool_or(revision = 1 AND published_at IS NOT NULL) AS is_published,
           bool_or(revision = 1 AND published_at IS NULL) AS waits,
           bool_or(revision = 1 AND type = 'order.created') AS is_announced,
           count(DISTINCT version) FILTER (WHERE type <> 'order.processed') AS steps,
           count(*) FILTER (WHERE type = 'order.processed') AS processings
    FROM outbox WHERE original_headers IS NULL
    GROUP BY subject
), kept AS (
    SELECT order_id, count(*) AS steps FROM order_history GROUP BY order_id
), effective AS (
    SELECT order_id FROM effects GROUP BY order_id HAVING count(*) > 1
), dead AS (
    SELECT DISTINCT order_id FROM dead_letters WHERE replayed_at IS NULL AND order_id IS NOT NULL
)
SELECT coalesce(orders.id, told.subject) AS id,
       orders.id IS NOT NULL AS is_order,
       coalesce(told.is_published, false) AS is_published,
       orders.processed_at IS NOT NULL AS is_processed,
       effective.order_id IS NOT NULL AS is_duplicated,
       orders.id IS NULL OR told.subject IS NULL OR kept.order_id IS NULL
           OR NOT told.is_announced
           OR told.steps <> orders.version OR kept.steps <> orders.version
           OR told.processings <> (orders.processed_at IS NOT NULL)::int AS is_lost,
       orders.id IS NOT NULL AND orders.processed_at IS NULL AND (
           dead.order_id IS NOT NULL
           OR orders.created_at <= $1 AND NOT (coalesce(told.waits, false) AND $2)
       ) AS is_stuck
FROM orders
FULL JOIN told ON told.subject = orders.id
LEFT JOIN kept ON kept.order_id = orders.id
LEFT JOIN effective ON effective.order_id = coalesce(orders.id, told.subject)
LEFT JOIN dead ON dead.order_id = orders.id
"""


class PostgresBooks:
    """`Books` on PostgreSQL."""

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
        """Look at everything as it is at one moment."""
        report = AuditReport()
        snapshot = {"isolation": "repeatable_read", "readonly": True}
        async with (
            self._database.driver(_PATIENCE) as driver,
            driver.transaction(**snapshot),
        ):
            estimate = await driver.fetchval(_ESTIMATE)
            rows = await driver.cursor(_JUDGED, now - stuck_after, not broker_reachable)
            while chunk := await rows.fetch(_CHUNK):
                _count(report, chunk)
                progress(report.orders, max(estimate, report.orders))
        return report


def _count(report: AuditReport, rows: list[asyncpg.Record]) -> None:
    for row in rows:
        report.orders += row["is_order"]
        report.published += row["is_order"] and row["is_published"]
        report.processed += row["is_processed"]
        report.pending += row["is_order"] and not row["is_processed"] and not row["is_stuck"]
        _note(report, row)


def _note(report: AuditReport, row: Any) -> None:
    order_id = OrderId(row["id"])
    for bad, is_so in (
        (report.lost, row["is_lost"]),
        (report.duplicated, row["is_duplicated"]),
        (report.stuck, row["is_stuck"]),
    ):
        if is_so:
            bad.add(order_id)
