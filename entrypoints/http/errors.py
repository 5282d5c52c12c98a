"""The errors of the HTTP layer. Each of them has a row in the problem catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.errors import FieldError, Invalid, OrderServiceError
from libraries.http_server.refusals import Refusal


class NoSuchRoute(OrderServiceError):
    """No route has the request's path."""

    def __init__(self) -> None:
        super().__init__("There is nothing at this address. See /docs for a list of all routes.")


class MethodNotAllowed(OrderServiceError):
    """The path does not support the request's method. `allowed` is the `Allow` header."""

    def __init__(self, allowed: str = "") -> None:
        self.allowed = allowed
        super().__init__()


class MalformedBody(OrderServiceError):
    """The body is not well-formed."""


class RepeatedHeader(OrderServiceError):
    """A header that is not a list is repeated."""

    def __init__(self, name: str = "Content-Type") -> None:
        super().__init__(f"{name} must not be repeated.")


class IdempotencyKeyMissing(OrderServiceError):
    """The request needs an idempotency key."""


class BadIdempotencyKey(Invalid):
    """The idempotency key is ill-formed."""


class PreflightRefused(OrderServiceError):
    """CORS does not allow the request that a preflight announces."""


class BodyTooLarge(OrderServiceError):
    """The body is larger than the service accepts."""


class UnsupportedContentType(OrderServiceError):
    """The route does not accept the body's content type."""


class UnsupportedContentCoding(OrderServiceError):
    """The body is compressed, or has another content coding (RFC 9110, section 8.4)."""


class MalformedRequest(OrderServiceError):
    """The request is malformed or incomplete."""


class RequestTimeout(OrderServiceError):
    """The request did not arrive in time."""


class RequestHeadTooLarge(OrderServiceError):
    """The request's head is larger than the service accepts."""


class NotImplementedHere(OrderServiceError):
    """The request needs an HTTP feature that the service does not implement."""


class UnsupportedHttpVersion(OrderServiceError):
    """The service does not implement the request's HTTP version."""


class NotAlive(OrderServiceError):
    """A loop of this process has stopped, or is not making progress."""

    #: Seconds to wait before retrying.
    retry_after = 1


class Overloaded(OrderServiceError):
    """The process has too many requests in flight. The request was not started."""

    #: Seconds to wait before retrying.
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("Too many requests are in flight. Nothing was changed.")


class InternalError(OrderServiceError):
    """The service has a bug. The request may be correct."""


class InvalidTokenRequest(Invalid):
    """A form for a token has invalid values."""


class PasswordGrantClosed(InvalidTokenRequest):
    """The service does not issue tokens for passwords."""

    def __init__(self) -> None:
        detail = "This service does not issue tokens for passwords (PASSWORD_GRANT=off)."
        super().__init__([ParameterError(("grant_type",), "closed-grant-type", detail)])


class RepeatedParameter(Invalid):
    """A form repeats a parameter."""


@dataclass(frozen=True, slots=True)
class ParameterError(FieldError):
    """An error in a parameter of the path, the query or a form."""


@dataclass(frozen=True, slots=True)
class HeaderError(FieldError):
    """An error in a header."""


#: The HTTP server's errors by status.
SERVER_ERRORS: Final[Mapping[int, type[OrderServiceError]]] = {
    400: MalformedRequest,
    408: RequestTimeout,
    431: RequestHeadTooLarge,
    501: NotImplementedHere,
    505: UnsupportedHttpVersion,
}


def server_error(refusal: Refusal) -> OrderServiceError:
    """Return the error for a request that the HTTP server has refused."""
    kind = SERVER_ERRORS.get(refusal.status)
    return kind(refusal.detail) if kind else InternalError()


def disconnect_error(message: Mapping[str, Any]) -> OrderServiceError:
    """Return the reason for an `http.disconnect` in the middle of a body.

    Our own server puts a refusal into the message. Other servers don't provide a reason.
    """
    refusal: Refusal | None = message.get("refusal")
    return server_error(refusal) if refusal else MalformedBody("The body is incomplete.")
