"""Where dead letters are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from application.ports.dead_letters import DeadLetter
from domain.ids import OrderId


class DeadLettersTable:
    """The letters, and how many events each has sent to the outbox."""

    def __init__(self) -> None:
        self._dead_letters: dict[UUID, DeadLetter] = {}
        self._revisions: dict[UUID, int] = {}
        self._orders: set[OrderId] = set()  # those that wait as a letter

    def bury(self, dead_letter: DeadLetter) -> int | None:
        """Keep a letter; the number of its next event, or None where it waits already."""
        known = self._dead_letters.get(dead_letter.id)
        if known is not None and known.replayed_at is None:
            return None
        self._dead_letters[dead_letter.id] = dead_letter
        if dead_letter.order_id is not None:
            self._orders.add(dead_letter.order_id)
        return self._next(dead_letter.id)

    def put_back(self, letter_id: UUID, now: datetime) -> int | None:
        """Mark a letter; the number of its next event, or None where it does not wait."""
        dead_letter = self._dead_letters.get(letter_id)
        if dead_letter is None or dead_letter.replayed_at is not None:
            return None
        self._dead_letters[letter_id] = replace(dead_letter, replayed_at=now)
        if dead_letter.order_id is not None:
            self._orders.discard(dead_letter.order_id)
        return self._next(letter_id)

    def holds(self, order_id: OrderId) -> bool:
        """Whether the order is a letter that was not put back."""
        return order_id in self._orders

    def waiting(self) -> Iterator[DeadLetter]:
        """The letters that were not put back, the oldest first."""
        dead_letters = (
            dead_letter
            for dead_letter in self._dead_letters.values()
            if dead_letter.replayed_at is None
        )
        return iter(sorted(dead_letters, key=_age))

    def find(self, letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Those of the letters that exist, the oldest first."""
        wanted = set(letter_ids) & self._dead_letters.keys()
        return sorted((self._dead_letters[letter_id] for letter_id in wanted), key=_age)

    def _next(self, letter_id: UUID) -> int:
        number = self._revisions[letter_id] = self._revisions.get(letter_id, 0) + 1
        return number


def _age(dead_letter: DeadLetter) -> tuple[datetime, UUID]:
    return dead_letter.at, dead_letter.id
