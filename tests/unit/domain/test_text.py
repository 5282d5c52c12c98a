from collections.abc import Callable
from typing import Final

import pytest

from domain.account import parse_password
from domain.order.lines import parse_name, parse_product_id
from domain.order.order import parse_reason, parse_reference
from tests.unit.domain.orders import refusal

Reader = Callable[[object], str]

#: Every text that is stored unchanged, with its minimum and maximum length in characters.
TEXTS: Final = [
    pytest.param(parse_name, 1, 200, id="name"),
    pytest.param(parse_product_id, 1, 64, id="product_id"),
    pytest.param(parse_reference, 1, 64, id="reference"),
    pytest.param(parse_reason, 1, 500, id="reason"),
    pytest.param(parse_password, 8, 128, id="password"),
]


@pytest.mark.parametrize(("read", "least", "most"), TEXTS)
@pytest.mark.parametrize("character", ["a", " ", "\u00e9", "\u540d", "\U0001f375"])
def test_a_string_is_measured_in_characters_not_in_bytes(
    read: Reader, least: int, most: int, character: str
) -> None:
    for length in (least, most):
        assert read(character * length) == character * length
    for length in (least - 1, most + 1):
        assert refusal(read, character * length).code == "wrong-length"


@pytest.mark.parametrize(("read", "least", "most"), TEXTS)
@pytest.mark.parametrize("where", ["\0{}", "{}\0{}", "{}\0"])
def test_a_string_with_a_nul_character_is_refused(
    read: Reader, least: int, most: int, where: str
) -> None:
    text = where.format(*["a" * least] * 2)
    assert len(text) <= most
    assert refusal(read, text).code == "nul-character"


@pytest.mark.parametrize(("read", "least", "most"), TEXTS)
@pytest.mark.parametrize("half", ["\ud83c"])
def test_a_string_with_a_lone_surrogate_is_refused(
    read: Reader, least: int, most: int, half: str
) -> None:
    del most
    assert refusal(read, "a" * least + half).code == "lone-surrogate"


@pytest.mark.parametrize(("read", "least", "most"), TEXTS)
@pytest.mark.parametrize("value", [None, True, b"12345678", ["12345678"], {"a": 1}, 12345678.5])
def test_values_that_are_not_a_string_are_refused(
    read: Reader, least: int, most: int, value: object
) -> None:
    del least, most
    assert refusal(read, value).code == "wrong-type"


def test_a_wrong_length_names_the_limits_and_the_length() -> None:
    assert refusal(parse_reference, "").detail == "Must have 1 to 64 characters, but has 0."
