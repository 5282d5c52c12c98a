"""Store dead letters in memory, and find the events that announced orders."""

from asyncio import sleep
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from operator import attrgetter
from uuid import UUID

from adapters.memory.storage import MemoryStorage
from application.documents import Event
from application.ports.dead_letters import DeadLetter
from domain.ids import OrderId


class MemoryDeadLetters:
    """`DeadLetters` and `DeadLetterAdmin` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._dead_letters = storage.dead_letters
        self._outbox = storage.outbox

    async def add(self, dead_letter: DeadLetter, copy: Event) -> bool:
        """Store a dead letter and add its copy to the outbox."""
        await sleep(0)
        return self._add_event(self._dead_letters.add(dead_letter), copy)

    async def waiting(self, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` waiting dead letters, oldest first."""
        await sleep(0)
        return list(islice(self._dead_letters.waiting(), limit))

    async def waiting_by_id(self, after: UUID | None, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` waiting dead letters with ids after `after`, sorted by id."""
        await sleep(0)
        dead_letters = (
            each for each in self._dead_letters.waiting() if after is None or each.id > after
        )
        return sorted(dead_letters, key=attrgetter("id"))[:limit]

    async def find(self, dead_letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Return the existing dead letters with these ids, oldest first."""
        await sleep(0)
        return self._dead_letters.find(dead_letter_ids)

    async def replay(self, dead_letter_id: UUID, again: Event, now: datetime) -> bool:
        """Mark a dead letter as replayed and add its message to the outbox."""
        await sleep(0)
        return self._add_event(self._dead_letters.replay(dead_letter_id, now), again)

    def _add_event(self, revision: int | None, event: Event) -> bool:
        if revision is None:
            return False
        self._outbox.add(replace(event, revision=revision))
        return True


class MemoryAnnouncements:
    """`Announcements` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._outbox = storage.outbox

    async def of(self, order_id: OrderId) -> Event | None:
        """Return the order's first event."""
        await sleep(0)
        return self._outbox.first.get(order_id)
