"""A mailer that doesn't send anything."""

from application.ports.mail import Mail


class MemoryMailer:
    """A `Mailer` that adds all mails to `sent`."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        """Accept the mail."""
        self.sent.append(mail)
