import base64
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.security.cursors import SignedCursors
from adapters.security.keys import SigningKeys
from domain.errors import Invalid
from domain.ids import OrderId

OLD, NEW = b"o" * 32, b"n" * 32
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

cursors = SignedCursors(SigningKeys(OLD))


def assert_refused(text: object, by: SignedCursors = cursors) -> None:
    with pytest.raises(Invalid) as refusal:
        by.open(text)
    assert [error.code for error in refusal.value.errors] == ["bad-cursor"]


@given(st.uuids())
def test_a_cursor_opens_to_its_order(order_id: UUID) -> None:
    text = cursors.seal(OrderId(order_id))
    assert cursors.open(text) == order_id
    assert len(text) == 43
    assert set(text) <= set(BASE64URL)


@given(st.uuids(), st.integers(0, 42), st.sampled_from(BASE64URL))
def test_a_cursor_with_one_changed_character_is_refused(
    order_id: UUID, at: int, character: str
) -> None:
    text = cursors.seal(OrderId(order_id))
    changed = text[:at] + character + text[at + 1 :]
    if changed != text:
        assert_refused(changed)


def test_a_cursor_with_any_flipped_bit_is_refused() -> None:
    raw = base64.urlsafe_b64decode(f"{cursors.seal(OrderId(uuid4()))}=")
    for bit in range(8 * len(raw)):
        flipped = int.from_bytes(raw, "big") ^ 1 << bit
        text = base64.urlsafe_b64encode(flipped.to_bytes(len(raw), "big")).rstrip(b"=").decode()
        assert_refused(text)


def test_a_cursor_that_is_cut_or_extended_is_refused() -> None:
    text, other = cursors.seal(OrderId(uuid4())), cursors.seal(OrderId(uuid4()))
    for length in range(len(text)):
        assert_refused(text[:length])
        assert_refused(text[length:][: len(text) - length - 1])
    for changed in (text + "A", "A" + text, text + text, text[:22] + other[22:], text[::-1]):
        assert_refused(changed)


def test_a_second_spelling_of_the_same_bytes_is_refused() -> None:
    text = cursors.seal(OrderId(uuid4()))
    twins = [text[:-1] + last for last in BASE64URL if last != text[-1]]
    same_bytes = [
        twin
        for twin in twins
        if base64.urlsafe_b64decode(f"{twin}=") == base64.urlsafe_b64decode(f"{text}=")
    ]
    assert len(same_bytes) == 3
    for twin in [*same_bytes, f"{text}=", f" {text}", f"{text}\n", f"{text[:-1]}="]:
        assert_refused(twin)


@given(
    st.none()
    | st.text()
    | st.text(BASE64URL, min_size=43, max_size=43)
    | st.text(st.characters(max_codepoint=0x7F), min_size=43, max_size=43)
    | st.text(min_size=43, max_size=43)
    | st.binary()
    | st.integers()
)
def test_any_other_value_is_refused(text: object) -> None:
    assert_refused(text)


def test_a_lone_surrogate_is_refused() -> None:
    assert_refused("\ud800" * 43)


def test_a_cursor_is_valid_while_its_key_is_current_or_previous() -> None:
    order_id = OrderId(uuid4())
    text = cursors.seal(order_id)
    rotated = SignedCursors(SigningKeys(NEW, [OLD]))
    assert rotated.open(text) == order_id
    assert rotated.seal(order_id) != text
    assert_refused(text, SignedCursors(SigningKeys(NEW)))


def test_a_cursor_of_another_key_is_refused() -> None:
    assert_refused(SignedCursors(SigningKeys(NEW)).seal(OrderId(uuid4())))
