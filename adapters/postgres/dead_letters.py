"""Store dead letters, and find the first events of orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from adapters.postgres.database import Database
from adapters.postgres.row_mapping import event_of, headers_of, stored_headers, values_of_event
from application.documents import Event
from application.ports.dead_letters import DeadLetter
from domain.ids import OrderId

_EVENT_COLUMNS: Final = (
    "subject",
    "version",
    "id",
    "topic",
    "type",
    "payload",
    "payload_is_null",
    "at",
    "traceparent",
    "original_key",
    "original_headers",
)
# A dead letter and its event are stored by a single statement to make this atomic.
_INSERT_EVENT: Final = """
INSERT INTO outbox (subject, revision, version, id, topic, type, payload, payload_is_null, at,
                    traceparent, original_key, original_headers)
SELECT $1, kept.revision, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::json FROM kept
RETURNING revision
"""
_ADD: Final = f"""
WITH kept AS (
    INSERT INTO dead_letters (id, topic, key, value, headers, reason, attempts, order_id, at)
    VALUES ($1, $12, $13, $14, $15::json, $16, $17, $18, $19)
    ON CONFLICT ON CONSTRAINT dead_letters_pkey DO UPDATE
        SET reason = excluded.reason, attempts = excluded.attempts, order_id = excluded.order_id,
            at = excluded.at, replayed_at = NULL, revision = dead_letters.revision + 1
        WHERE dead_letters.replayed_at IS NOT NULL
    RETURNING revision
)
{_INSERT_EVENT}
"""  # noqa: S608 - only contains our own constants
_REPLAY: Final = f"""
WITH kept AS (
    UPDATE dead_letters SET replayed_at = $12, revision = revision + 1
    WHERE id = $1 AND replayed_at IS NULL
    RETURNING revision
)
{_INSERT_EVENT}
"""  # noqa: S608 - only contains our own constants
_WAITING: Final = "SELECT * FROM dead_letters WHERE replayed_at IS NULL ORDER BY at, id LIMIT $1"
_WAITING_BY_ID: Final = """
SELECT * FROM dead_letters WHERE replayed_at IS NULL AND id > $1 ORDER BY id LIMIT $2
"""
#: Sorts before all ids.
_BEGINNING: Final = UUID(int=0)
_FIND: Final = "SELECT * FROM dead_letters WHERE id = ANY($1) ORDER BY at, id"
_ANNOUNCED: Final = "SELECT * FROM outbox WHERE subject = $1 AND revision = 1"


class PostgresDeadLetters:
    """`DeadLetters` and `DeadLetterAdmin` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, dead_letter: DeadLetter, copy: Event) -> bool:
        """Store a dead letter and its copy. Return False if it's already waiting."""
        return await self._changes(_ADD, *_event_values(copy), *_dead_letter_values(dead_letter))

    async def waiting(self, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` waiting dead letters, oldest first."""
        return await self._fetch(_WAITING, limit)

    async def waiting_by_id(self, after: UUID | None, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` waiting dead letters with ids after `after`, sorted by id."""
        return await self._fetch(_WAITING_BY_ID, after or _BEGINNING, limit)

    async def find(self, dead_letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Return the existing dead letters with these ids, oldest first."""
        return await self._fetch(_FIND, list(dead_letter_ids))

    async def replay(self, dead_letter_id: UUID, again: Event, now: datetime) -> bool:
        """Mark a dead letter as replayed and add its message to the outbox."""
        _, *rest = _event_values(again)
        return await self._changes(_REPLAY, dead_letter_id, *rest, now)

    async def _changes(self, statement: str, *values: object) -> bool:
        async with self._database.connection() as connection:
            return await connection.fetchval(statement, *values) is not None

    async def _fetch(self, statement: str, *values: object) -> Sequence[DeadLetter]:
        async with self._database.connection() as connection:
            return [_dead_letter(row) for row in await connection.fetch(statement, *values)]


class PostgresAnnouncements:
    """`Announcements` for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, order_id: OrderId) -> Event | None:
        """Return the order's first event, or None if it doesn't exist or was purged."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ANNOUNCED, order_id)
        return event_of(row) if row and row["payload"] is not None else None


def _event_values(event: Event) -> tuple[Any, ...]:
    """Return an event's values in the order of `_EVENT_COLUMNS`."""
    values = values_of_event(event)
    return tuple(values[name] for name in _EVENT_COLUMNS)


def _dead_letter_values(dead_letter: DeadLetter) -> tuple[Any, ...]:
    return (
        dead_letter.topic,
        dead_letter.key,
        dead_letter.value,
        stored_headers(dead_letter.headers),
        dead_letter.reason,
        dead_letter.attempts,
        dead_letter.order_id,
        dead_letter.at,
    )


def _dead_letter(row: Any) -> DeadLetter:
    return DeadLetter(
        id=row["id"],
        topic=row["topic"],
        key=row["key"],
        value=row["value"],
        headers=headers_of(row["headers"]),
        reason=row["reason"],
        attempts=row["attempts"],
        order_id=row["order_id"],
        at=row["at"],
        replayed_at=row["replayed_at"],
    )
