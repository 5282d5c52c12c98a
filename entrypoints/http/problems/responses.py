"""Refusals as problem details (RFC 9457): how each is written."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.connection import Request
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
)

from application.errors import (
    InvalidCredentials,
    NotAuthenticated,
    RateLimited,
    TokenMissing,
    Unavailable,
)
from domain.errors import (
    FieldError,
    IllegalTransition,
    Invalid,
    OrderServiceError,
)
from entrypoints.http.messages.headers import values_of
from entrypoints.http.messages.schemas import Problem, ProblemFault
from entrypoints.http.problems.catalogue import ENTRY_OF
from entrypoints.http.problems.errors import (
    HeaderError,
    InternalError,
    InvalidTokenRequest,
    MalformedBody,
    MethodNotAllowed,
    NoSuchRoute,
    NotAlive,
    ParameterError,
    RepeatedParameter,
    UnsupportedContentCoding,
    UnsupportedContentType,
)
from entrypoints.http.proxies.links import asked_for, prefix_of
from entrypoints.http.responses.options import allow
from entrypoints.http.responses.raw_response import Answer, Header
from entrypoints.observability.log_secrets import keep_out_of_logs
from entrypoints.observability.logs import logger

MEDIA_TYPE: Final = "application/problem+json"

#: RFC 6749, section 5.2: what OAuth clients read.
_OAUTH_ERROR: Final[Mapping[type[OrderServiceError], str]] = {
    InvalidCredentials: "invalid_grant",
    InvalidTokenRequest: "invalid_request",
    RepeatedParameter: "invalid_request",
}


def problem_of(error: OrderServiceError, path: str, prefix: str = "") -> Problem:
    """The problem that describes `error`, which a request to `path` met.

    `path` is a reference that `links` has written; `prefix` is the path prefix of such references.
    """
    kind = type(error)
    problem = Problem(
        type=f"{prefix}/problems/{error.code}",
        title=error.title(),
        status=ENTRY_OF[error.code].status,
        detail=str(error),
        instance=path,
        code=error.code,
        error=_OAUTH_ERROR.get(kind),
    )
    if isinstance(error, Invalid):
        problem.errors = [_fault(fault) for fault in error.errors]
    if isinstance(error, IllegalTransition):
        problem.current_status = error.current
        problem.next_statuses = list(error.allowed)
    return problem


def _fault(fault: FieldError) -> ProblemFault:
    described = ProblemFault(detail=fault.detail, code=fault.code)
    if isinstance(fault, ParameterError):
        described.parameter = str(fault.path[0])
    elif isinstance(fault, HeaderError):
        described.header = str(fault.path[0])
    else:
        described.pointer = "".join(f"/{_escaped(step)}" for step in fault.path)
    return described


def _escaped(step: str | int) -> str:
    """One step of a JSON pointer (RFC 6901, section 3)."""
    return str(step).replace("~", "~0").replace("/", "~1")


def _headers(error: OrderServiceError) -> dict[str, str]:
    match error:
        case TokenMissing() | InvalidCredentials():
            return {"WWW-Authenticate": "Bearer"}
        case NotAuthenticated():
            # RFC 6750, section 3.1: only a request that has a token has an error in it.
            described = f'error="invalid_token", error_description="{error.title()}"'
            return {"WWW-Authenticate": f"Bearer {described}"}
        case UnsupportedContentCoding() | UnsupportedContentType():
            return {"Accept-Encoding": "identity"}
        case RateLimited() | Unavailable() | NotAlive():
            return {"Retry-After": str(error.retry_after)}
        case _:
            return {}


def refuse(request: Request, error: Exception) -> Response[bytes]:  # type: ignore[type-arg]  # any user, any state
    """Answer a request with the problem that it met; what is no refusal is a bug, and logged."""
    refusal = _refusal(error)
    if isinstance(refusal, InternalError):
        keep_out_of_logs(*_credentials(request.scope))
        logger.error("unhandled exception", exc_info=error)
    headers = {"Cache-Control": "no-store"} | _headers(refusal)
    if isinstance(error, MethodNotAllowedException):
        headers["Allow"] = _allow(error)
    return Response(
        _body(request.scope, refusal),
        status_code=ENTRY_OF[refusal.code].status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def problem_answer(scope: Any, refusal: OrderServiceError, headers: Iterable[Header]) -> Answer:
    """Return a refusal's problem document for a layer that is outside of the routes."""
    return Answer(
        _body(scope, refusal),
        ENTRY_OF[refusal.code].status,
        [(b"cache-control", b"no-store"), *headers],
        MEDIA_TYPE.encode(),
    )


def _body(scope: Any, refusal: OrderServiceError) -> bytes:
    scope["problem_code"] = refusal.code  # for the log line of the request
    return msgspec.json.encode(problem_of(refusal, asked_for(scope), prefix_of(scope)))


def _credentials(scope: Any) -> Iterator[str]:
    """Return the credentials of the Authorization header (RFC 9110, section 11.4)."""
    for value in values_of(scope, b"authorization"):
        yield value.decode("latin-1").rpartition(" ")[2]


def _refusal(error: Exception) -> OrderServiceError:
    match error:
        case OrderServiceError() if error.code in ENTRY_OF:
            return error
        case NotFoundException():
            return NoSuchRoute()
        case MethodNotAllowedException():
            return MethodNotAllowed()
        case HTTPException() if error.status_code < 500:
            return MalformedBody(error.detail)
        case _:
            return InternalError()


def _allow(error: MethodNotAllowedException) -> str:
    methods = set((error.headers or {}).get("allow", "").replace(" ", "").split(",")) - {""}
    return allow(methods)
