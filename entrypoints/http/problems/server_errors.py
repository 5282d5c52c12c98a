"""Refusals by the HTTP server, as errors of the problem catalogue."""

from collections.abc import Mapping
from typing import Any, Final

from domain.errors import OrderServiceError
from entrypoints.http.problems import errors
from entrypoints.http.problems.catalogue import CATALOGUE
from libraries.http_server.refusals import Refusal

_ERRORS: Final = (
    errors.MalformedRequest,
    errors.RequestTimeout,
    errors.RequestHeadTooLarge,
    errors.NotImplementedHere,
    errors.UnsupportedHttpVersion,
)
_ERROR_BY_STATUS: Final[Mapping[int, type[OrderServiceError]]] = {
    row.status: row.error for row in CATALOGUE if row.error in _ERRORS
}


def server_error(refusal: Refusal) -> OrderServiceError:
    """Return the error of a refusal by the server."""
    kind = _ERROR_BY_STATUS.get(refusal.status)
    return kind(refusal.detail) if kind else errors.InternalError()


def disconnect_error(message: Mapping[str, Any]) -> OrderServiceError:
    """Return the reason of an `http.disconnect` in the middle of a body.

    Our own server puts its refusal into the message; other servers give no reason.
    """
    refusal: Refusal | None = message.get("refusal")
    return server_error(refusal) if refusal else errors.MalformedBody("The body broke off.")
