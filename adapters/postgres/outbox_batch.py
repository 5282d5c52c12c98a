"""A batch of events from the outbox, and how they are marked."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import asyncpg

from adapters.postgres import outbox_statements as sql
from adapters.postgres.database import USE_TIMEOUT_SECONDS, within
from adapters.postgres.row_mapping import event_of
from application.delivery.retry_policy import seconds_of_pause, seconds_until_retry
from application.ports.events import Placement
from domain.ids import EventId, OrderId

_MAX_REASON_CHARACTERS: Final = 1_000

#: The values for each mark, without the event's key.
Marks: TypeAlias = Mapping[EventId, Sequence[Any]]


class UnmarkableEvents(Exception):
    """PostgreSQL could not mark some events. They will be published again."""


class PostgresOutboxBatch:
    """An `OutboxBatch` of rows that are locked by this relay's transaction.

    All rows are marked by one statement in a savepoint. If this fails, each row is marked
    separately, to keep a single bad row from undoing the marks of the others. If an event can't be
    recorded as published, it's treated as rejected and parked after its last attempt.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        rows: Sequence[asyncpg.Record],
    ) -> None:
        self.events = [
            replace(event_of(row), is_replay=row["published_at"] is not None) for row in rows
        ]
        self._connection = connection
        self._rows = {EventId(row["id"]): row for row in rows}
        self._unmarked: dict[EventId, str] = {}

    async def published(
        self, placements: Mapping[EventId, Placement], not_cached: Collection[OrderId] = ()
    ) -> None:
        """Mark events as published. Each first delivery gets the next position."""
        first: Marks = {
            event_id: (placement.log, placement.offset)
            for event_id, placement in placements.items()
            if self._rows[event_id]["published_at"] is None
        }
        replayed: Marks = {event_id: () for event_id in placements if event_id not in first}
        failed = await self._mark(sql.MARK_PUBLISHED, first, sql.LOCK_POSITIONS)
        failed |= await self._mark(sql.MARK_REPLAYED, replayed)
        await self.rejected({i: f"published, but not marked: {why}" for i, why in failed.items()})
        if not_cached:
            await self._execute(sql.ADD_CACHE_DEBTS, [*not_cached])

    async def rejected(self, reasons: Mapping[EventId, str]) -> None:
        """Record why the broker rejected events. They are retried later and eventually parked."""
        marks = {
            event_id: (reason, seconds_until_retry(self._rows[event_id]["attempts"] + 1))
            for event_id, reason in _storable(reasons)
        }
        self._unmarked |= await self._mark(sql.MARK_REJECTED, marks)

    async def postponed(self, reasons: Mapping[EventId, str], *, pause: bool = True) -> None:
        """Record why events did not reach the broker, and pause them if `pause` is True."""
        marks: Marks = {
            event_id: (reason, self._pause_seconds(event_id) if pause else None)
            for event_id, reason in _storable(reasons)
        }
        self._unmarked |= await self._mark(sql.MARK_POSTPONED, marks)

    def ensure_marked(self) -> None:
        """Check that all events have been marked. Call this after the transaction.

        Raises:
            UnmarkableEvents: some could not be marked. The caller has to wait before the next
                batch.
        """
        if self._unmarked:
            raise UnmarkableEvents("; ".join(f"{i}: {why}" for i, why in self._unmarked.items()))

    def _pause_seconds(self, event_id: EventId) -> float:
        return seconds_of_pause(self._rows[event_id]["waited_seconds"])

    async def _execute(self, statement: str, *values: Any) -> None:
        async with within(USE_TIMEOUT_SECONDS):
            await self._connection.execute(statement, *values)

    async def _mark(self, statement: str, marks: Marks, *before: str) -> dict[EventId, str]:
        """Mark events, one by one if necessary. Return the reasons for those that failed.

        The statements in `before` take effect even if the events can't be marked.
        """
        if not marks or await self._failure(statement, marks, *before) is None:
            return {}
        failed = {}
        for event_id, values in marks.items():
            reason = await self._failure(statement, {event_id: values})
            if reason is not None:
                failed[event_id] = reason
        return failed

    async def _failure(self, statement: str, marks: Marks, *before: str) -> str | None:
        """Mark events in a savepoint. Return PostgreSQL's error if this fails, or None.

        The savepoint isn't released, because this would be another round trip. It ends with the
        transaction.
        """
        keys = [(self._rows[i]["subject"], self._rows[i]["revision"]) for i in marks]
        lines = [(*key, *values) for key, values in zip(keys, marks.values(), strict=True)]
        try:
            async with within(USE_TIMEOUT_SECONDS):
                await self._connection.execute("; ".join((*before, sql.BEGIN_MARKING)))
                await self._connection.execute(statement, *map(list, zip(*lines, strict=True)))
        except Exception as error:
            if self._connection.is_broken or self._connection.is_closed():
                raise
            await self._execute(sql.UNDO_MARKING)
            return str(error) or type(error).__name__
        return None


def _storable(reasons: Mapping[EventId, str]) -> Iterator[tuple[EventId, str]]:
    """Convert reasons to UTF-8 without NULs, which PostgreSQL can store, and truncate them."""
    for event_id, reason in reasons.items():
        text = reason.encode("utf-8", "replace").decode().replace("\0", "?")
        yield event_id, text[:_MAX_REASON_CHARACTERS]
