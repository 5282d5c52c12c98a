"""Every problem code has one entry: its page, `docs/errors.md` and its status come from it."""

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest

import entrypoints.http.app  # noqa: F401 - defines every refusal
from domain.errors import OrderServiceError
from entrypoints.http.problems.catalogue import CATALOGUE, ENTRY_OF, Entry


def kinds(error: type[OrderServiceError] = OrderServiceError) -> Iterator[type[OrderServiceError]]:
    """Every refusal that the code can raise."""
    for kind in error.__subclasses__():
        if kind.__module__.partition(".")[0] != "tests":
            yield kind
            yield from kinds(kind)


def test_every_code_has_an_entry_and_the_reverse() -> None:
    assert {kind.code for kind in kinds()} == set(ENTRY_OF)


def test_no_code_has_two_entries() -> None:
    assert len(ENTRY_OF) == len(CATALOGUE)


def test_entries_are_in_the_order_of_their_statuses() -> None:
    statuses = [entry.status for entry in CATALOGUE]
    assert statuses == sorted(statuses)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.code)
def test_an_entry_says_what_it_means_and_what_to_do(entry: Entry) -> None:
    assert re.fullmatch("[a-z]+(-[a-z]+)*", entry.code)
    assert 400 <= HTTPStatus(entry.status) <= 599
    assert entry.title
    assert entry.meaning.endswith(".")
    assert entry.remedy.endswith(".")
