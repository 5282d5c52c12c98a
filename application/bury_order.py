"""Giving up an order whose processing fails and fails."""

from application.letters import copy_of, letter_of
from application.messages import message_of
from application.ports.dead_letters import Announcements, DeadLetters
from application.ports.events import OutboxBell
from application.ports.system import Clock, IdGenerator
from domain.ids import EventId, OrderId


class BuryOrder:
    """Keep the message that announced an order, with the reason why its processing failed.

    Nobody hands the order over again until its letter is put back.

    Raises:
        Unavailable: the storage is out of reach; nothing is kept yet.
    """

    def __init__(
        self,
        announcements: Announcements,
        letters: DeadLetters,
        bell: OutboxBell,
        clock: Clock,
        ids: IdGenerator,
    ) -> None:
        self._announcements = announcements
        self._letters = letters
        self._bell = bell
        self._clock = clock
        self._ids = ids

    async def __call__(self, order_id: OrderId, reason: str, attempts: int) -> bool:
        """Bury the order; False where that was done, or nothing ever announced the order."""
        announced = await self._announcements.of(order_id)
        if announced is None:
            return False
        now = self._clock.now()
        message, topic = message_of(announced), announced.topic
        letter = letter_of(message, topic, reason, attempts, now, order_id)
        is_new = await self._letters.add(letter, copy_of(letter, EventId(self._ids.new(now))))
        self._bell.ring()
        return is_new
