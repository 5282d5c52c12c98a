"""Responses with a problem document (RFC 9457)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.connection import Request
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.types import ASGIApp, Receive, Scope, Send

from application.errors import Unavailable
from domain.errors import OrderServiceError
from entrypoints.http.errors import (
    InternalError,
    MalformedBody,
    MethodNotAllowed,
    NoSuchRoute,
    server_error,
)
from entrypoints.http.links import prefix_of, requested_path
from entrypoints.http.messages.request import values_of
from entrypoints.http.middleware import RequestMiddleware
from entrypoints.http.problems.documents import problem_of
from entrypoints.http.problems.lookup import find_row, row_of
from entrypoints.http.refused_access import note_refused_access
from entrypoints.http.responses.options import allow
from entrypoints.http.responses.raw_response import Header, RawResponse
from entrypoints.observability.log_secrets import keep_out_of_logs
from entrypoints.observability.logs import logger
from libraries.http_server.refusals import Refusal
from libraries.outages import reason_of

MEDIA_TYPE: Final = "application/problem+json"


def handle_exception(request: Request, exception: Exception) -> Response[bytes]:  # type: ignore[type-arg]  # any user, any state
    """Return the problem response for an exception, and log the exception if it is a bug."""
    error = _refusal_of(exception)
    if isinstance(error, InternalError):
        keep_out_of_logs(*_credentials(request.scope))
        logger.error("unhandled exception", exc_info=exception)
    if isinstance(error, Unavailable) and error.__cause__:
        request.scope["problem_cause"] = reason_of(error)  # type: ignore[typeddict-unknown-key]
    row = row_of(error)
    note_refused_access(request.scope, error, row.status, row.code)
    return Response(
        _body(request.scope, error),
        status_code=row.status,
        headers={"Cache-Control": "no-store", **row.headers(error, row.title)},
        media_type=MEDIA_TYPE,
    )


def problem_response(
    scope: Any, error: OrderServiceError, headers: Iterable[Header] = ()
) -> RawResponse:
    """Return the problem response for an error that did not occur in a route."""
    row = row_of(error)
    made = row.headers(error, row.title).items()
    return RawResponse(
        _body(scope, error),
        row.status,
        [
            (b"cache-control", b"no-store"),
            *((name.lower().encode(), value.encode()) for name, value in made),
            *headers,
        ],
        MEDIA_TYPE.encode(),
    )


def refusal_app(refusal: Refusal) -> ASGIApp:
    """Return an application that responds with the problem for a request the server refused."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        await problem_response(scope, server_error(refusal))(scope, receive, send)

    return RequestMiddleware(respond)


def _body(scope: Any, error: OrderServiceError) -> bytes:
    scope["problem_code"] = row_of(error).code  # for the request's log line
    return msgspec.json.encode(problem_of(error, requested_path(scope), prefix_of(scope)))


def _credentials(scope: Any) -> Iterator[str]:
    """Yield the credentials in the Authorization header (RFC 9110, section 11.4)."""
    for value in values_of(scope, b"authorization"):
        yield value.decode("latin-1").rpartition(" ")[2]


def _refusal_of(exception: Exception) -> OrderServiceError:
    match exception:
        case OrderServiceError() if find_row(exception):
            return exception
        case NotFoundException():
            return NoSuchRoute()
        case MethodNotAllowedException():
            return MethodNotAllowed(_allowed(exception))
        case HTTPException() if exception.status_code < 500:
            return MalformedBody(exception.detail)
        case _:
            return InternalError()


def _allowed(exception: MethodNotAllowedException) -> str:
    methods = (exception.headers or {}).get("allow", "").replace(" ", "").split(",")
    return allow(set(methods) - {""})
