import pytest

from domain.errors import FieldError, Invalid, TotalMismatch
from domain.validation import MAX_ERRORS, ValidationErrors


def refuse(*_: object) -> object:
    raise Invalid([FieldError(("deep",), "one", "First."), FieldError((), "two", "Second.")])


def test_nothing_is_raised_without_an_error() -> None:
    errors = ValidationErrors()
    assert errors.parse(str, 1, "fine") == "1"
    assert errors.optional(refuse, None, "left out") is None
    assert errors.collect(max, 1, 2) == 2
    assert errors.require("fine") == "fine"
    errors.raise_if_any()


def test_all_errors_are_raised_together_in_their_order() -> None:
    errors = ValidationErrors()
    assert errors.parse(refuse, 1, "items", 0) is None
    assert errors.optional(refuse, 1, "reference") is None
    errors.add("three", "Third.", "total")
    errors.extend([FieldError(("four",), "four", "Fourth.")])
    assert errors.collect(refuse, 1, 2) is None
    with pytest.raises(Invalid) as refused:
        errors.raise_if_any()
    assert [(error.path, error.code) for error in refused.value.errors] == [
        (("items", 0, "deep"), "one"),
        (("items", 0), "two"),
        (("reference", "deep"), "one"),
        (("reference",), "two"),
        (("total",), "three"),
        (("four",), "four"),
        (("deep",), "one"),
        ((), "two"),
    ]


def test_only_the_first_error_of_a_value_is_reported() -> None:
    errors = ValidationErrors()
    errors.add("first", "First.", "email")
    errors.add("second", "Second.", "email")
    with pytest.raises(Invalid, match=r"^`email`: first\.$"):
        errors.raise_if_any()


def test_a_wrong_total_is_a_total_mismatch_only_if_nothing_else_is_wrong() -> None:
    errors = ValidationErrors()
    errors.add(TotalMismatch.code, "Does not add up.", "total_price")
    with pytest.raises(TotalMismatch):
        errors.raise_if_any()
    errors.add("other", "Other.", "reference")
    with pytest.raises(Invalid) as refused:
        errors.raise_if_any()
    assert type(refused.value) is Invalid


def test_no_value_is_returned_while_another_has_an_error() -> None:
    errors = ValidationErrors()
    errors.add("code", "Detail.", "elsewhere")
    with pytest.raises(Invalid):
        errors.require("fine")


def test_a_parser_that_returns_none_is_a_bug() -> None:
    with pytest.raises(ValueError, match="returned nothing"):
        ValidationErrors().require(None)
    with pytest.raises(ZeroDivisionError):
        ValidationErrors().parse(lambda _: 1 // 0, 1, "here")


def test_errors_of_a_field_and_a_parameter_with_the_same_name_are_both_reported() -> None:
    class OfAnotherPlace(FieldError):
        pass

    errors = ValidationErrors()
    errors.add("first", "First.", "status")
    errors.extend([OfAnotherPlace(("status",), "second", "Second.")])
    assert errors.count == 2


def test_the_number_of_errors_is_limited() -> None:
    errors = ValidationErrors()
    for number in range(MAX_ERRORS - 1):
        errors.add("x", "Must not be.", number)
    errors.extend(FieldError((number,), "x", "Must not be.") for number in range(MAX_ERRORS + 5))
    assert errors.count == MAX_ERRORS
    with pytest.raises(Invalid) as invalid:
        errors.raise_if_any()
    assert len(invalid.value.errors) == MAX_ERRORS
