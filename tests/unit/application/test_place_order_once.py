import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.errors import IdempotencyKeyReused
from application.orders.change_status import ChangeStatusCommand
from application.orders.fingerprint import fingerprint
from application.orders.place_order import PlaceOrderCommand
from domain.actor import Actor, ActorKind
from domain.ids import UserId
from domain.order.lines import OrderLine, OrderLines
from domain.order.status import OrderStatus
from tests.support.orders import tea, usd
from tests.support.service import Service
from tests.support.storage_actions import an_owner, waiting


@pytest.fixture
async def owner(service: Service) -> UserId:
    return await an_owner(service.stored)


async def test_a_new_key_places_the_order_and_follows_up(service: Service, owner: UserId) -> None:
    placed = await service.create_once(PlaceOrderCommand(owner, tea(), "cart-1"), "key")
    assert not placed.is_replay
    assert await service.stored.reader.find(placed.id) == placed.document
    assert await service.cached(placed.id) == placed.document
    assert service.relay_was_notified


async def test_a_repeated_request_gets_the_first_response(service: Service, owner: UserId) -> None:
    command = PlaceOrderCommand(owner, tea(), "cart-1")
    first = await service.create_once(command, "key")
    await service.relay_wakeup.wait(0)
    again = await service.create_once(command, "key")
    assert again == replace(first, is_replay=True)
    assert len(await waiting(service.stored.outbox)) == 1
    assert not service.relay_was_notified


async def test_a_replay_does_not_bring_back_an_old_status(service: Service, owner: UserId) -> None:
    command = PlaceOrderCommand(owner, tea())
    first = await service.create_once(command, "key")
    actor = Actor(ActorKind.USER, owner)
    paid = await service.change(ChangeStatusCommand(first.id, OrderStatus.PAID, actor))
    assert (await service.create_once(command, "key")).document == first.document
    assert (await service.read(first.id, actor)).document == paid


@pytest.mark.parametrize("changes", [{"lines": tea(3)}, {"reference": "cart-2"}])
async def test_another_order_with_the_key_is_refused(
    service: Service, owner: UserId, changes: Mapping[str, Any]
) -> None:
    command = PlaceOrderCommand(owner, tea(), "cart-1")
    await service.create_once(command, "key")
    with pytest.raises(IdempotencyKeyReused):
        await service.create_once(replace(command, **changes), "key")


async def test_concurrent_requests_with_a_key_place_one_order(
    service: Service, owner: UserId
) -> None:
    command = PlaceOrderCommand(owner, tea())
    placed = await asyncio.gather(*(service.create_once(command, "key") for _ in range(20)))
    assert len({each.id for each in placed}) == 1
    assert sum(not each.is_replay for each in placed) == 1


def ordered(attributes: Mapping[str, Any]) -> bytes:
    return fingerprint(OrderLines((OrderLine("p", None, 1, None, attributes),), usd("1.00")), None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": Decimal("1.50")}, {"a": Decimal("1.5")}),
        ({"a": 10}, {"a": Decimal("1e1")}),
        ({"a": Decimal("-0.0")}, {"a": 0}),
    ],
)
def test_spellings_of_a_value_have_the_same_fingerprint(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> None:
    assert ordered(one) == ordered(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": -1}),
        ({"a": 10}, {"a": 1}),
        ({"a": Decimal("1." + "0" * 40 + "1")}, {"a": 1}),
        ({}, {"a": ""}),
    ],
)
def test_other_values_have_another_fingerprint(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> None:
    assert ordered(one) != ordered(other)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 60))
def test_zeros_at_the_end_of_a_number_do_not_matter(number: Decimal, zeros: int) -> None:
    sign, digits, exponent = number.as_tuple()
    longer = Decimal((sign, digits + (0,) * zeros, int(exponent) - zeros))
    assert ordered({"a": number}) == ordered({"a": longer})
