"""Mail that stays in the process."""

from application.ports.mail import Mail


class MemoryMailer:
    """`Mailer` that keeps every mail in `sent`."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        """Accept the mail."""
        self.sent.append(mail)
