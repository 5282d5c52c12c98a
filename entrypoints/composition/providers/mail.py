"""The adapter that sends mail."""

from dishka import Provider, Scope, provide

from adapters.smtp.mailer import SmtpMailer
from adapters.smtp.server import parse_server
from application.ports.mail import Mailer
from application.ports.system import Clock
from entrypoints.settings import BadSettings, Settings


class MailProvider(Provider):
    """Mail over SMTP."""

    scope = Scope.APP

    @provide
    def mailer(self, settings: Settings, clock: Clock) -> Mailer:
        """The mail server's client.

        Raises:
            BadSettings: `SMTP_URL` is not set.
        """
        if settings.smtp_url is None or settings.smtp_from is None:
            raise BadSettings({"SMTP_URL": "must be set to send mail"})
        return SmtpMailer(parse_server(settings.smtp_url), settings.smtp_from, clock)
