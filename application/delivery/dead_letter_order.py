"""Turn an order that could not be processed into a dead letter."""

from application.delivery.dead_letter_message import DeadLetterMessage
from application.ports.dead_letters import Announcements
from application.ports.events import MessageEncoder
from domain.ids import OrderId


class DeadLetterOrder:
    """Store the message that announced an order as a dead letter.

    The order is not requeued until an operator replays the dead letter.
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
        """Return False if the order is already a dead letter or its message is no longer stored.

        Raises:
            Unavailable: the storage is unreachable, and nothing has been stored.
        """
        event = await self._announcements.of(order_id)
        if event is None:
            return False
        message = self._encoder.message(event)
        return await self._dead_letter_message(message, event.topic, reason, attempts, order_id)
