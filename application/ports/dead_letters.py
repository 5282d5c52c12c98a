"""Messages and orders that were given up: kept with the reason, until somebody puts them back."""

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

    `order_id` is set where it is the order's own processing that failed; a message that nobody
    could read says nothing about any order, whatever its key.
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
    """Where messages go that were given up.

    What is told of a letter goes through the outbox, in the order in which it happened: the
    adapter numbers these events (`revision`), whatever number they come with.
    """

    async def add(self, dead_letter: DeadLetter, copy: Event) -> bool:
        """Keep a letter and let its copy wait in the outbox, both or neither.

        False, and nothing is changed, where the letter is there and waits. One that was put back
        and has died again waits again, with its new reason.

        Raises:
            Unavailable: the storage is out of reach.
        """


class DeadLetterAdmin(Protocol):
    """The dead letters, seen from an operator."""

    async def waiting(self, limit: int) -> Sequence[DeadLetter]:
        """At most `limit` letters that were not put back, the oldest first."""

    async def waiting_by_id(self, after: UUID | None, limit: int) -> Sequence[DeadLetter]:
        """At most `limit` letters that were not put back, behind the id `after`, by id.

        A letter keeps its id, however often it dies: pages by id show each letter once at most.
        """

    async def find(self, letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Those of the letters that exist, put back or not, the oldest first."""

    async def put_back(self, letter_id: UUID, again: Event, now: datetime) -> bool:
        """Mark a letter as put back and let its message wait in the outbox, both or neither.

        False, and nothing is changed, where it was put back already, or does not exist.
        """


class Announcements(Protocol):
    """The events by which orders became known."""

    async def of(self, order_id: OrderId) -> Event | None:
        """The order's first event, published or not; None where it is not kept any more."""
