"""Send mail over SMTP (RFC 5321)."""

import asyncio
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final

import aiosmtplib

from adapters.smtp.server import SmtpServer
from application.errors import MailRejected, MailServerUnavailable
from application.ports.mail import Mail
from application.ports.system import Clock

#: The time limit for connecting, logging in and sending one mail. With QUIT it's 30 s.
DEADLINE_SECONDS: Final = 29.0
#: How long to wait for the response to QUIT, which no longer matters for the mail.
_QUIT_SECONDS: Final = 1.0


class SmtpMailer:
    """A `Mailer` that uses SMTP with a new connection for each mail.

    We expect the server to be a relay that queues mail, so if it rejects a recipient or a message,
    this is final. Any other error would affect all mails and is treated like an unreachable server.
    """

    def __init__(
        self,
        server: SmtpServer,
        sender: str,
        clock: Clock,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._clock = clock
        self._deadline_seconds = deadline_seconds

    async def send(self, mail: Mail) -> None:
        """Send a mail and wait for the server to accept it."""
        message = self._message(mail)
        try:
            await self._send(message)
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPNotSupported) as error:
            raise MailRejected(_reason(error)) from error
        except aiosmtplib.SMTPDataError as error:
            raise _refusal(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailServerUnavailable(_reason(error)) from error

    async def _send(self, message: EmailMessage) -> None:
        client = self._client()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await client.connect()
                await client.send_message(message)
            await _quit(client)
        except aiosmtplib.SMTPException:
            await _quit(client)
            raise
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.is_tls,
            start_tls=server.starttls,
            timeout=self._deadline_seconds,
        )

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = mail.recipient
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(self._clock.now())
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        # If a mail is sent twice, the id stays the same, and the recipient can drop the duplicate.
        message["Message-ID"] = f"<{mail.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # prevents automatic replies (RFC 3834)
        message.set_content(mail.text)
        return message


async def _quit(client: aiosmtplib.SMTP) -> None:
    """Send QUIT, which RFC 5321 demands, and ignore a missing answer."""
    with suppress(aiosmtplib.SMTPException):
        await client.quit(timeout=_QUIT_SECONDS)


def _refusal(error: aiosmtplib.SMTPDataError) -> Exception:
    """Return the error for a rejected message. 5xx is final, and 4xx can be retried."""
    kind = MailRejected if error.code >= 500 else MailServerUnavailable
    return kind(_reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "; ".join(_reason(each) for each in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    if isinstance(error, TimeoutError):
        return "no answer"
    return str(error) or type(error).__name__
