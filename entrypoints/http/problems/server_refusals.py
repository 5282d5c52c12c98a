"""Refusals of the HTTP server, as problems like every other."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar.types import ASGIApp, Receive, Scope, Send

from domain.errors import OrderServiceError
from entrypoints.http.middleware import Edge
from entrypoints.http.problems.errors import (
    InternalError,
    MalformedBody,
    MalformedRequest,
    NotImplementedHere,
    RequestHeadTooLarge,
    RequestTimeout,
    UnsupportedHttpVersion,
)
from entrypoints.http.problems.responses import problem_answer
from libraries.http_server.refusals import Refusal

_ERROR_OF: Final[Mapping[int, Callable[[str], OrderServiceError]]] = {
    400: MalformedRequest,
    408: RequestTimeout,
    431: RequestHeadTooLarge,
    501: NotImplementedHere,
    505: UnsupportedHttpVersion,
}


def refused(refusal: Refusal) -> ASGIApp:
    """Return an application that answers with the problem of a refusal."""
    make = _ERROR_OF.get(refusal.status)
    error = make(refusal.detail) if make else InternalError()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await problem_answer(scope, error, ())(scope, receive, send)

    return Edge(answer)


def error_of(disconnect: Any) -> OrderServiceError:
    """Return why a body did not arrive, from an `http.disconnect`.

    Other servers than ours give no reason.
    """
    refusal: Refusal | None = disconnect.get("refusal")
    if refusal is None:
        return MalformedBody("The body broke off.")
    return _ERROR_OF[refusal.status](refusal.detail)
