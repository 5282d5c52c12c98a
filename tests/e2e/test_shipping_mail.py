"""The owner of an order gets a mail when it ships."""

from collections.abc import Iterator

import pytest

from tests.e2e.service import NO_LIMITS, Service, User, eventually, running_service
from tests.support.smtp import Mailbox, a_mail_server_in_a_thread


@pytest.fixture(scope="module")
def mailbox_and_service() -> Iterator[tuple[Mailbox, Service]]:
    with a_mail_server_in_a_thread() as server:
        settings = {"SMTP_URL": server.url, "SMTP_FROM": "The shop <shop@example.com>"}
        with running_service(**NO_LIMITS, **settings, PROCESSING_DELAY="0") as service:
            yield server.mailbox, service


def ship(user: User) -> str:
    order = user.order()
    for status in ("PAID", "SHIPPED"):
        assert user.patch(order, status).status_code == 200
    return str(order["id"])


def recipients(mailbox: Mailbox) -> list[str]:
    return [mail["To"] for mail in mailbox.mails]


def test_a_shipped_order_sends_one_mail_despite_a_replay(
    mailbox_and_service: tuple[Mailbox, Service],
) -> None:
    mailbox, service = mailbox_and_service
    ada, bob = service.register(), service.register()
    order_id = ship(ada)
    eventually(lambda: ada.email in recipients(mailbox))
    [mail] = [mail for mail in mailbox.mails if mail["To"] == ada.email]
    assert order_id in mail["Subject"]
    assert mail["From"] == "The shop <shop@example.com>"

    assert service.run("outbox", "replay", order_id).returncode == 0
    ship(bob)  # its events are published and consumed after the replay
    eventually(lambda: "replays=0" in service.run("outbox", "status").stdout)
    eventually(lambda: bob.email in recipients(mailbox))
    ship(bob)
    eventually(lambda: recipients(mailbox).count(bob.email) == 2)
    assert recipients(mailbox).count(ada.email) == 1


def test_a_refused_mail_becomes_a_dead_letter_and_is_sent_when_it_is_replayed(
    mailbox_and_service: tuple[Mailbox, Service],
) -> None:
    mailbox, service = mailbox_and_service
    eve, dan = service.register(), service.register()
    mailbox.answers[eve.email] = "550 no such user"
    ship(eve)
    ship(dan)
    eventually(lambda: dan.email in recipients(mailbox))
    eventually(lambda: "order_status_changed" in service.run("dlq", "list").stdout)
    line = service.run("dlq", "list").stdout
    assert "attempts=5" in line
    assert "550 no such user" in line
    del mailbox.answers[eve.email]
    assert service.run("dlq", "replay", "--all").returncode == 0
    eventually(lambda: eve.email in recipients(mailbox))
    eventually(lambda: service.run("audit").returncode == 0)
