"""Look up errors in the problem catalogue."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from domain.errors import OrderServiceError
from entrypoints.http.errors import InvalidTokenRequest, PasswordGrantClosed
from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.problems.row import ProblemRow

#: Rows by code.
ROW_BY_CODE: Final[Mapping[str, ProblemRow]] = {row.code: row for row in CATALOGUE}

#: Errors that share their code and their page with a more general error.
_VARIANTS: Final = (
    replace(
        ROW_BY_CODE["invalid-request"],
        error=InvalidTokenRequest,
        title="The form is not a valid token request",
        oauth_error="invalid_request",
    ),
    replace(
        ROW_BY_CODE["invalid-request"],
        error=PasswordGrantClosed,
        title="The service does not issue tokens for passwords",
        oauth_error="unsupported_grant_type",
    ),
)
_ROW_BY_ERROR: Final[Mapping[type, ProblemRow]] = {
    row.error: row for row in (*CATALOGUE, *_VARIANTS)
}


def find_row(error: Exception) -> ProblemRow | None:
    """Return the row for the error's class, or for its closest base class with a row, or None."""
    rows = (_ROW_BY_ERROR.get(kind) for kind in type(error).__mro__)
    return next((row for row in rows if row), None)


def row_of(error: OrderServiceError) -> ProblemRow:
    """Return the row for the error's class, or for its closest base class with a row.

    Raises:
        LookupError: there isn't any. A test makes sure that all classes have rows.
    """
    row = find_row(error)
    if row is None:
        raise LookupError(f"{type(error).__name__} has no row in the problem catalogue")
    return row
