"""The outbox, seen from the relay."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from adapters.postgres.database import Database
from adapters.postgres.records import event_of
from application.documents import Event
from domain.ids import EventId

#: Seconds for which a relay may hold a batch; a frozen one loses its locks, and what it holds may
#: then be published twice, never skipped.
_HOLD: Final = 8

# A lock alone would let a second relay take an order's third event while the first holds the
# second; an event whose order has an earlier one unpublished is nobody's to take.
_ELIGIBLE: Final = """
SELECT * FROM outbox AS waiting
WHERE published_at IS NULL
  AND (retry_at IS NULL OR retry_at <= now())
  AND NOT EXISTS (
      SELECT FROM outbox AS earlier
      WHERE earlier.published_at IS NULL
        AND earlier.subject = waiting.subject
        AND earlier.revision < waiting.revision
  )
ORDER BY at, subject, revision
LIMIT $1
FOR UPDATE SKIP LOCKED
"""

# nextval runs once a row, in the order of the array.
_PUBLISHED: Final = """
UPDATE outbox SET published_at = clock_timestamp(), position = nextval('outbox_position'),
                  last_error = NULL, retry_at = NULL
FROM unnest($1::uuid[], $2::int[]) AS sent (subject, revision)
WHERE outbox.subject = sent.subject AND outbox.revision = sent.revision
"""

_REFUSED: Final = """
UPDATE outbox SET attempts = attempts + 1, last_error = refused.reason,
                  retry_at = now() + least(2 ^ attempts, 60) * interval '1 second'
FROM unnest($1::uuid[], $2::int[], $3::text[]) AS refused (subject, revision, reason)
WHERE outbox.subject = refused.subject AND outbox.revision = refused.revision
"""

_POSTPONED: Final = """
UPDATE outbox SET last_error = $3
FROM unnest($1::uuid[], $2::int[]) AS kept (subject, revision)
WHERE outbox.subject = kept.subject AND outbox.revision = kept.revision
"""


class PostgresOutboxBatch:
    """`OutboxBatch`: rows that this relay's transaction has locked."""

    def __init__(self, driver: asyncpg.Connection, events: Sequence[Event]) -> None:
        self._driver = driver
        self.events = events
        self._keys = {event.id: (event.subject, event.revision) for event in events}

    async def published(self, event_ids: Sequence[EventId]) -> None:
        """Mark events as published, giving each the next position."""
        await self._driver.execute(_PUBLISHED, *self._columns(event_ids))

    async def refused(self, reasons: Mapping[EventId, str]) -> None:
        """Note why the broker refused events; each waits longer before it is tried again."""
        await self._driver.execute(_REFUSED, *self._columns(reasons), list(reasons.values()))

    async def postponed(self, error: str) -> None:
        """Note why the whole batch stays unpublished; it may be tried again at once."""
        await self._driver.execute(_POSTPONED, *self._columns(self._keys), error)

    def _columns(self, event_ids: Sequence[EventId] | Mapping[EventId, Any]) -> list[list[Any]]:
        keys = [self._keys[event_id] for event_id in event_ids]
        return [[subject for subject, _ in keys], [revision for _, revision in keys]]


class PostgresOutbox:
    """`Outbox` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def batch(self, size: int) -> AsyncIterator[PostgresOutboxBatch]:
        """At most `size` eligible events that no other relay holds."""
        async with self._database.driver(patience=_HOLD) as driver, driver.transaction():
            await driver.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_HOLD}s'")
            rows = await driver.fetch(_ELIGIBLE, size)
            yield PostgresOutboxBatch(driver, [event_of(row) for row in rows])
