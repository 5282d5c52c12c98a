import pytest

from domain.errors import FieldError, Invalid, TotalMismatch
from domain.validation import ValidationErrors


def refuse(*_: object) -> object:
    raise Invalid([FieldError(("deep",), "one", "First."), FieldError((), "two", "Second.")])


def test_nothing_noted_is_nothing_refused() -> None:
    faults = ValidationErrors()
    assert faults.parse(str, 1, "fine") == "1"
    assert faults.optional(refuse, None, "left out") is None
    assert faults.collect(max, 1, 2) == 2
    assert faults.require("fine") == "fine"
    faults.raise_if_any()


def test_everything_noted_is_refused_at_once_and_in_order() -> None:
    faults = ValidationErrors()
    assert faults.parse(refuse, 1, "items", 0) is None
    assert faults.optional(refuse, 1, "reference") is None
    faults.add("three", "Third.", "total")
    faults.extend([FieldError(("four",), "four", "Fourth.")])
    assert faults.collect(refuse, 1, 2) is None
    with pytest.raises(Invalid) as refused:
        faults.raise_if_any()
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


def test_the_first_fault_of_a_value_counts() -> None:
    faults = ValidationErrors()
    faults.add("first", "First.", "email")
    faults.add("second", "Second.", "email")
    with pytest.raises(Invalid, match=r"^`email`: first\.$"):
        faults.raise_if_any()


def test_a_wrong_total_keeps_its_name_only_where_nothing_else_is_wrong() -> None:
    faults = ValidationErrors()
    faults.add(TotalMismatch.code, "Does not add up.", "total_price")
    with pytest.raises(TotalMismatch):
        faults.raise_if_any()
    faults.add("other", "Other.", "reference")
    with pytest.raises(Invalid) as refused:
        faults.raise_if_any()
    assert type(refused.value) is Invalid


def test_no_value_is_sound_while_another_has_a_fault() -> None:
    faults = ValidationErrors()
    faults.add("code", "Detail.", "elsewhere")
    with pytest.raises(Invalid):
        faults.require("fine")


def test_a_reader_that_returns_nothing_is_a_bug_and_no_fault_of_the_input() -> None:
    with pytest.raises(ValueError, match="returned nothing"):
        ValidationErrors().require(None)
    with pytest.raises(ZeroDivisionError):
        ValidationErrors().parse(lambda _: 1 // 0, 1, "here")


def test_a_field_and_a_parameter_of_one_name_may_both_have_a_fault() -> None:
    class OfAnotherPlace(FieldError):
        pass

    faults = ValidationErrors()
    faults.add("first", "First.", "status")
    faults.extend([OfAnotherPlace(("status",), "second", "Second.")])
    assert faults.count == 2
