import pytest

from domain.errors import Fault, Invalid, TotalMismatch
from domain.faults import Faults


def refuse(*_: object) -> object:
    raise Invalid([Fault(("deep",), "one", "First."), Fault((), "two", "Second.")])


def test_nothing_noted_is_nothing_refused() -> None:
    faults = Faults()
    assert faults.read(str, 1, "fine") == "1"
    assert faults.optional(refuse, None, "left out") is None
    assert faults.attempt(max, 1, 2) == 2
    assert faults.sound("fine") == "fine"
    faults.refuse()


def test_everything_noted_is_refused_at_once_and_in_order() -> None:
    faults = Faults()
    assert faults.read(refuse, 1, "items", 0) is None
    assert faults.optional(refuse, 1, "reference") is None
    faults.note("three", "Third.", "total")
    faults.include([Fault(("four",), "four", "Fourth.")])
    assert faults.attempt(refuse, 1, 2) is None
    with pytest.raises(Invalid) as refused:
        faults.refuse()
    assert [(fault.path, fault.code) for fault in refused.value.faults] == [
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
    faults = Faults()
    faults.note("first", "First.", "email")
    faults.note("second", "Second.", "email")
    with pytest.raises(Invalid, match=r"^`email`: first\.$"):
        faults.refuse()


def test_a_wrong_total_keeps_its_name_only_where_nothing_else_is_wrong() -> None:
    faults = Faults()
    faults.note(TotalMismatch.code, "Does not add up.", "total_price")
    with pytest.raises(TotalMismatch):
        faults.refuse()
    faults.note("other", "Other.", "reference")
    with pytest.raises(Invalid) as refused:
        faults.refuse()
    assert type(refused.value) is Invalid


def test_no_value_is_sound_while_another_has_a_fault() -> None:
    faults = Faults()
    faults.note("code", "Detail.", "elsewhere")
    with pytest.raises(Invalid):
        faults.sound("fine")


def test_a_reader_that_returns_nothing_is_a_bug_and_no_fault_of_the_input() -> None:
    with pytest.raises(ValueError, match="returned nothing"):
        Faults().sound(None)
    with pytest.raises(ZeroDivisionError):
        Faults().read(lambda _: 1 // 0, 1, "here")


def test_a_field_and_a_parameter_of_one_name_may_both_have_a_fault() -> None:
    class OfAnotherPlace(Fault):
        pass

    faults = Faults()
    faults.note("first", "First.", "status")
    faults.include([OfAnotherPlace(("status",), "second", "Second.")])
    assert faults.count == 2
