"""Find unprocessed orders for the requeuer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from adapters.postgres.database import Database
from application.ports.tasks import StalledPage
from domain.ids import OrderId

# A page's cost depends only on its size. `visited` scans the partial index `orders_unprocessed` and
# is materialized, and the LIMITs keep the planner from reading whole tables for the joins.
STALLED: Final = """
WITH visited AS MATERIALIZED (
    SELECT id FROM orders WHERE processed_at IS NULL AND id > $2 ORDER BY id LIMIT $3
)
SELECT visited.id, announced.is_old AND letter.id IS NULL AS is_stalled
FROM visited
LEFT JOIN LATERAL (
    SELECT published_at < $1 AND (handed_over_at IS NULL OR handed_over_at < $1) AS is_old
    FROM outbox WHERE subject = visited.id AND revision = 1 LIMIT 1
) AS announced ON true
LEFT JOIN LATERAL (
    SELECT id FROM dead_letters WHERE order_id = visited.id AND replayed_at IS NULL LIMIT 1
) AS letter ON true
ORDER BY visited.id
"""
_FIRST: Final = "SELECT id FROM orders WHERE processed_at IS NULL ORDER BY id LIMIT 1"
# This skips locked rows to avoid deadlocks. If a replay has locked a row, the worst that happens is
# that its order is handed over once more.
_RECORD: Final = """
WITH free AS MATERIALIZED (
    SELECT subject FROM outbox WHERE subject = ANY($1) AND revision = 1
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE outbox SET handed_over_at = clock_timestamp()
WHERE subject = ANY($1) AND revision = 1 AND subject IN (SELECT subject FROM free)
"""
#: Sorts before all ids.
_BEGINNING: Final = UUID(int=0)


class PostgresUnprocessedOrders:
    """`UnprocessedOrders` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def now(self) -> datetime:
        """Return the current time according to PostgreSQL."""
        async with self._database.connection() as connection:
            moment: datetime = await connection.fetchval("SELECT clock_timestamp()")
        return moment

    async def exist(self) -> bool:
        """Return whether there are any unprocessed orders."""
        async with self._database.connection() as connection:
            return await connection.fetchval(_FIRST) is not None

    async def stalled(self, cut_off: datetime, after: OrderId | None, limit: int) -> StalledPage:
        """Return the stalled orders among the next `limit` unprocessed ones, sorted by id."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(STALLED, cut_off, after or _BEGINNING, limit)
        stalled = [OrderId(row["id"]) for row in rows if row["is_stalled"]]
        return StalledPage(stalled, rows[-1]["id"] if len(rows) == limit else None)

    async def record_hand_over(self, order_ids: Sequence[OrderId]) -> None:
        """Record that these orders have just been handed to the task queue."""
        async with self._database.connection() as connection:
            await connection.execute(_RECORD, list(order_ids))
