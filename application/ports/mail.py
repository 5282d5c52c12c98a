"""Mail to the owner of an account."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail in plain text. Two mails with the same `id` are one mail that was sent twice."""

    id: UUID
    recipient: str
    subject: str
    text: str


class Mailer(Protocol):
    """Sends mail."""

    async def send(self, mail: Mail) -> None:
        """Return when the mail server has accepted the mail, within 30 s.

        Raises:
            MailServerUnavailable: the server is out of reach, or accepts no mail of this service.
                It may have accepted this one before the connection broke.
            MailRejected: the server refuses this mail or its recipient.
        """
