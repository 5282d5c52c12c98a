"""Turn a message into a dead letter."""

from application.delivery.dead_letters import dead_letter_copy, dead_letter_from
from application.ports.dead_letters import DeadLetters
from application.ports.events import Delivery, RelayWakeup
from application.ports.system import Clock, IdGenerator
from domain.ids import EventId, OrderId


class DeadLetterMessage:
    """Store a message as a dead letter and add a copy of it to the outbox."""

    def __init__(
        self, dead_letters: DeadLetters, relay_wakeup: RelayWakeup, clock: Clock, ids: IdGenerator
    ) -> None:
        self._dead_letters = dead_letters
        self._relay_wakeup = relay_wakeup
        self._clock = clock
        self._ids = ids

    async def __call__(
        self,
        message: Delivery,
        topic: str,
        reason: str,
        attempts: int = 1,
        order_id: OrderId | None = None,
    ) -> bool:
        """Return False if the message is already a dead letter.

        Pass `order_id` if the message is a dead letter because processing that order has failed.

        Raises:
            Unavailable: the storage is unreachable, and nothing has been stored.
        """
        now = self._clock.now()
        dead_letter = dead_letter_from(message, topic, reason, attempts, now, order_id)
        is_new = await self._dead_letters.add(
            dead_letter, dead_letter_copy(dead_letter, EventId(self._ids.new(now)))
        )
        self._relay_wakeup.notify()
        return is_new
