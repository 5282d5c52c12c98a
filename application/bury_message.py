"""Giving up a message that announces nothing."""

from application.letters import copy_of, letter_of
from application.ports.dead_letters import DeadLetters
from application.ports.events import Delivery, OutboxBell
from application.ports.system import Clock, IdGenerator
from domain.ids import EventId


class BuryMessage:
    """Keep a message that nobody can act on: unreadable, foreign, or of an unknown order.

    Raises:
        Unavailable: the storage is out of reach; the message is not kept yet.
    """

    def __init__(
        self, letters: DeadLetters, bell: OutboxBell, clock: Clock, ids: IdGenerator
    ) -> None:
        self._letters = letters
        self._bell = bell
        self._clock = clock
        self._ids = ids

    async def __call__(self, message: Delivery, topic: str, reason: str) -> bool:
        """Bury the message; False where it was buried before."""
        now = self._clock.now()
        letter = letter_of(message, topic, reason, attempts=1, now=now)
        is_new = await self._letters.add(letter, copy_of(letter, EventId(self._ids.new(now))))
        self._bell.ring()
        return is_new
