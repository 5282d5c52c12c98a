"""What retention sweeps."""

from datetime import datetime
from typing import Final

from adapters.postgres.database import Database

#: Seconds that a statement over much of the outbox may take.
_PATIENCE: Final = 300.0

# What was told of a letter goes with it: the same message may die once more, and then begins anew.
_SWEEP_LETTERS: Final = """
WITH gone AS (
    DELETE FROM dead_letters WHERE id IN (
        SELECT letter.id FROM dead_letters AS letter
        WHERE letter.replayed_at < $1 AND NOT EXISTS (
            SELECT FROM outbox WHERE subject = letter.id
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

# The order's own announcement is what a dead letter would be made of, so an order that waits for
# its processing keeps it, however old.
_SWEEP_PAYLOADS: Final = """
WITH swept AS (
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
SELECT count(*) FROM swept
"""


class PostgresArchive:
    """`Archive` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sweep_letters(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` dead letters that were put back before, with what they told."""
        return await self._swept(_SWEEP_LETTERS, before, limit)

    async def sweep_payloads(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` payloads of events published before."""
        return await self._swept(_SWEEP_PAYLOADS, before, limit)

    async def _swept(self, statement: str, before: datetime, limit: int) -> int:
        async with self._database.driver(_PATIENCE) as driver:
            count: int = await driver.fetchval(statement, before, limit)
        return count
