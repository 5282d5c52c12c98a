"""The outbox from an operator's point of view."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from adapters.postgres.database import Database
from adapters.postgres.outbox_statements import WALK_ALONG_INDEXES
from application.ports.outbox_admin import COUNTED_AT_MOST, OutboxState, ReplayRequest
from domain.ids import OrderId

#: This is long because a statement may have to read a large part of the outbox.
_STATEMENT_TIMEOUT_SECONDS: Final = 300.0
#: Maximum events per transaction of a replay. A relay that wants to mark one of them has to wait.
REPLAY_BATCH: Final = 1_000

# This finds all rows using partial indexes, and counts them up to $1.
_STATE: Final = """
WITH waiting AS MATERIALIZED (
    SELECT subject, at, last_error FROM outbox WHERE published_at IS NULL
    ORDER BY at, subject, revision LIMIT $1
), replays AS MATERIALIZED (
    SELECT last_error FROM outbox WHERE replay_requested_at IS NOT NULL
    ORDER BY replay_requested_at, subject, revision LIMIT $1
), parked AS MATERIALIZED (
    SELECT subject, published_at FROM outbox WHERE parked_at IS NOT NULL LIMIT $1
)
SELECT (SELECT count(*) FROM waiting) AS unpublished,
       (SELECT min(at) FROM waiting
        WHERE subject NOT IN (SELECT subject FROM parked WHERE published_at IS NULL)) AS oldest,
       coalesce(
           (SELECT last_error FROM waiting WHERE last_error IS NOT NULL ORDER BY at LIMIT 1),
           (SELECT last_error FROM replays WHERE last_error IS NOT NULL LIMIT 1)
       ) AS last_error,
       (SELECT count(*) FROM parked) AS parked,
       (SELECT count(*) FROM replays) AS replays
"""

_HAS_MESSAGE: Final = "(outbox.payload IS NOT NULL OR outbox.payload_is_null)"
_BEGIN_AGAIN: Final = "attempts = 0, retry_at = NULL, parked_at = NULL, last_error = NULL"

_REPLAY_ORDER: Final = f"""
WITH requested AS (
    UPDATE outbox SET {_BEGIN_AGAIN},
        replay_requested_at = CASE WHEN published_at IS NOT NULL THEN now() END
    WHERE subject = $1 AND (published_at IS NOT NULL OR parked_at IS NOT NULL) AND {_HAS_MESSAGE}
    RETURNING 1
)
SELECT (SELECT count(*) FROM requested) AS requested,
       (SELECT count(*) FROM outbox WHERE subject = $1 AND NOT {_HAS_MESSAGE}) AS purged
"""  # noqa: S608 - only contains our own constants

_UNPARK_ALL: Final = f"UPDATE outbox SET {_BEGIN_AGAIN} WHERE parked_at IS NOT NULL"  # noqa: S608

# Rows that have been purged in the meantime are skipped.
_REPLAY_SOME: Final = f"""
WITH chosen AS (
    SELECT published_at, subject, revision FROM outbox
    WHERE published_at >= $1 AND published_at < $2 AND {_HAS_MESSAGE}
      AND (published_at, subject, revision) > ($1, $3::uuid, $4::int)
    ORDER BY published_at, subject, revision
    LIMIT $5
), requested AS (
    UPDATE outbox SET {_BEGIN_AGAIN}, replay_requested_at = now()
    FROM chosen
    WHERE outbox.subject = chosen.subject AND outbox.revision = chosen.revision AND {_HAS_MESSAGE}
    RETURNING 1
)
SELECT chosen.*, (SELECT count(*) FROM requested) AS requested
FROM chosen ORDER BY published_at DESC, subject DESC, revision DESC LIMIT 1
"""  # noqa: S608 - only contains our own constants

_PURGED: Final = f"""
SELECT count(*) FROM outbox
WHERE published_at >= $1 AND published_at < $2 AND NOT {_HAS_MESSAGE}
"""  # noqa: S608 - only contains our own constants

_BEFORE_ALL: Final = ("00000000-0000-0000-0000-000000000000", 0)


class PostgresOutboxAdmin:
    """`OutboxAdmin` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self) -> OutboxState:
        """Return the current state."""
        async with self._database.connection() as connection, connection.transaction(readonly=True):
            await connection.execute(WALK_ALONG_INDEXES)
            return OutboxState(**await connection.fetchrow(_STATE, COUNTED_AT_MOST + 1))

    async def replay_order(self, order_id: OrderId) -> ReplayRequest:
        """Request a replay of an order's published events and unpark its parked events."""
        return ReplayRequest(**await self._fetch(_REPLAY_ORDER, order_id))

    async def unpark_all(self) -> ReplayRequest:
        """Unpark all parked events and reset their attempts."""
        async with self._database.connection(_STATEMENT_TIMEOUT_SECONDS) as connection:
            tag: str = await connection.execute(_UNPARK_ALL)
        return ReplayRequest(int(tag.removeprefix("UPDATE ")))

    async def replay_since(self, since: datetime) -> AsyncIterator[ReplayRequest]:
        """Request a replay of all events first published at or after `since`.

        Yield the running total after each transaction.
        """
        until = (await self._fetch("SELECT clock_timestamp() AS now"))["now"]
        purged = (await self._fetch(_PURGED, since, until))["count"]
        requested, after = 0, (since, *_BEFORE_ALL)
        yield ReplayRequest(requested, purged)
        while row := await self._fetch(_REPLAY_SOME, after[0], until, *after[1:], REPLAY_BATCH):
            requested += row["requested"]
            yield ReplayRequest(requested, purged)
            after = (row["published_at"], row["subject"], row["revision"])

    async def _fetch(self, statement: str, *values: object) -> dict[str, Any]:
        async with self._database.connection(_STATEMENT_TIMEOUT_SECONDS) as connection:
            return dict(await connection.fetchrow(statement, *values) or {})
