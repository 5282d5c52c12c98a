"""The rows of the problem catalogue. All problem responses are made from them."""

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest

import entrypoints.http.app  # noqa: F401 - defines all refusals
from application.errors import (
    IssuerUnavailable,
    MailServerUnavailable,
    QueueUnavailable,
    TooManyPasswords,
    Unavailable,
)
from domain.errors import OrderHidden, OrderServiceError
from entrypoints.http.errors import SERVER_ERRORS, InvalidTokenRequest, PasswordGrantClosed
from entrypoints.http.problems.catalogue import CATALOGUE
from entrypoints.http.problems.lookup import ROW_BY_CODE, find_row, row_of
from entrypoints.http.problems.row import ProblemRow

#: Kinds of `Unavailable` that routes never raise, and errors that look like a more general one.
WITHOUT_ROW = {
    *(QueueUnavailable, MailServerUnavailable, TooManyPasswords, OrderHidden),
    IssuerUnavailable,
}
#: Uses the row of `Invalid`, but with different titles.
VARIANTS = {InvalidTokenRequest, PasswordGrantClosed}


def kinds(error: type[OrderServiceError] = OrderServiceError) -> Iterator[type[OrderServiceError]]:
    """Yield all classes of refusals."""
    for kind in error.__subclasses__():
        if kind.__module__.partition(".")[0] != "tests":
            yield kind
            yield from kinds(kind)


def test_every_error_class_has_a_row_and_every_row_has_a_class() -> None:
    classes = {kind for kind in kinds() if kind not in WITHOUT_ROW}
    assert {row.error for row in CATALOGUE} | VARIANTS == classes


def test_no_class_and_no_code_has_two_rows() -> None:
    assert len({row.error for row in CATALOGUE}) == len(ROW_BY_CODE) == len(CATALOGUE)


def test_a_refusal_by_the_server_keeps_its_status() -> None:
    statuses = {row.error: row.status for row in CATALOGUE}
    assert {statuses[error]: error for error in SERVER_ERRORS.values()} == SERVER_ERRORS


def test_no_two_rows_have_the_same_title() -> None:
    assert len({row.title for row in CATALOGUE}) == len(CATALOGUE)


def test_rows_are_sorted_by_status() -> None:
    statuses = [row.status for row in CATALOGUE]
    assert statuses == sorted(statuses)


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.code)
def test_a_row_has_a_code_a_status_and_sentences(row: ProblemRow) -> None:
    assert re.fullmatch("[a-z]+(-[a-z]+)*", row.code)
    assert 400 <= HTTPStatus(row.status) <= 599
    assert re.fullmatch(r"[A-Z].*[^.\s]", row.title)
    assert row.meaning.endswith(".")
    assert row.remedy.endswith(".")


def test_a_subclass_without_a_row_has_that_of_its_base_class() -> None:
    assert row_of(QueueUnavailable()) is row_of(Unavailable())


def test_an_error_outside_the_catalogue_has_no_row() -> None:
    assert find_row(OrderServiceError()) is None
    with pytest.raises(LookupError, match="OrderServiceError"):
        row_of(OrderServiceError())
