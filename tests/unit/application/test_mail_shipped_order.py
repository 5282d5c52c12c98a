from uuid import UUID

import pytest

from adapters.memory.mailer import MemoryMailer
from application.delivery.process_once import ProcessOnce
from application.errors import MailServerUnavailable
from application.notifications.mail_shipped_order import MailShippedOrder
from application.ports.events import ReceivedEvent
from application.ports.mail import Mail
from domain.ids import EventId, OrderId
from domain.order.status import OrderStatus
from tests.support.orders import a_placed_order, a_user_id, an_order_id, rendered_write
from tests.support.service import Service
from tests.support.storage_actions import place


class FlickeringMailer(MemoryMailer):
    """A mail server that is unavailable during the first attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.is_reachable = False

    async def send(self, mail: Mail) -> None:
        if not self.is_reachable:
            self.is_reachable = True
            raise MailServerUnavailable
        await super().send(mail)


def a_consumer(service: Service, mailer: MemoryMailer) -> MailShippedOrder:
    stored = service.stored
    once = ProcessOnce(stored.storage, service.clock)
    return MailShippedOrder(once, stored.reader, stored.accounts, mailer)


def an_event(order_id: OrderId, status: OrderStatus | None, number: int = 1) -> ReceivedEvent:
    return ReceivedEvent(
        id=EventId(UUID(int=number)), type="order.status_changed", order_id=order_id, status=status
    )


async def test_the_owner_of_a_shipped_order_receives_a_mail(service: Service) -> None:
    order = (await place(service.stored)).record
    mailer = MemoryMailer()
    await a_consumer(service, mailer)(an_event(order.id, OrderStatus.SHIPPED))
    [mail] = mailer.sent
    owner = await service.stored.accounts.find(order.owner)
    assert owner is not None
    assert (mail.id, mail.recipient) == (UUID(int=1), owner.email)
    assert mail.subject == f"Your order {order.id} has shipped"
    assert str(order.id) in mail.text


@pytest.mark.parametrize("status", [OrderStatus.PAID, OrderStatus.CANCELED, None])
async def test_no_other_status_sends_a_mail(service: Service, status: OrderStatus | None) -> None:
    order_id = (await place(service.stored)).record.id
    mailer = MemoryMailer()
    await a_consumer(service, mailer)(an_event(order_id, status))
    assert mailer.sent == []


async def test_a_repeated_event_sends_no_second_mail(service: Service) -> None:
    order_id = (await place(service.stored)).record.id
    mailer = MemoryMailer()
    for _ in range(2):
        await a_consumer(service, mailer)(an_event(order_id, OrderStatus.SHIPPED))
    assert len(mailer.sent) == 1
    await a_consumer(service, mailer)(an_event(order_id, OrderStatus.SHIPPED, number=2))
    assert len(mailer.sent) == 2


async def test_a_failed_mail_is_sent_when_the_event_is_delivered_again(
    service: Service,
) -> None:
    order_id = (await place(service.stored)).record.id
    mailer = FlickeringMailer()
    consumer, event = a_consumer(service, mailer), an_event(order_id, OrderStatus.SHIPPED)
    with pytest.raises(MailServerUnavailable):
        await consumer(event)
    for _ in range(2):
        await consumer(event)
    assert len(mailer.sent) == 1


async def test_an_owner_without_an_account_receives_no_mail(service: Service) -> None:
    placed = a_placed_order(a_user_id())
    await service.stored.storage.add(rendered_write(placed))
    mailer = MemoryMailer()
    for order_id in (placed.order.id, an_order_id()):
        await a_consumer(service, mailer)(an_event(order_id, OrderStatus.SHIPPED))
    assert mailer.sent == []
