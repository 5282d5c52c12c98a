"""Purge expired data."""

from datetime import datetime
from typing import Final

from adapters.postgres.database import Database

#: This is long because a statement may have to read a large part of the outbox.
_TIMEOUT_SECONDS: Final = 30.0

# A dead letter's events have to be deleted together with it. If the same message fails again, it
# gets a new dead letter, and revisions start at 1 again.
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
), deleted_events AS (
    DELETE FROM outbox USING gone WHERE outbox.subject = gone.id
)
SELECT count(*) FROM gone
"""

# Payloads are kept while their order is unprocessed, because we need the first event if the order
# becomes a dead letter. They are also kept while an event is waiting to be replayed.
PURGE_PAYLOADS: Final = """
WITH purged AS (
    UPDATE outbox SET payload = NULL WHERE (subject, revision) IN (
        SELECT event.subject, event.revision
        FROM outbox AS event LEFT JOIN orders ON orders.id = event.subject
        WHERE event.published_at < $1 AND event.payload IS NOT NULL
          AND event.replay_requested_at IS NULL
          AND (orders.processed_at < $1 OR event.original_headers IS NOT NULL)
        ORDER BY event.published_at
        LIMIT $2
        FOR UPDATE OF event SKIP LOCKED
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

PURGE_IDEMPOTENCY_KEYS: Final = """
WITH gone AS (
    DELETE FROM idempotency_keys WHERE (user_id, key) IN (
        SELECT user_id, key FROM idempotency_keys
        WHERE created_at < $1
        ORDER BY created_at
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    )
    RETURNING 1
)
SELECT count(*) FROM gone
"""

PURGE_SESSIONS: Final = """
WITH gone AS (
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions
        WHERE expires_at < $1 AND tokens_expire_at < $1
        ORDER BY expires_at
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    )
    RETURNING 1
)
SELECT count(*) FROM gone
"""
PURGE_ACCESS_CHANGES: Final = """
WITH gone AS (
    DELETE FROM access_changes WHERE id IN (
        SELECT id FROM access_changes WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
    )
    RETURNING 1
)
SELECT count(*) FROM gone
"""


class PostgresRetentionStore:
    """`RetentionStore` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge_dead_letters(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` dead letters and their events."""
        return await self._purge(_PURGE_DEAD_LETTERS, before, limit)

    async def purge_payloads(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` payloads of published events."""
        return await self._purge(PURGE_PAYLOADS, before, limit)

    async def purge_inbox(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` inbox rows, except for those of order processing."""
        return await self._purge(PURGE_INBOX, before, limit)

    async def purge_idempotency_keys(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` records of idempotency keys."""
        return await self._purge(PURGE_IDEMPOTENCY_KEYS, before, limit)

    async def purge_sessions(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` expired sessions."""
        return await self._purge(PURGE_SESSIONS, before, limit)

    async def purge_access_changes(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` obsolete changes of the feed."""
        return await self._purge(PURGE_ACCESS_CHANGES, before, limit)

    async def _purge(self, statement: str, before: datetime, limit: int) -> int:
        async with self._database.connection(_TIMEOUT_SECONDS) as connection:
            count: int = await connection.fetchval(statement, before, limit)
        return count
