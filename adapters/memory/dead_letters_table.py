"""The dead letters table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from application.ports.dead_letters import DeadLetter
from domain.ids import OrderId


class DeadLettersTable:
    """Dead letters, and how many events each of them has had."""

    def __init__(self) -> None:
        self._dead_letters: dict[UUID, DeadLetter] = {}
        self._revisions: dict[UUID, int] = {}
        self._orders: set[OrderId] = set()  # orders that have a waiting dead letter

    def add(self, dead_letter: DeadLetter) -> int | None:
        """Store a dead letter. Return the number of its next event, or None if already waiting."""
        known = self._dead_letters.get(dead_letter.id)
        if known is not None and known.replayed_at is None:
            return None
        self._dead_letters[dead_letter.id] = dead_letter
        if dead_letter.order_id is not None:
            self._orders.add(dead_letter.order_id)
        return self._next(dead_letter.id)

    def replay(self, dead_letter_id: UUID, now: datetime) -> int | None:
        """Mark as replayed. Return the number of its next event, or None if it isn't waiting."""
        dead_letter = self._dead_letters.get(dead_letter_id)
        if dead_letter is None or dead_letter.replayed_at is not None:
            return None
        self._dead_letters[dead_letter_id] = replace(dead_letter, replayed_at=now)
        if dead_letter.order_id is not None:
            self._orders.discard(dead_letter.order_id)
        return self._next(dead_letter_id)

    @property
    def event_counts(self) -> Mapping[UUID, int]:
        """How many events each dead letter has had."""
        return self._revisions

    def holds(self, order_id: OrderId) -> bool:
        """Return whether the order has a waiting dead letter."""
        return order_id in self._orders

    def waiting(self) -> Iterator[DeadLetter]:
        """Iterate over waiting dead letters, oldest first."""
        dead_letters = (
            dead_letter
            for dead_letter in self._dead_letters.values()
            if dead_letter.replayed_at is None
        )
        return iter(sorted(dead_letters, key=_age))

    def find(self, dead_letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Return the existing dead letters with these ids, oldest first."""
        wanted = set(dead_letter_ids) & self._dead_letters.keys()
        return sorted((self._dead_letters[dead_letter_id] for dead_letter_id in wanted), key=_age)

    def replace_each(self, change: Callable[[DeadLetter], DeadLetter]) -> Sequence[DeadLetter]:
        """Replace all dead letters and return the new ones."""
        self._dead_letters = {each: change(old) for each, old in self._dead_letters.items()}
        return tuple(self._dead_letters.values())

    def _next(self, dead_letter_id: UUID) -> int:
        number = self._revisions[dead_letter_id] = self._revisions.get(dead_letter_id, 0) + 1
        return number


def _age(dead_letter: DeadLetter) -> tuple[datetime, UUID]:
    return dead_letter.at, dead_letter.id
