"""Find the row of an error in the problem catalogue."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from domain.errors import OrderServiceError
from entrypoints.http.errors import InvalidTokenRequest
from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.problems.row import ProblemRow

#: The row of each code.
ROW_BY_CODE: Final[Mapping[str, ProblemRow]] = {row.code: row for row in CATALOGUE}

#: Errors that share the code and the page of a more general error.
_VARIANTS: Final = (
    replace(
        ROW_BY_CODE["invalid-request"],
        error=InvalidTokenRequest,
        title="The form is not a valid token request",
        oauth_error="invalid_request",
    ),
)
_ROW_BY_ERROR: Final[Mapping[type, ProblemRow]] = {
    row.error: row for row in (*CATALOGUE, *_VARIANTS)
}


def find_row(error: Exception) -> ProblemRow | None:
    """Return the row of the error's class, or of its nearest base class that has one, or None."""
    rows = (_ROW_BY_ERROR.get(kind) for kind in type(error).__mro__)
    return next((row for row in rows if row), None)


def row_of(error: OrderServiceError) -> ProblemRow:
    """Return the row of the error's class, or of its nearest base class that has one.

    Raises:
        LookupError: no row fits. A test compares the classes with the rows.
    """
    row = find_row(error)
    if row is None:
        raise LookupError(f"{type(error).__name__} has no row in the problem catalogue")
    return row
