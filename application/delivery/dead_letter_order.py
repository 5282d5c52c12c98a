"""Giving up an order whose processing fails and fails."""

from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.delivery.messages import message_of
from application.ports.dead_letters import Announcements, DeadLetters
from application.ports.events import RelayWakeup
from application.ports.system import Clock, IdGenerator
from domain.ids import EventId, OrderId


class DeadLetterOrder:
    """Keep the message that announced an order, with the reason why its processing failed.

    Nobody hands the order over again until its letter is put back.

    Raises:
        Unavailable: the storage is out of reach; nothing is kept yet.
    """

    def __init__(
        self,
        announcements: Announcements,
        dead_letters: DeadLetters,
        relay_wakeup: RelayWakeup,
        clock: Clock,
        ids: IdGenerator,
    ) -> None:
        self._announcements = announcements
        self._dead_letters = dead_letters
        self._relay_wakeup = relay_wakeup
        self._clock = clock
        self._ids = ids

    async def __call__(self, order_id: OrderId, reason: str, attempts: int) -> bool:
        """Bury the order; False where that was done, or nothing ever announced the order."""
        announced = await self._announcements.of(order_id)
        if announced is None:
            return False
        now = self._clock.now()
        message, topic = message_of(announced), announced.topic
        dead_letter = dead_letter_from(message, topic, reason, attempts, now, order_id)
        is_new = await self._dead_letters.add(
            dead_letter, dead_letter_copy(dead_letter, EventId(self._ids.new(now)))
        )
        self._relay_wakeup.notify()
        return is_new
