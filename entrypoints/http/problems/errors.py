"""Refusals that only HTTP knows."""

from dataclasses import dataclass

from domain.errors import FieldError, Invalid, OrderServiceError


class NoSuchRoute(OrderServiceError):
    """There is nothing at this address."""

    code = "not-found"

    def __init__(self) -> None:
        super().__init__("There is nothing at this address; /docs shows all that there is.")


class MethodNotAllowed(OrderServiceError):
    """This address does not know the method."""

    code = "method-not-allowed"


class MalformedBody(OrderServiceError):
    """The body is not well-formed."""

    code = "malformed-json"


class RepeatedHeader(OrderServiceError):
    """A header that may be given once was given several times."""

    code = "repeated-header"

    def __init__(self, name: str = "Content-Type") -> None:
        super().__init__(f"{name} must be given once.")


class PreflightRefused(OrderServiceError):
    """This origin may not send the request that its browser announced."""

    code = "preflight-refused"


class BodyTooLarge(OrderServiceError):
    """The body is larger than the service accepts."""

    code = "body-too-large"


class UnsupportedContentType(OrderServiceError):
    """The body's content type is not the one that this address reads."""

    code = "unsupported-content-type"


class UnsupportedContentCoding(OrderServiceError):
    """The body is compressed, or coded otherwise (RFC 9110, section 8.4)."""

    code = "unsupported-content-encoding"


class MalformedRequest(OrderServiceError):
    """The bytes are no HTTP request, or one that breaks off."""

    code = "malformed-request"


class RequestTimeout(OrderServiceError):
    """The head or the body of the request did not arrive in time."""

    code = "request-timeout"


class RequestHeadTooLarge(OrderServiceError):
    """The head of the request is larger than the service accepts."""

    code = "request-head-too-large"


class NotImplementedHere(OrderServiceError):
    """The request needs a feature of HTTP that the service does not have."""

    code = "not-implemented"


class UnsupportedHttpVersion(OrderServiceError):
    """The request is of a version of HTTP that the service does not speak."""

    code = "http-version-not-supported"


class NotAlive(OrderServiceError):
    """A loop of this process has stopped, or makes no progress."""

    code = "not-alive"

    #: Seconds after which looking again makes sense.
    retry_after = 1


class InternalError(OrderServiceError):
    """Something is wrong with the service, not with the request."""

    code = "internal-error"


class InvalidTokenRequest(Invalid):
    """The form does not say what the token is to be made for."""

    code = "invalid-request"


class RepeatedParameter(Invalid):
    """A parameter of the form is given more than once."""

    code = "repeated-parameter"


@dataclass(frozen=True, slots=True)
class ParameterError(FieldError):
    """What is wrong with a parameter of the path, the query or the form."""


@dataclass(frozen=True, slots=True)
class HeaderError(FieldError):
    """What is wrong with a header."""
