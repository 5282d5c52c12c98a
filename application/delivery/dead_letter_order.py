"""Make a dead letter of an order whose processing has failed."""

from application.delivery.dead_letter_message import DeadLetterMessage
from application.ports.dead_letters import Announcements
from application.ports.events import MessageEncoder
from domain.ids import OrderId


class DeadLetterOrder:
    """Store the message that announced an order as a dead letter.

    The order is not requeued until the dead letter is replayed.
    """

    def __init__(
        self,
        announcements: Announcements,
        encoder: MessageEncoder,
        dead_letter_message: DeadLetterMessage,
    ) -> None:
        self._announcements = announcements
        self._encoder = encoder
        self._dead_letter_message = dead_letter_message

    async def __call__(self, order_id: OrderId, reason: str, attempts: int) -> bool:
        """Return False if the order is a dead letter already, or its message is not stored.

        Raises:
            Unavailable: the storage is out of reach; nothing is stored yet.
        """
        event = await self._announcements.of(order_id)
        if event is None:
            return False
        message = self._encoder.message(event)
        return await self._dead_letter_message(message, event.topic, reason, attempts, order_id)
