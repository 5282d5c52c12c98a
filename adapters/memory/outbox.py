"""The in-memory outbox from the relay's point of view."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime

from adapters.memory.outbox_table import OutboxTable
from adapters.memory.replays_table import ReplaysTable
from adapters.memory.retries import Retries
from adapters.memory.storage import MemoryStorage
from application.documents import Event
from application.ports.events import OutboxBatch, Placement
from application.ports.system import Clock
from domain.ids import EventId, OrderId


class _Batch:
    """Events locked by a relay, and how it has marked them."""

    def __init__(self, waiting: Sequence[Event], replays: Sequence[Event]) -> None:
        self.events = (*waiting, *(replace(event, is_replay=True) for event in replays))
        self._held = {event.id: event for event in self.events}
        self._placements: dict[EventId, Placement] = {}
        self._rejected: dict[EventId, str] = {}
        self._postponed: dict[EventId, str] = {}
        self._errors: dict[EventId, str] = {}
        self._not_cached: set[OrderId] = set()

    async def published(
        self, placements: Mapping[EventId, Placement], not_cached: Collection[OrderId] = ()
    ) -> None:
        """Mark events as published. Each first delivery gets the next position."""
        self._placements |= placements
        self._not_cached.update(not_cached)

    async def rejected(self, reasons: Mapping[EventId, str]) -> None:
        """Record why the broker rejected events. They are retried later and eventually parked."""
        self._rejected |= reasons

    async def postponed(self, reasons: Mapping[EventId, str], *, pause: bool = True) -> None:
        """Record why events did not reach the broker, and pause them if `pause` is True."""
        if pause:
            self._postponed |= reasons
        else:
            self._errors |= reasons

    def store_in(self, storage: MemoryStorage, now: datetime) -> None:
        """Make the marks durable."""
        for event_id, placement in self._placements.items():
            if self._held[event_id].is_replay:
                storage.replays.end(self._held[event_id])
            else:
                storage.publish(self._held.pop(event_id), placement, now)
        for event_id, reason in self._rejected.items():
            self._retries(storage, event_id).reject(reason, now)
        for event_id, reason in self._postponed.items():
            self._retries(storage, event_id).postpone(reason, now)
        for event_id, reason in self._errors.items():
            self._retries(storage, event_id).error = reason
        storage.cache_debts.update(dict.fromkeys(self._not_cached, now))

    def release(self, storage: MemoryStorage) -> None:
        """Release the events."""
        for event in self._held.values():
            _table(storage, event).release(event)

    def _retries(self, storage: MemoryStorage, event_id: EventId) -> Retries:
        event = self._held[event_id]
        return _table(storage, event).retries_of(event)


def _table(storage: MemoryStorage, event: Event) -> OutboxTable | ReplaysTable:
    return storage.replays if event.is_replay else storage.outbox


class MemoryOutbox:
    """`Outbox` in memory."""

    def __init__(self, storage: MemoryStorage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    @asynccontextmanager
    async def batch(self, size: int) -> AsyncIterator[OutboxBatch]:
        """Lock at most `size` eligible events until the block exits."""
        now = self._clock.now()
        waiting = self._storage.outbox.take(size, now)
        subjects = {event.subject for event in waiting}
        replays = self._storage.replays.take(size - len(waiting), subjects, now)
        batch = _Batch(waiting, replays)
        try:
            yield batch
            batch.store_in(self._storage, self._clock.now())
        finally:
            batch.release(self._storage)

    async def has_work(self) -> bool:
        """Return whether there are events waiting that aren't parked, or debts to the cache."""
        waiting = (*self._storage.outbox, *self._storage.replays)
        is_waiting = any(not retries.is_parked for _, retries in waiting)
        return is_waiting or bool(self._storage.cache_debts)


class MemoryRelayWakeup:
    """Wakes the relay in the same process."""

    def __init__(self) -> None:
        self._notified = asyncio.Event()

    def notify(self) -> None:
        """Wake the relay."""
        self._notified.set()

    async def wait(self, at_most: float) -> bool:
        """Return True if notified since the last wait, or False after `at_most` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._notified.wait()
        has_notified = self._notified.is_set()
        self._notified.clear()
        return has_notified
