from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.order.attributes import parse_attributes
from tests.unit.domain.orders import refusal

#: The size of `{"a":""}` in bytes, which is a single member without its value.
AROUND = 8


@given(
    st.dictionaries(
        st.text("abc\u00e9", min_size=1, max_size=8),
        st.text("x\u00e9\U0001f375", max_size=9)
        | st.booleans()
        | st.integers(-(10**20), 10**20)
        | st.decimals(-1000, 1000, places=3),
        max_size=4,
    )
)
def test_a_flat_object_is_kept_unchanged(value: dict[str, object]) -> None:
    assert parse_attributes(value) == value


def test_falsy_values_are_kept() -> None:
    value = {"text": "", "number": 0, "flag": False, "decimal": Decimal("0.0")}
    assert parse_attributes(value) == value


def test_20_members_are_accepted_and_21_are_refused() -> None:
    members = {str(number): number for number in range(20)}
    assert parse_attributes(members) == members
    assert refusal(parse_attributes, {**members, "20": 20}).code == "wrong-length"


@pytest.mark.parametrize("character", ["x", "\u00e9", "\u540d", "\U0001f375"])
def test_2_kib_of_json_are_accepted_and_one_more_byte_is_refused(character: str) -> None:
    width = len(character.encode())
    text = character * ((2048 - AROUND) // width)
    padding = "x" * (2048 - AROUND - len(text.encode()))
    assert parse_attributes({"a": text + padding})
    assert refusal(parse_attributes, {"a": text + padding + "x"}).code == "too-large"


def test_many_small_members_are_measured_together() -> None:
    assert refusal(parse_attributes, {str(n): "x" * 100 for n in range(20)}).code == "too-large"


def test_the_value_of_one_member_is_bounded_too() -> None:
    assert refusal(parse_attributes, {"a": "x" * 2049}).code == "wrong-length"


@pytest.mark.parametrize("value", [None, [], "text", 5, True, [("a", 1)]])
def test_attributes_that_are_not_an_object_are_refused(value: object) -> None:
    assert refusal(parse_attributes, value).code == "wrong-type"


@pytest.mark.parametrize(
    ("value", "code"),
    [(each, "wrong-type") for each in (None, {}, {"b": 1}, [], [1], b"x", 1.5, float("inf"))]
    + [(Decimal(each), "out-of-range") for each in ("NaN", "sNaN", "Infinity", "-Infinity")]
    + [(Decimal(each), "out-of-range") for each in ("1e308", "-1e308", "1e400", "-1e9999999")]
    + [(Decimal(each), "out-of-range") for each in ("1e-308", "1e-400", "-1e-9999999", "0e-20000")]
    + [(10**308, "out-of-range"), (-(10**400), "out-of-range"), ("a\0b", "nul-character")],
)
def test_an_error_names_the_member_of_the_bad_value(value: object, code: str) -> None:
    error = refusal(parse_attributes, {"good": 1, "bad": value})
    assert (error.path, error.code) == (("bad",), code)


@pytest.mark.parametrize("number", ["9e307", "-9e307", "1e-307", "0e307", "0." + "1" * 2000])
def test_a_number_that_a_double_can_hold_is_kept_with_all_its_digits(number: str) -> None:
    read = parse_attributes({"a": Decimal(number)})
    assert str(read["a"]) == str(Decimal(number))


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "wrong-length"), ("x" * 65, "wrong-length"), ("a\0", "nul-character"), (5, "wrong-type")],
)
def test_the_name_of_a_member_is_a_string_of_1_to_64_characters(name: object, code: str) -> None:
    assert refusal(parse_attributes, {name: 1}).code == code
    assert parse_attributes({"\u00e9" * 64: 1})
