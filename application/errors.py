"""Errors outside the domain: authentication, rate limits and unreachable servers."""

from typing import ClassVar, Final

from domain.errors import OrderServiceError
from domain.scope import Scope


class InvalidCredentials(OrderServiceError):
    """The e-mail address or password is wrong."""


class InvalidRefreshToken(OrderServiceError):
    """The refresh token is not valid, or no longer valid."""


class InvalidClient(OrderServiceError):
    """The client id or the client secret is wrong."""


class InvalidScope(OrderServiceError):
    """The client does not have the requested scope."""


class NotAuthenticated(OrderServiceError):
    """The access token is not valid."""


class TokenMissing(NotAuthenticated):
    """The request needs an access token."""


class TokenExpired(NotAuthenticated):
    """The access token has expired."""


class InsufficientScope(OrderServiceError):
    """The access token does not have the scope for this request."""

    def __init__(self, scope: Scope | None = None) -> None:
        self.scope = scope
        super().__init__(
            f"The access token needs the scope {scope}."
            if scope
            else "This route is for accounts, and the access token belongs to a machine client."
        )


class StaffOnly(OrderServiceError):
    """Only staff may make this request."""


class WrongPassword(OrderServiceError):
    """The account has another password."""


class SessionNotFound(OrderServiceError):
    """The session does not exist, or has ended."""


class IdempotencyKeyReused(OrderServiceError):
    """The idempotency key belongs to a different order."""


class IdempotencyInProgress(OrderServiceError):
    """Another request with this idempotency key is still running."""

    #: Seconds to wait before a retry makes sense.
    retry_after = 1


class NotYourOrders(OrderServiceError):
    """Only staff may list the orders of other users."""


class NoSuchAccount(OrderServiceError):
    """There is no account with this address."""


class AccountClosed(OrderServiceError):
    """The account was closed by its user, and its personal data is erased."""


class NoSuchClient(OrderServiceError):
    """There is no machine client with this id or name."""


class RateLimited(OrderServiceError):
    """Too many requests."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"Try again in {retry_after} s.")


#: The message of `Unavailable` if the change was not sent or has been rolled back.
NOTHING_CHANGED: Final = "The service is temporarily unavailable; nothing was changed."
#: The message of `Unavailable` if the change was sent but a response never arrived.
OUTCOME_UNKNOWN: Final = (
    "The change may or may not have been made. Check for it, or repeat the request with the same"
    " reference or idempotency key."
)


class Unavailable(OrderServiceError):
    """The service is temporarily unavailable."""

    #: Seconds to wait before a retry makes sense.
    retry_after = 1
    #: The unreachable server, as it appears in the log.
    server: ClassVar[str] = "the database"


class IssuerUnavailable(Unavailable):
    """The outside issuer's keys are not available, so its tokens cannot be checked."""

    server = ""  # its client logs the outage itself

    def __init__(self) -> None:
        super().__init__("The issuer of the access token is unreachable. Nothing was changed.")


class QueueUnavailable(Unavailable):
    """The task queue is unreachable or full."""

    server = "the task queue"


class MailServerUnavailable(Unavailable):
    """The mail server is unreachable, or does not accept mail from this service."""

    server = "the mail server"


class MailRejected(Exception):
    """The mail server rejected a mail or its recipient."""


class TooManyPasswords(Unavailable):
    """Too many passwords are waiting to be hashed. Nothing was changed."""

    server = ""  # an overload is not an outage


class ConcurrentUpdate(Unavailable):
    """Another change came first; nothing was changed."""

    server = ""  # losing a race is not an outage


class BrokerUnavailable(Exception):
    """The message broker is not responding. Callers of the API never see this error."""

    server: ClassVar[str] = "the message broker"


class ProcessingFailed(Exception):
    """Processing an order has failed, which counts as an attempt. `__cause__` is the error."""
