import pytest

from domain.errors import FieldError, IllegalTransition, Invalid, ReferenceTaken, VersionConflict
from domain.order.status import OrderStatus


def test_a_refusal_without_a_message_has_that_of_its_class() -> None:
    assert str(ReferenceTaken()) == "You already have an order with this reference."
    assert str(ReferenceTaken("Taken.")) == "Taken."


def test_an_invalid_input_names_every_error() -> None:
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
def test_the_detail_names_the_wrong_value(error: FieldError, sentence: str) -> None:
    assert str(Invalid([error])) == sentence


def test_the_detail_of_many_errors_names_ten_and_counts_the_rest() -> None:
    sentence = str(Invalid(FieldError((f"f{number}",), "x", "No.") for number in range(12)))
    assert sentence.endswith("`f9`: no. And 2 more: see `errors`.")


def test_an_error_can_be_moved_under_a_longer_path() -> None:
    error = FieldError(("price",), "code", "Detail.")
    assert error.under("items", 0) == FieldError(("items", 0, "price"), "code", "Detail.")


@pytest.mark.parametrize(
    ("status", "wanted", "next_is"),
    [
        (OrderStatus.PENDING, OrderStatus.SHIPPED, "can only become PAID or CANCELED"),
        (OrderStatus.CANCELED, OrderStatus.PAID, "is final"),
    ],
)
def test_an_illegal_step_names_the_legal_ones(
    status: OrderStatus, wanted: OrderStatus, next_is: str
) -> None:
    refusal = IllegalTransition(status, wanted, status.next)
    assert str(refusal) == f"A {status} order cannot become {wanted}. It {next_is}."
    assert (refusal.current, refusal.allowed) == (status, status.next)


def test_a_version_conflict_names_the_current_version() -> None:
    assert "version 7" in str(VersionConflict(7))
