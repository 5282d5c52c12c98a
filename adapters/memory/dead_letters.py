"""Dead letters, and the events that announced orders."""

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
        """Keep a letter and let its copy wait in the outbox."""
        await sleep(0)
        return self._tell(self._dead_letters.bury(dead_letter), copy)

    async def waiting(self, limit: int) -> Sequence[DeadLetter]:
        """At most `limit` letters that were not put back, the oldest first."""
        await sleep(0)
        return list(islice(self._dead_letters.waiting(), limit))

    async def waiting_by_id(self, after: UUID | None, limit: int) -> Sequence[DeadLetter]:
        """At most `limit` letters that were not put back, behind `after`, by id."""
        await sleep(0)
        dead_letters = (
            each for each in self._dead_letters.waiting() if after is None or each.id > after
        )
        return sorted(dead_letters, key=attrgetter("id"))[:limit]

    async def find(self, letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Those of the letters that exist, the oldest first."""
        await sleep(0)
        return self._dead_letters.find(letter_ids)

    async def put_back(self, letter_id: UUID, again: Event, now: datetime) -> bool:
        """Mark a letter as put back and let its message wait in the outbox."""
        await sleep(0)
        return self._tell(self._dead_letters.put_back(letter_id, now), again)

    def _tell(self, revision: int | None, event: Event) -> bool:
        if revision is None:
            return False
        self._outbox.add(replace(event, revision=revision))
        return True


class MemoryAnnouncements:
    """`Announcements` in memory."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._outbox = storage.outbox

    async def of(self, order_id: OrderId) -> Event | None:
        """The order's first event."""
        await sleep(0)
        return self._outbox.first.get(order_id)
