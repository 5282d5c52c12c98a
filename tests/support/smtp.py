"""A mail server on the loopback address."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Final
from warnings import catch_warnings, simplefilter

import anyio.from_thread
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

HOST: Final = "127.0.0.1"


@dataclass
class Mailbox:
    """An aiosmtpd handler that accepts mail unless it was given another answer for a command."""

    received: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    #: The answers to `RCPT TO` by recipient, and to `DATA`.
    answers: dict[str, str] = field(default_factory=dict)
    #: The commands, `DATA` or `QUIT`, that receive no answer.
    unanswered: set[str] = field(default_factory=set)
    #: Whether such a command has arrived.
    is_waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802 - the library's naming
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as above
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        await self._wait_if_unanswered("DATA")
        if "DATA" in self.answers:
            return self.answers["DATA"]
        self.received.append(envelope)
        return "250 OK"

    async def handle_QUIT(  # noqa: N802 - as above
        self, _server: Any, _session: Any, _envelope: Envelope
    ) -> str:
        await self._wait_if_unanswered("QUIT")
        return "221 Bye"

    async def _wait_if_unanswered(self, command: str) -> None:
        if command in self.unanswered:
            self.is_waiting.set()
            await asyncio.Event().wait()

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any
    ) -> AuthResult:
        if not isinstance(login, LoginPassword):
            return AuthResult(success=False, handled=False)
        self.logins.append((login.login.decode(), login.password.decode()))
        # A result that counts as handled would leave the client without an answer.
        return AuthResult(success=login.password == b"right", handled=False)

    @property
    def mails(self) -> list[EmailMessage]:
        """All received mails."""
        return [parsed(envelope) for envelope in self.received]


def parsed(envelope: Envelope) -> EmailMessage:
    """Return the envelope's parsed mail."""
    content = envelope.content
    assert isinstance(content, bytes)
    mail = message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


@dataclass(frozen=True, slots=True)
class MailServer:
    """A running mail server and its mailbox."""

    port: int
    mailbox: Mailbox

    @property
    def url(self) -> str:
        """The server's address."""
        return f"smtp://{HOST}:{self.port}"


@asynccontextmanager
async def a_mail_server(*, requires_login: bool = False) -> AsyncIterator[MailServer]:
    """Run a mail server in this event loop."""
    mailbox, sessions = Mailbox(), list[SMTP]()

    def session() -> SMTP:
        with catch_warnings():
            simplefilter("ignore", UserWarning)  # a test sends passwords unencrypted on purpose
            sessions.append(
                SMTP(
                    mailbox,
                    hostname=HOST,
                    authenticator=mailbox.authenticate,
                    auth_required=requires_login,
                    auth_require_tls=not requires_login,
                    loop=asyncio.get_running_loop(),
                )
            )
        return sessions[-1]

    server = await asyncio.get_running_loop().create_server(session, HOST, 0)
    try:
        yield MailServer(server.sockets[0].getsockname()[1], mailbox)
    finally:
        server.close()
        handlers = [each._handler_coroutine for each in sessions if each._handler_coroutine]
        for each in sessions:
            if each.transport is not None:
                each.transport.close()
        await asyncio.gather(*handlers, return_exceptions=True)


@contextmanager
def a_mail_server_in_a_thread() -> Iterator[MailServer]:
    """Run a mail server in a thread for tests that aren't async."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(a_mail_server()) as server,
    ):
        yield server


def free_port() -> int:
    """Return a port that nothing is listening on."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
