"""The outbox, seen from the relay, and the backlog, seen from the sweeper."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from adapters.postgres.database import Database
from adapters.postgres.records import event_of
from application.documents import Event
from application.ports.events import Placement
from domain.ids import EventId, OrderId

#: Seconds for which a relay may hold a batch; a frozen one loses its locks, and what it holds may
#: then be published twice, never skipped.
_HOLD: Final = 30

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
                  broker_partition = sent.partition, broker_offset = sent.log_offset,
                  last_error = NULL, retry_at = NULL
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bigint[])
    AS sent (subject, revision, partition, log_offset)
WHERE outbox.subject = sent.subject AND outbox.revision = sent.revision
"""

_REJECTED: Final = """
UPDATE outbox SET attempts = attempts + 1, last_error = rejected.reason,
                  retry_at = now() + least(2 ^ attempts, 60) * interval '1 second'
FROM unnest($1::uuid[], $2::int[], $3::text[]) AS rejected (subject, revision, reason)
WHERE outbox.subject = rejected.subject AND outbox.revision = rejected.revision
"""

_POSTPONED: Final = """
UPDATE outbox SET last_error = kept.reason
FROM unnest($1::uuid[], $2::int[], $3::text[]) AS kept (subject, revision, reason)
WHERE outbox.subject = kept.subject AND outbox.revision = kept.revision
"""


class PostgresOutboxBatch:
    """`OutboxBatch`: rows that this relay's transaction has locked."""

    def __init__(self, driver: asyncpg.Connection, events: Sequence[Event]) -> None:
        self._driver = driver
        self.events = events
        self._keys = {event.id: (event.subject, event.revision) for event in events}

    async def published(self, placements: Mapping[EventId, Placement]) -> None:
        """Mark events as published, giving each the next position."""
        partitions = [placement.partition for placement in placements.values()]
        offsets = [placement.offset for placement in placements.values()]
        await self._note(_PUBLISHED, placements, partitions, offsets)

    async def rejected(self, reasons: Mapping[EventId, str]) -> None:
        """Note why the broker refused events; each waits longer before it is tried again."""
        await self._note(_REJECTED, reasons, list(reasons.values()))

    async def postponed(self, reasons: Mapping[EventId, str]) -> None:
        """Note why events stay unpublished; they may be tried again at once."""
        await self._note(_POSTPONED, reasons, list(reasons.values()))

    async def _note(
        self, statement: str, event_ids: Collection[EventId], *values: Sequence[Any]
    ) -> None:
        if event_ids:
            await self._driver.execute(statement, *self._columns(event_ids), *values)

    def _columns(self, event_ids: Collection[EventId]) -> list[list[Any]]:
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


_CLAIM: Final = """
UPDATE outbox SET handed_over_at = $2
WHERE (subject, revision) IN (
    SELECT announced.subject, announced.revision
    FROM orders JOIN outbox AS announced ON announced.subject = orders.id
    WHERE orders.processed_at IS NULL AND announced.revision = 1
      AND announced.published_at < $1
      AND (announced.handed_over_at IS NULL OR announced.handed_over_at < $1)
      AND NOT EXISTS (
          SELECT FROM dead_letters AS letter
          WHERE letter.order_id = orders.id AND letter.replayed_at IS NULL
      )
    ORDER BY orders.id
    LIMIT $3
    FOR UPDATE OF announced SKIP LOCKED
)
RETURNING subject
"""


class PostgresBacklog:
    """`Backlog` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, announced_before: datetime, now: datetime, limit: int
    ) -> Sequence[OrderId]:
        """At most `limit` orders published before `announced_before` and not handed over since.

        None that is a dead letter: somebody has to look at it first.
        """
        async with self._database.driver() as driver:
            rows = await driver.fetch(_CLAIM, announced_before, now, limit)
        ids: list[UUID] = [row["subject"] for row in rows]
        return [OrderId(order_id) for order_id in ids]
