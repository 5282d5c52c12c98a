"""Mail to account owners."""

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A plain text mail. If two mails have the same `id`, it's the same mail sent twice."""

    id: UUID
    recipient: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    """Sends mail."""

    async def send(self, mail: Mail) -> None:
        """Send a mail and wait up to 30 s for the mail server to accept it.

        Raises:
            MailServerUnavailable: the server is unreachable or doesn't accept any mail from this
                service. It may have accepted this mail before the connection broke.
            MailRejected: the server rejected this mail or its recipient.
        """
