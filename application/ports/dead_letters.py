"""Dead letters: messages that could not be processed, stored until an operator replays them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.documents import Event, Headers
from domain.ids import OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be processed, in its original form.

    `order_id` is only set if processing that order failed. It isn't taken from the key of an
    unreadable message because there may not be such an order.
    """

    id: UUID
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    reason: str
    attempts: int
    order_id: OrderId | None
    at: datetime
    replayed_at: datetime | None = None


class DeadLetters(Protocol):
    """Stores dead letters.

    A dead letter's events go through the outbox in the order in which they happened. To make this
    work, adapters set the `revision` of each event.
    """

    async def add(self, dead_letter: DeadLetter, copy: Event) -> bool:
        """Store a dead letter and add its copy to the outbox. Either both happen or neither.

        Return False without changing anything if the dead letter is already waiting. If it was
        replayed before, it starts waiting again, with the new reason.

        Raises:
            Unavailable: the storage is unreachable.
        """


class DeadLetterAdmin(Protocol):
    """Lets operators list and replay dead letters. A dead letter waits until it's replayed."""

    async def waiting(self, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` waiting dead letters, oldest first."""

    async def waiting_by_id(self, after: UUID | None, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` waiting dead letters with ids after `after`, sorted by id.

        A message always has the same id, so it appears at most once when you page by id.
        """

    async def find(self, dead_letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Return the existing dead letters with these ids, waiting or replayed, oldest first."""

    async def replay(self, dead_letter_id: UUID, again: Event, now: datetime) -> bool:
        """Mark a dead letter as replayed and add its message to the outbox.

        Either both happen or neither. Return False without changing anything if the dead letter
        isn't waiting.
        """


class Announcements(Protocol):
    """Finds the first event of each order."""

    async def of(self, order_id: OrderId) -> Event | None:
        """Return the order's first event, published or not, or None if its payload was purged."""
