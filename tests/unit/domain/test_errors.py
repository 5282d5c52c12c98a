import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

import pytest

import domain
from domain.errors import FieldError, IllegalTransition, Invalid, OrderServiceError, VersionConflict
from domain.order.status import OrderStatus

for module in iter_modules(domain.__path__, "domain."):
    import_module(module.name)


def refusals_below(base: type[OrderServiceError]) -> Iterator[type[OrderServiceError]]:
    for refusal in base.__subclasses__():
        if refusal.__module__.startswith("domain."):
            yield refusal
        yield from refusals_below(refusal)


REFUSALS: Final = list(refusals_below(OrderServiceError))


@pytest.mark.parametrize("refusal", REFUSALS)
def test_every_refusal_has_a_code_in_kebab_case_and_a_title(
    refusal: type[OrderServiceError],
) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", refusal.code)
    assert re.fullmatch(r"[A-Z].*[^.\s]", refusal.title())


def test_no_two_refusals_share_a_code_or_a_title() -> None:
    assert len({refusal.code for refusal in REFUSALS}) == len(REFUSALS)
    assert len({refusal.title() for refusal in REFUSALS}) == len(REFUSALS)


def test_the_title_is_the_first_line_of_the_docstring_without_its_full_stop() -> None:
    assert Invalid.title() == "The request is well-formed, but what it says is not valid"
    assert OrderServiceError.title().endswith("always safe to show to the caller")


def test_an_invalid_input_says_all_that_is_wrong_with_it() -> None:
    invalid = Invalid([FieldError(("a",), "one", "First."), FieldError(("b",), "two", "Second.")])
    assert str(invalid) == "`a`: first. `b`: second."
    assert [error.path for error in invalid.errors] == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FieldError(("status",), "x", "Must be given."), "`status`: must be given."),
        (
            FieldError(("items", 0, "name"), "x", "Must be given."),
            "`/items/0/name`: must be given.",
        ),
        (FieldError(("price",), "x", "USD has 2 digits."), "`price`: USD has 2 digits."),
        (FieldError(("username",), "x", "A space."), "`username`: a space."),
        (FieldError((), "x", "Must be an object."), "Must be an object."),
        (FieldError(("x" * 1000,), "x", "No."), f"`{'x' * 64}\u2026`: no."),
    ],
)
def test_a_sentence_names_the_value_that_is_wrong(error: FieldError, sentence: str) -> None:
    assert str(Invalid([error])) == sentence


def test_a_sentence_about_many_faults_names_ten_and_counts_the_rest() -> None:
    sentence = str(Invalid(FieldError((f"f{number}",), "x", "No.") for number in range(12)))
    assert sentence.endswith("`f9`: no. And 2 more: see `errors`.")


def test_a_fault_can_be_seen_from_the_document_around_it() -> None:
    error = FieldError(("price",), "code", "Detail.")
    assert error.under("items", 0) == FieldError(("items", 0, "price"), "code", "Detail.")


@pytest.mark.parametrize(
    ("status", "wanted", "next_is"),
    [
        (OrderStatus.PENDING, OrderStatus.SHIPPED, "PAID or CANCELED"),
        (OrderStatus.CANCELED, OrderStatus.PAID, "nothing: it is final"),
    ],
)
def test_an_illegal_step_is_told_what_would_be_legal(
    status: OrderStatus, wanted: OrderStatus, next_is: str
) -> None:
    refusal = IllegalTransition(status, wanted, status.next)
    assert str(refusal) == f"An order that is {status} cannot become {wanted}; next is {next_is}."
    assert (refusal.current, refusal.allowed) == (status, status.next)


def test_a_version_conflict_says_where_the_order_is() -> None:
    assert "version 7" in str(VersionConflict(7))
