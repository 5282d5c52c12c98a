"""The mailer port, with both adapters."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pytest

from adapters.memory.mailer import MemoryMailer
from adapters.smtp.mailer import SmtpMailer
from adapters.smtp.server import parse_server
from application.ports.mail import Mail, Mailer
from tests.support.smtp import a_mail_server
from tests.support.time import MovableClock

SENDER: Final = "The shop <shop@example.com>"
MAIL: Final = Mail(
    id=UUID(int=7),
    recipient="ada@example.com",
    subject="Ihre Bestellung \u2603",
    text="Sie ist unterwegs: Gr\u00fc\u00dfe.\n.\nEnde\n",
)


@dataclass(frozen=True, slots=True)
class Post:
    """A mailer, and the recipient, subject and text of each mail that has arrived."""

    mailer: Mailer
    arrived: Callable[[], list[tuple[str, str, str]]]


@asynccontextmanager
async def _in_memory() -> AsyncIterator[Post]:
    mailer = MemoryMailer()
    yield Post(mailer, lambda: [(each.recipient, each.subject, each.text) for each in mailer.sent])


@asynccontextmanager
async def _over_smtp() -> AsyncIterator[Post]:
    async with a_mail_server() as server:

        def arrived() -> list[tuple[str, str, str]]:
            return [
                (mail["To"], mail["Subject"], mail.get_content().replace("\r\n", "\n"))
                for mail in server.mailbox.mails
            ]

        yield Post(SmtpMailer(parse_server(server.url), SENDER, MovableClock()), arrived)


MAILERS: Final[dict[str, Callable[[], AbstractAsyncContextManager[Post]]]] = {
    "memory": _in_memory,
    "smtp": _over_smtp,
}


@pytest.fixture(params=MAILERS)
async def post(request: pytest.FixtureRequest) -> AsyncIterator[Post]:
    async with MAILERS[request.param]() as made:
        yield made


async def test_a_mail_has_arrived_when_it_is_sent(post: Post) -> None:
    await post.mailer.send(MAIL)
    assert post.arrived() == [(MAIL.recipient, MAIL.subject, MAIL.text)]


async def test_a_mail_that_is_sent_twice_arrives_twice(post: Post) -> None:
    for _ in range(2):
        await post.mailer.send(MAIL)
    assert len(post.arrived()) == 2


async def test_mails_may_be_sent_at_the_same_time(post: Post) -> None:
    await asyncio.gather(*(post.mailer.send(MAIL) for _ in range(5)))
    assert len(post.arrived()) == 5
