"""Duplicate keys in JSON objects, in all spellings and at all depths."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import FieldError, Invalid
from entrypoints.http.messages.body import ParsedBody, parse_json
from entrypoints.http.messages.duplicate_keys import duplicate_keys, may_have_duplicate_keys
from entrypoints.http.messages.schemas import NewOrder, StatusChange


def errors_of(parsed: ParsedBody[Any]) -> tuple[FieldError, ...]:
    try:
        parsed.errors.raise_if_any()
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
def test_a_duplicate_key_is_an_error(raw: bytes, path: tuple[str | int, ...]) -> None:
    errors = errors_of(parse_json(raw, NewOrder))
    assert [(error.path, error.code) for error in errors] == [(path, "repeated-field")]


@pytest.mark.parametrize(
    "raw",
    [
        order(),
        order('{"name": "tea"}, {"name": "tea"}'),
        order('{"name": "items", "attributes": {"name": "items", "items": "name"}}'),
        order('{"name": "\\u0022total_price\\u0022: {"}'),
    ],
)
def test_a_key_may_be_in_several_objects(raw: bytes) -> None:
    assert errors_of(parse_json(raw, NewOrder)) == ()


def test_a_duplicate_key_is_found_in_a_body_without_lists() -> None:
    raw = b'{"status": "PAID", "status": "CANCELED"}'
    assert [each.path for each in errors_of(parse_json(raw, StatusChange))] == [("status",)]


def written(value: object) -> bytes:
    """Return JSON in which an object is a list of pairs, whose names can be repeated."""
    if isinstance(value, tuple):
        return b"{%b}" % b",".join(b'"%b":%b' % (name, written(each)) for name, each in value)
    if isinstance(value, list):
        return b"[%b]" % b",".join(map(written, value))
    return msgspec.json.encode(value)


NAMES = st.sampled_from([b"a", b"b", b"{", b"}", b":", "é".encode()])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
PAIRS = st.recursive(
    st.lists(st.tuples(NAMES, SCALARS), max_size=3).map(tuple),
    lambda objects: st.lists(
        st.tuples(NAMES, SCALARS | objects | st.lists(SCALARS | objects, max_size=3)), max_size=3
    ).map(tuple),
)


@given(PAIRS)
def test_no_duplicate_key_is_missed(pairs: object) -> None:
    raw = written(pairs)
    assert may_have_duplicate_keys(raw) or not duplicate_keys(raw)


def test_a_usual_body_is_not_parsed_twice() -> None:
    assert not may_have_duplicate_keys(order('{"name": "tea", "price": 1.50, "quantity": 1}'))
