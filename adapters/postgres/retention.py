"""Purge expired data."""

from datetime import datetime
from typing import Final

from adapters.postgres.database import Database
from application.ports.idempotency import KEY_LIFETIME
from application.ports.retention import Expiring

#: This is long because a statement may have to read a large part of the outbox.
_TIMEOUT_SECONDS: Final = 30.0

# A dead letter's events have to be deleted together with it. If the same message fails again, it
# gets a new dead letter, and revisions start at 1 again.
PURGE_DEAD_LETTERS: Final = """
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

# A process whose clock is fast must not purge a key that still belongs to its order, because
# repeating the request would then place a second order.
PURGE_IDEMPOTENCY_KEYS: Final = f"""
WITH gone AS (
    DELETE FROM idempotency_keys WHERE (user_id, key) IN (
        SELECT user_id, key FROM idempotency_keys
        WHERE created_at < least($1, now() - interval '{KEY_LIFETIME.total_seconds()} s')
        ORDER BY created_at
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    )
    RETURNING 1
)
SELECT count(*) FROM gone
"""  # noqa: S608 - a constant

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


_STATEMENTS: Final = {
    Expiring.DEAD_LETTERS: PURGE_DEAD_LETTERS,
    Expiring.PAYLOADS: PURGE_PAYLOADS,
    Expiring.INBOX_ROWS: PURGE_INBOX,
    Expiring.IDEMPOTENCY_KEYS: PURGE_IDEMPOTENCY_KEYS,
    Expiring.SESSIONS: PURGE_SESSIONS,
    Expiring.ACCESS_CHANGES: PURGE_ACCESS_CHANGES,
}


class PostgresRetentionStore:
    """`RetentionStore` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, kind: Expiring, before: datetime, limit: int) -> int:
        """Delete at most `limit` items that had expired before then. Return how many."""
        async with self._database.connection(_TIMEOUT_SECONDS) as connection:
            count: int = await connection.fetchval(_STATEMENTS[kind], before, limit)
        return count
