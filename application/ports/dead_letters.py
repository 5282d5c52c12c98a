"""Dead letters: messages that no consumer could process, stored until an operator replays them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from application.documents import Event, Headers
from domain.ids import OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up, as it came.

    `order_id` is set if the processing of that order failed. The key of an unreadable message is
    no evidence of an order.
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

    The events of a dead letter go through the outbox in the order in which they happened: the
    adapter sets their `revision`.
    """

    async def add(self, dead_letter: DeadLetter, copy: Event) -> bool:
        """Store a dead letter, and its copy in the outbox; both or neither.

        Return False, and change nothing, if it waits already. One that was replayed waits again,
        with its new reason.

        Raises:
            Unavailable: the storage is out of reach.
        """


class DeadLetterAdmin(Protocol):
    """Dead letters, for their operator. A dead letter waits until it is replayed."""

    async def waiting(self, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` dead letters that wait, the oldest first."""

    async def waiting_by_id(self, after: UUID | None, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` dead letters that wait, behind the id `after`, by id.

        The same message has the same id, so pages by id show it at most once.
        """

    async def find(self, dead_letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Return those that exist, waiting or replayed, the oldest first."""

    async def replay(self, dead_letter_id: UUID, again: Event, now: datetime) -> bool:
        """Mark a dead letter as replayed, and add its message to the outbox; both or neither.

        Return False, and change nothing, if it does not wait.
        """


class Announcements(Protocol):
    """The first event of each order."""

    async def of(self, order_id: OrderId) -> Event | None:
        """Return the order's first event, published or not; None if its payload was purged."""
