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
        self._letters: dict[UUID, DeadLetter] = {}
        self._revisions: dict[UUID, int] = {}
        self._orders: set[OrderId] = set()  # those that wait as a letter

    def bury(self, letter: DeadLetter) -> int | None:
        """Keep a letter; the number of its next event, or None where it waits already."""
        known = self._letters.get(letter.id)
        if known is not None and known.replayed_at is None:
            return None
        self._letters[letter.id] = letter
        if letter.order_id is not None:
            self._orders.add(letter.order_id)
        return self._next(letter.id)

    def put_back(self, letter_id: UUID, now: datetime) -> int | None:
        """Mark a letter; the number of its next event, or None where it does not wait."""
        letter = self._letters.get(letter_id)
        if letter is None or letter.replayed_at is not None:
            return None
        self._letters[letter_id] = replace(letter, replayed_at=now)
        if letter.order_id is not None:
            self._orders.discard(letter.order_id)
        return self._next(letter_id)

    def holds(self, order_id: OrderId) -> bool:
        """Whether the order is a letter that was not put back."""
        return order_id in self._orders

    def waiting(self) -> Iterator[DeadLetter]:
        """The letters that were not put back, the oldest first."""
        letters = (letter for letter in self._letters.values() if letter.replayed_at is None)
        return iter(sorted(letters, key=_age))

    def find(self, letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Those of the letters that exist, the oldest first."""
        wanted = set(letter_ids) & self._letters.keys()
        return sorted((self._letters[letter_id] for letter_id in wanted), key=_age)

    def _next(self, letter_id: UUID) -> int:
        number = self._revisions[letter_id] = self._revisions.get(letter_id, 0) + 1
        return number


def _age(letter: DeadLetter) -> tuple[datetime, UUID]:
    return letter.at, letter.id
