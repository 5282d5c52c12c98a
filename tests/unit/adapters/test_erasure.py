import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.serialisation.erasure import JsonPersonalDataEraser
from domain.ids import UserId
from domain.order.lines import OrderLine, OrderLines
from domain.order.order import Order
from domain.order.status import OrderStatus
from tests.support.orders import RENDERER, a_placed_order, a_user_id, owner_of, rendered_write, usd
from tests.support.time import NOW

ERASER = JsonPersonalDataEraser()
ADA, BOB = a_user_id(), a_user_id()


def an_order(attributes: bool = True) -> Order:  # noqa: FBT001, FBT002 - a test's own helper
    gift: dict[str, str | int] = {"message": "for you", "gift": True, "size": 4}
    lines = OrderLines(
        (OrderLine("tea", "Tea", 2, usd("9.90"), gift if attributes else {}),), usd("19.80")
    )
    reference = "web-1" if attributes else None
    return a_placed_order(ADA, reference=reference, lines=lines).order


def test_items_lose_their_attributes_and_nothing_else() -> None:
    record, bare = (RENDERER.record(an_order(attributes=each)) for each in (True, False))
    assert ERASER.items(record.items) == bare.items
    assert ERASER.items(bare.items) == bare.items


@pytest.mark.parametrize("author", [ADA, BOB])
def test_an_event_without_personal_data_is_like_one_that_never_had_any(author: UserId) -> None:
    order = an_order()
    by = owner_of(order)
    change = order.move_to(OrderStatus.PAID, by, "my card", NOW)
    payload = rendered_write(change).event.payload
    assert payload is not None
    erased = json.loads(ERASER.event(payload, author, is_owner=True))
    before = json.loads(payload)
    assert "reference" not in erased["order"]
    assert "attributes" not in erased["order"]["items"][0]
    assert erased["reason"] == (None if author == ADA else "my card")
    for message in (erased, before):
        message["order"].pop("reference", None)
        message["order"]["items"][0].pop("attributes", None)
        message["reason"] = None
    assert erased == before


def test_amounts_keep_their_digits() -> None:
    payload = rendered_write(a_placed_order(ADA)).event.payload
    assert payload is not None
    assert ERASER.event(payload, ADA, is_owner=True) == payload
    assert b'"total_price":9.00' in payload


def test_a_reason_in_the_order_of_another_is_removed_alone() -> None:
    order = an_order()
    change = order.move_to(OrderStatus.CANCELED, owner_of(order), "why", NOW)
    payload = rendered_write(change).event.payload
    assert payload is not None
    assert ERASER.event(payload, ADA, is_owner=False) == payload.replace(b'"why"', b"null")
    assert ERASER.event(payload, BOB, is_owner=False) == payload


@pytest.mark.parametrize("payload", [b"", b"no JSON", b"[1]", b'"text"', b"\xff", b"[" * 10_000])
def test_a_message_that_is_no_object_becomes_empty_if_it_is_the_persons(payload: bytes) -> None:
    assert ERASER.event(payload, ADA, is_owner=True) == b""
    assert ERASER.event(payload, ADA, is_owner=False) == payload


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["order", "items", "reference", "attributes", "actor", "reason", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["order", "items", "actor", "reason"]), _VALUES))
def test_any_object_is_erased_once(message: dict[str, object]) -> None:
    once = ERASER.event(json.dumps(message).encode(), UserId(uuid4()), is_owner=True)
    assert ERASER.event(once, ADA, is_owner=True) == once
