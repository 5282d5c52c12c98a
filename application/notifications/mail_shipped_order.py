"""Send a mail to an order's owner when the order ships."""

from functools import partial
from typing import Final

from application.delivery.process_once import ProcessOnce
from application.ports.accounts import Accounts
from application.ports.events import ReceivedEvent
from application.ports.mail import Mail, Mailer
from application.ports.orders import OrderReader
from domain.order.status import OrderStatus

#: This consumer's name in the inbox.
CONSUMER: Final = "shipping-mail"

_TEXT: Final = """\
Your order {order_id} is on its way.

You receive this mail because you placed the order with this address.
"""


class MailShippedOrder:
    """Send one mail for each event that changes an order's status to SHIPPED."""

    def __init__(
        self, once: ProcessOnce, orders: OrderReader, accounts: Accounts, mailer: Mailer
    ) -> None:
        self._once = once
        self._orders = orders
        self._accounts = accounts
        self._mailer = mailer

    async def __call__(self, event: ReceivedEvent) -> None:
        """Send the mail unless it was already sent, or the owner has no address.

        Raises:
            Unavailable: the storage or the mail server is unreachable.
            MailRejected: the mail server rejected the mail.
        """
        if event.status is OrderStatus.SHIPPED:
            await self._once(CONSUMER, event.id, partial(self._send, event))

    async def _send(self, event: ReceivedEvent) -> None:
        order = await self._orders.find(event.order_id)
        owner = order and await self._accounts.find(order.owner)
        if owner and owner.has_address:
            mail = Mail(
                id=event.id,
                recipient=owner.email,
                subject=f"Your order {event.order_id} has shipped",
                text=_TEXT.format(order_id=event.order_id),
            )
            await self._mailer.send(mail)
