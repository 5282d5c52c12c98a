"""Members that JSON names twice are found, however they are spelled and wherever they stand."""

from typing import Any

import pytest

from domain.errors import FieldError, Invalid
from entrypoints.http.messages.json_body import ParsedBody, decode
from entrypoints.http.messages.schemas import NewOrder, StatusChange


def found_in(draft: ParsedBody[Any]) -> tuple[FieldError, ...]:
    try:
        draft.faults.raise_if_any()
    except Invalid as invalid:
        return invalid.errors
    return ()


def order(items: str = '{"name": "tea"}', more: str = "") -> bytes:
    return b'{"items": [%s], "total_price": 1%s}' % (items.encode(), more.encode())


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (order(more=', "total_price": 2'), ("total_price",)),
        (order(more=', "total\\u005fprice": 2'), ("total_price",)),
        (order(more=', "items": []'), ("items",)),
        (order('{"name": "tea", "name": "milk"}'), ("items", 0, "name")),
        (order('{"name": "tea"}, {"name": 1, "name": "x"}'), ("items", 1, "name")),
        (order('{"name": "tea", "attributes": {"a": 1, "a": 2}}'), ("items", 0, "attributes", "a")),
        (
            order(
                '{"name": "tea"}, {"product_id": 1}, {"quantity": 1, "quantity": 2, "name": "x"}'
            ),
            ("items", 2, "quantity"),
        ),
    ],
)
def test_a_member_that_is_named_twice_is_a_fault(raw: bytes, path: tuple[str | int, ...]) -> None:
    faults = found_in(decode(raw, NewOrder))
    assert [(error.path, error.code) for error in faults] == [(path, "repeated-field")]


@pytest.mark.parametrize(
    "raw",
    [
        order(),
        order('{"name": "tea"}, {"name": "tea"}'),
        order('{"name": "items", "attributes": {"name": "items", "items": "name"}}'),
        order('{"name": "\\u0022total_price\\u0022: {"}'),
    ],
)
def test_what_is_named_once_in_each_object_is_fine(raw: bytes) -> None:
    assert found_in(decode(raw, NewOrder)) == ()


def test_a_body_without_lists_is_looked_at_too() -> None:
    raw = b'{"status": "PAID", "status": "CANCELED"}'
    assert [each.path for each in found_in(decode(raw, StatusChange))] == [("status",)]
