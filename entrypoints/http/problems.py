"""Refusals as problem details (RFC 9457): the one table of statuses, and how each is written."""

from collections.abc import Iterator, Mapping
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
    ConcurrentUpdate,
    InvalidCredentials,
    NoSuchAccount,
    NotAuthenticated,
    NotYourOrders,
    RateLimited,
    Unavailable,
)
from domain.errors import (
    EmailTaken,
    Fault,
    IllegalTransition,
    Invalid,
    OrderNotFound,
    OrderServiceError,
    ReferenceTaken,
    StatusForbidden,
    TotalMismatch,
    VersionConflict,
)
from entrypoints.http.errors import (
    BodyTooLarge,
    HeaderFault,
    InternalError,
    InvalidTokenRequest,
    MalformedBody,
    MethodNotAllowed,
    NoSuchRoute,
    NotAlive,
    ParameterFault,
    UnsupportedContentType,
)
from entrypoints.http.options import allow
from entrypoints.http.request import asked_path
from entrypoints.http.shapes import Problem, ProblemFault
from entrypoints.log_secrets import keep_out_of_logs
from entrypoints.logs import logger

MEDIA_TYPE: Final = "application/problem+json"

STATUS_OF: Final[Mapping[type[OrderServiceError], int]] = {
    MalformedBody: 400,
    InvalidCredentials: 401,
    NotAuthenticated: 401,
    NotYourOrders: 403,
    StatusForbidden: 403,
    NoSuchAccount: 404,
    NoSuchRoute: 404,
    OrderNotFound: 404,
    MethodNotAllowed: 405,
    EmailTaken: 409,
    IllegalTransition: 409,
    ReferenceTaken: 409,
    VersionConflict: 412,
    BodyTooLarge: 413,
    UnsupportedContentType: 415,
    Invalid: 422,
    InvalidTokenRequest: 422,
    TotalMismatch: 422,
    RateLimited: 429,
    InternalError: 500,
    ConcurrentUpdate: 503,
    NotAlive: 503,
    Unavailable: 503,
}

#: RFC 6749, section 5.2: what OAuth clients read.
_OAUTH_ERROR: Final[Mapping[type[OrderServiceError], str]] = {
    InvalidCredentials: "invalid_grant",
    InvalidTokenRequest: "invalid_request",
}


def problem_of(error: OrderServiceError, path: str) -> Problem:
    """The problem that tells of `error`, which a request to `path` met."""
    kind = type(error)
    problem = Problem(
        type=f"/problems/{error.code}",
        title=error.title(),
        status=STATUS_OF[kind],
        detail=str(error),
        instance=path,
        code=error.code,
        error=_OAUTH_ERROR.get(kind),
    )
    if isinstance(error, Invalid):
        problem.errors = [_fault(fault) for fault in error.faults]
    if isinstance(error, IllegalTransition):
        problem.current_status = error.current
        problem.next_statuses = list(error.allowed)
    return problem


def _fault(fault: Fault) -> ProblemFault:
    described = ProblemFault(detail=fault.detail, code=fault.code)
    if isinstance(fault, ParameterFault):
        described.parameter = str(fault.path[0])
    elif isinstance(fault, HeaderFault):
        described.header = str(fault.path[0])
    else:
        described.pointer = "".join(f"/{_escaped(step)}" for step in fault.path)
    return described


def _escaped(step: str | int) -> str:
    """One step of a JSON pointer (RFC 6901, section 3)."""
    return str(step).replace("~", "~0").replace("/", "~1")


def _headers(error: OrderServiceError) -> dict[str, str]:
    match error:
        case NotAuthenticated() | InvalidCredentials():
            return {"WWW-Authenticate": "Bearer"}
        case RateLimited() | Unavailable() | NotAlive():
            return {"Retry-After": str(error.retry_after)}
        case _:
            return {}


def refuse(request: Request, error: Exception) -> Response[bytes]:  # type: ignore[type-arg]  # any user, any state
    """Answer a request with the problem that it met; what is no refusal is a bug, and logged."""
    refusal = _refusal(error)
    request.scope["problem_code"] = refusal.code  # type: ignore[typeddict-unknown-key]
    if isinstance(refusal, InternalError):
        keep_out_of_logs(*_credentials(request.scope))
        logger.error("unhandled exception", exc_info=error)
    headers = {"Cache-Control": "no-store"} | _headers(refusal)
    if isinstance(error, MethodNotAllowedException):
        headers["Allow"] = _allow(error)
    return Response(
        msgspec.json.encode(problem_of(refusal, asked_path(request.scope))),
        status_code=STATUS_OF[type(refusal)],
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def _credentials(scope: Any) -> Iterator[str]:
    """Return the credentials of the Authorization header (RFC 9110, section 11.4)."""
    for name, value in scope.get("headers", ()):
        if name == b"authorization":
            yield value.decode("latin-1").rpartition(" ")[2]


def _refusal(error: Exception) -> OrderServiceError:
    match error:
        case OrderServiceError() if type(error) in STATUS_OF:
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
