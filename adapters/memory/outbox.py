"""Handing events to the relay."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from adapters.memory.storage import MemoryStorage
from application.documents import Event
from application.ports.events import OutboxBatch, Placement
from application.ports.system import Clock
from domain.ids import EventId


class _Batch:
    """Events that are one relay's, and what it notes of them until it lets go."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self._held: dict[EventId, Event] = {event.id: event for event in events}
        self._placements: dict[EventId, Placement] = {}
        self._rejected: dict[EventId, str] = {}
        self._postponed: dict[EventId, str] = {}

    async def published(self, placements: Mapping[EventId, Placement]) -> None:
        """Mark events as published, giving each the next position."""
        self._placements |= placements

    async def rejected(self, reasons: Mapping[EventId, str]) -> None:
        """Note why the broker refused events; each waits longer before it is eligible again."""
        self._rejected |= reasons

    async def postponed(self, reasons: Mapping[EventId, str]) -> None:
        """Note why events stay unpublished; they are eligible again at once."""
        self._postponed |= reasons

    def store_in(self, storage: MemoryStorage, now: datetime) -> None:
        """Make what was noted durable."""
        for event_id, placement in self._placements.items():
            storage.publish(self._held.pop(event_id), placement, now)
        for event_id, reason in self._rejected.items():
            storage.outbox.reject(self._held.pop(event_id), reason, now)
        for event_id, reason in self._postponed.items():
            storage.outbox.postpone(self._held[event_id], reason)

    def let_go(self, storage: MemoryStorage) -> None:
        """Hold nothing any more."""
        for event in self._held.values():
            storage.outbox.release(event.subject)


class MemoryOutbox:
    """Events that wait for the broker."""

    def __init__(self, storage: MemoryStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    @asynccontextmanager
    async def batch(self, size: int) -> AsyncIterator[OutboxBatch]:
        """At most `size` eligible events that no other batch holds; let go when it is left."""
        batch = _Batch(self._storage.outbox.take(size, self._clock.now()))
        try:
            yield batch
            batch.store_in(self._storage, self._clock.now())
        finally:
            batch.let_go(self._storage)


class MemoryOutboxBell:
    """Wakes the relay of the same process."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Say that there is something to publish."""
        self._rung.set()

    async def wait(self, at_most: float) -> None:
        """Return when the bell has rung since the last wait, or after `at_most` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._rung.wait()
        self._rung.clear()
