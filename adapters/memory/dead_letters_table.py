"""The table of dead letters."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from application.ports.dead_letters import DeadLetter
from domain.ids import OrderId


class DeadLettersTable:
    """Dead letters, and the number of events of each."""

    def __init__(self) -> None:
        self._dead_letters: dict[UUID, DeadLetter] = {}
        self._revisions: dict[UUID, int] = {}
        self._orders: set[OrderId] = set()  # those with a dead letter that waits

    def add(self, dead_letter: DeadLetter) -> int | None:
        """Store a dead letter; return the number of its next event, or None if it waits already."""
        known = self._dead_letters.get(dead_letter.id)
        if known is not None and known.replayed_at is None:
            return None
        self._dead_letters[dead_letter.id] = dead_letter
        if dead_letter.order_id is not None:
            self._orders.add(dead_letter.order_id)
        return self._next(dead_letter.id)

    def replay(self, dead_letter_id: UUID, now: datetime) -> int | None:
        """Mark a dead letter; return the number of its next event, or None if it does not wait."""
        dead_letter = self._dead_letters.get(dead_letter_id)
        if dead_letter is None or dead_letter.replayed_at is not None:
            return None
        self._dead_letters[dead_letter_id] = replace(dead_letter, replayed_at=now)
        if dead_letter.order_id is not None:
            self._orders.discard(dead_letter.order_id)
        return self._next(dead_letter_id)

    def holds(self, order_id: OrderId) -> bool:
        """Return whether the order has a dead letter that waits."""
        return order_id in self._orders

    def waiting(self) -> Iterator[DeadLetter]:
        """Iterate over the dead letters that wait, the oldest first."""
        dead_letters = (
            dead_letter
            for dead_letter in self._dead_letters.values()
            if dead_letter.replayed_at is None
        )
        return iter(sorted(dead_letters, key=_age))

    def find(self, dead_letter_ids: Sequence[UUID]) -> Sequence[DeadLetter]:
        """Return those that exist, the oldest first."""
        wanted = set(dead_letter_ids) & self._dead_letters.keys()
        return sorted((self._dead_letters[dead_letter_id] for dead_letter_id in wanted), key=_age)

    def _next(self, dead_letter_id: UUID) -> int:
        number = self._revisions[dead_letter_id] = self._revisions.get(dead_letter_id, 0) + 1
        return number


def _age(dead_letter: DeadLetter) -> tuple[datetime, UUID]:
    return dead_letter.at, dead_letter.id
