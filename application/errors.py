"""Refusals that are no rule of the domain: who you are, how often you ask, what is out of reach."""

from typing import ClassVar, Final

from domain.errors import OrderServiceError


class InvalidCredentials(OrderServiceError):
    """The address or the password is wrong."""


class NotAuthenticated(OrderServiceError):
    """The access token is not valid."""


class TokenMissing(NotAuthenticated):
    """The request needs an access token."""


class TokenExpired(NotAuthenticated):
    """The access token has expired."""


class NotYourOrders(OrderServiceError):
    """Other people's orders are for staff alone."""


class NoSuchAccount(OrderServiceError):
    """There is no account with this address."""


class RateLimited(OrderServiceError):
    """You have asked too often."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"Try again in {retry_after} s.")


#: What `Unavailable` says of a change that had not left the process, or was rolled back.
NOTHING_CHANGED: Final = "The service cannot answer just now; nothing was changed."
#: What it says of a change that was sent and not answered.
OUTCOME_UNKNOWN: Final = (
    "It may or may not have been done. Look for it, or repeat the request with the same reference."
)


class Unavailable(OrderServiceError):
    """The service cannot answer just now."""

    #: Seconds after which trying again makes sense.
    retry_after = 1
    #: The server that is out of reach, in the words of a log.
    server: ClassVar[str] = "the database"


class QueueUnavailable(Unavailable):
    """The task queue is out of reach, or full."""

    server = "the task queue"


class MailServerUnavailable(Unavailable):
    """The mail server is out of reach, or accepts no mail of this service."""

    server = "the mail server"


class MailRejected(Exception):
    """The mail server refuses a mail or its recipient."""


class ConcurrentUpdate(Unavailable):
    """Another change came first; nothing was changed."""

    server = ""  # a lost race is no outage


class BrokerUnavailable(Exception):
    """The message broker does not answer; no caller of the service ever hears of it."""

    server: ClassVar[str] = "the message broker"


class ProcessingFailed(Exception):
    """The order's own processing failed, by the error that caused this one: it counts."""
