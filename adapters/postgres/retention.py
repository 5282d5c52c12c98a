"""Expired dead letters, payloads and inbox rows."""

from datetime import datetime
from typing import Final

from adapters.postgres.database import Database

#: Seconds that a statement over much of the outbox may take.
_DEADLINE_SECONDS: Final = 30.0

# The events of a dead letter go with it: the same message may become one again, as a new one.
_PURGE_DEAD_LETTERS: Final = """
WITH gone AS (
    DELETE FROM dead_letters WHERE id IN (
        SELECT letter.id FROM dead_letters AS letter
        WHERE letter.replayed_at < $1 AND NOT EXISTS (
            SELECT FROM outbox
            WHERE subject = letter.id
              AND (published_at IS NULL OR replay_requested_at IS NOT NULL)
        )
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id
), untold AS (
    DELETE FROM outbox USING gone WHERE outbox.subject = gone.id
)
SELECT count(*) FROM gone
"""

# An order's own announcement is what a dead letter would be made of, so an order that waits for
# its processing keeps it, however old. So does an event that waits for its replay.
PURGE_PAYLOADS: Final = """
WITH purged AS (
    UPDATE outbox SET payload = NULL WHERE (subject, revision) IN (
        SELECT told.subject, told.revision
        FROM outbox AS told LEFT JOIN orders ON orders.id = told.subject
        WHERE told.published_at < $1 AND told.payload IS NOT NULL
          AND told.replay_requested_at IS NULL
          AND (orders.processed_at < $1 OR told.original_headers IS NOT NULL)
        ORDER BY told.published_at
        LIMIT $2
        FOR UPDATE OF told SKIP LOCKED
    )
    RETURNING 1
)
SELECT count(*) FROM purged
"""

PURGE_INBOX: Final = """
WITH gone AS (
    DELETE FROM inbox WHERE (consumer, order_id) IN (
        SELECT consumer, order_id FROM inbox
        WHERE admitted_at < $1 AND consumer <> 'order-processing'
        ORDER BY admitted_at
        LIMIT $2
    )
    RETURNING 1
)
SELECT count(*) FROM gone
"""


class PostgresRetentionStore:
    """`RetentionStore` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge_dead_letters(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` dead letters that were replayed before, with their events."""
        return await self._purge(_PURGE_DEAD_LETTERS, before, limit)

    async def purge_payloads(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` payloads of events published before."""
        return await self._purge(PURGE_PAYLOADS, before, limit)

    async def purge_inbox(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` rows of consumers other than the processing of orders."""
        return await self._purge(PURGE_INBOX, before, limit)

    async def _purge(self, statement: str, before: datetime, limit: int) -> int:
        async with self._database.driver(_DEADLINE_SECONDS) as driver:
            count: int = await driver.fetchval(statement, before, limit)
        return count
