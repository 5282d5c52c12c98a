"""The SMTP adapter against a real server that refuses mail, or does not answer."""

import asyncio
import socket
from dataclasses import replace
from email.utils import parsedate_to_datetime

import pytest

from adapters.smtp.mailer import DEADLINE_SECONDS, SmtpMailer
from adapters.smtp.server import SmtpServer, parse_server
from application.errors import MailRejected, MailServerUnavailable
from tests.contract.test_mailer import MAIL, SENDER
from tests.support.deadlines import LONG
from tests.support.smtp import HOST, a_mail_server, free_port
from tests.support.time import NOW, MovableClock


def a_mailer(server: SmtpServer, deadline_seconds: float = DEADLINE_SECONDS) -> SmtpMailer:
    return SmtpMailer(server, SENDER, MovableClock(), deadline_seconds)


async def test_a_mail_has_the_headers_of_an_automatic_mail() -> None:
    async with a_mail_server() as server:
        await a_mailer(parse_server(server.url)).send(MAIL)
        [mail] = server.mailbox.mails
    assert mail["From"] == SENDER
    assert mail["Message-ID"] == f"<{MAIL.id}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(mail["Date"]) == NOW.replace(microsecond=0)
    assert server.mailbox.received[0].mail_from == "shop@example.com"


async def test_the_account_of_the_url_is_used() -> None:
    async with a_mail_server(requires_login=True) as server:
        url = f"smtp://shop%40example.com:right@{HOST}:{server.port}?starttls=off"
        await a_mailer(parse_server(url)).send(MAIL)
        assert server.mailbox.logins == [("shop@example.com", "right")]
        assert len(server.mailbox.mails) == 1


async def test_a_wrong_password_of_the_mail_server_is_an_outage_and_is_not_shown() -> None:
    async with a_mail_server(requires_login=True) as server:
        url = f"smtp://shop:my-password@{HOST}:{server.port}?starttls=off"
        with pytest.raises(MailServerUnavailable, match="535") as failure:
            await a_mailer(parse_server(url)).send(MAIL)
        assert ("shop", "my-password") in server.mailbox.logins
        assert server.mailbox.mails == []
    assert "my-password" not in f"{failure.value}"


async def test_a_password_is_not_sent_without_encryption() -> None:
    async with a_mail_server(requires_login=True) as server:
        url = f"smtp://shop:right@{HOST}:{server.port}"
        with pytest.raises(MailServerUnavailable):
            await a_mailer(parse_server(url)).send(MAIL)
        assert server.mailbox.logins == []


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({MAIL.recipient: "550 no such user"}, MailRejected),
        ({MAIL.recipient: "450 try later"}, MailRejected),
        ({"DATA": "554 spam"}, MailRejected),
        ({"DATA": "452 disk full"}, MailServerUnavailable),
    ],
)
async def test_a_refusal_is_an_outage_if_it_would_meet_every_mail(
    answers: dict[str, str], error: type[Exception]
) -> None:
    async with a_mail_server() as server:
        server.mailbox.answers |= answers
        [answer] = answers.values()
        with pytest.raises(error, match=answer):
            await a_mailer(parse_server(server.url)).send(MAIL)


async def test_an_address_that_the_server_cannot_read_is_refused() -> None:
    mail = replace(MAIL, recipient="\u00e4da@example.com")
    async with a_mail_server() as server:
        with pytest.raises(MailRejected):
            await a_mailer(parse_server(server.url)).send(mail)


async def test_a_server_that_does_not_listen_is_out_of_reach() -> None:
    server = parse_server(f"smtp://{HOST}:{free_port()}")
    with pytest.raises(MailServerUnavailable):
        await a_mailer(server).send(MAIL)


async def test_a_silent_server_is_out_of_reach_at_the_deadline() -> None:
    with socket.create_server((HOST, 0)) as silent:
        server = parse_server(f"smtp://{HOST}:{silent.getsockname()[1]}")
        with pytest.raises(MailServerUnavailable):
            await a_mailer(server, deadline_seconds=0.1).send(MAIL)


async def test_sending_may_be_canceled() -> None:
    with socket.create_server((HOST, 0)) as silent:
        server = parse_server(f"smtp://{HOST}:{silent.getsockname()[1]}")
        sending = asyncio.create_task(a_mailer(server).send(MAIL))
        await asyncio.sleep(0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


@pytest.fixture
def short_quit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.smtp.mailer._QUIT_SECONDS", 0.05)


@pytest.mark.usefixtures("short_quit")
async def test_an_accepted_mail_is_sent_if_quit_is_not_answered() -> None:
    async with a_mail_server() as server, asyncio.timeout(LONG):
        server.mailbox.unanswered.add("QUIT")
        await a_mailer(parse_server(server.url)).send(MAIL)
        assert len(server.mailbox.mails) == 1


@pytest.mark.usefixtures("short_quit")
async def test_a_refused_mail_is_refused_if_quit_is_not_answered() -> None:
    async with a_mail_server() as server, asyncio.timeout(LONG):
        server.mailbox.answers["DATA"] = "554 spam"
        server.mailbox.unanswered.add("QUIT")
        with pytest.raises(MailRejected, match="spam"):
            await a_mailer(parse_server(server.url)).send(MAIL)


async def test_canceled_sending_does_not_wait_for_the_server() -> None:
    async with a_mail_server() as server:
        server.mailbox.unanswered |= {"DATA", "QUIT"}
        sending = asyncio.create_task(a_mailer(parse_server(server.url)).send(MAIL))
        await server.mailbox.is_waiting.wait()
        sending.cancel()
        async with asyncio.timeout(LONG):
            with pytest.raises(asyncio.CancelledError):
                await sending
