"""Giving up a message that announces nothing."""

from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.ports.dead_letters import DeadLetters
from application.ports.events import Delivery, RelayWakeup
from application.ports.system import Clock, IdGenerator
from domain.ids import EventId


class DeadLetterMessage:
    """Keep a message that nobody can act on: unreadable, foreign, or of an unknown order.

    Raises:
        Unavailable: the storage is out of reach; the message is not kept yet.
    """

    def __init__(
        self, dead_letters: DeadLetters, relay_wakeup: RelayWakeup, clock: Clock, ids: IdGenerator
    ) -> None:
        self._dead_letters = dead_letters
        self._relay_wakeup = relay_wakeup
        self._clock = clock
        self._ids = ids

    async def __call__(self, message: Delivery, topic: str, reason: str) -> bool:
        """Bury the message; False where it was buried before."""
        now = self._clock.now()
        dead_letter = dead_letter_from(message, topic, reason, attempts=1, now=now)
        is_new = await self._dead_letters.add(
            dead_letter, dead_letter_copy(dead_letter, EventId(self._ids.new(now)))
        )
        self._relay_wakeup.notify()
        return is_new
