import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from application.documents import OrderWrite
from domain.errors import ReferenceTaken
from domain.ids import UserId
from domain.money import Currency, Money
from domain.order.history import Step
from domain.order.lines import OrderLine, OrderLines
from tests.support.adapters import Adapters
from tests.support.orders import (
    PENDING,
    a_placed_order,
    owner_of,
    rendered_write,
    usd,
)
from tests.support.storage_actions import an_owner, order_in, place, waiting
from tests.support.time import NOW


def a_write(owner: UserId, reference: str | None = None) -> OrderWrite:
    return rendered_write(a_placed_order(owner, reference=reference))


async def assert_nothing_is_left_of(write: OrderWrite, adapters: Adapters) -> None:
    assert await adapters.reader.find(write.record.id) is None
    assert await adapters.history.steps(write.record.id) is None
    assert write.event not in await waiting(adapters.outbox)


async def test_a_new_order_is_stored_when_add_returns(adapters: Adapters) -> None:
    write = await place(adapters)
    assert await adapters.reader.find(write.record.id) == write.document


async def test_a_new_order_has_its_first_history_step(adapters: Adapters) -> None:
    placed = a_placed_order(await an_owner(adapters))
    await adapters.storage.add(rendered_write(placed))
    order = placed.order
    found = await adapters.history.steps(order.id)
    assert found is not None
    assert found[0] == order.owner
    assert list(found[1]) == [Step(1, None, PENDING, owner_of(order), None, NOW)]


async def test_the_event_of_a_new_order_waits_unchanged_for_the_relay(
    adapters: Adapters,
) -> None:
    write = await place(adapters)
    assert await waiting(adapters.outbox) == [write.event]


async def test_an_owners_second_order_with_a_reference_is_rejected_completely(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    first = await place(adapters, owner, reference="cart-1")
    second = a_write(owner, "cart-1")
    with pytest.raises(ReferenceTaken):
        await adapters.storage.add(second)
    await assert_nothing_is_left_of(second, adapters)
    assert await adapters.reader.find(first.record.id) == first.document


async def test_a_rejected_order_can_be_added_with_another_reference(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    await place(adapters, owner, reference="cart-1")
    refused = a_write(owner, "cart-1")
    with pytest.raises(ReferenceTaken):
        await adapters.storage.add(refused)
    again = replace(refused, record=refused.record._replace(reference="cart-2"))
    await adapters.storage.add(again)
    assert await adapters.reader.revision(refused.record.id) == 1


async def test_two_owners_may_use_the_same_reference(adapters: Adapters) -> None:
    for _ in range(2):
        write = await place(adapters, reference="cart-1")
        assert await adapters.reader.find(write.record.id) == write.document


async def test_references_differ_by_case_and_by_a_space(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    for reference in ("cart", "Cart", "cart ", " cart"):
        await place(adapters, owner, reference=reference)


async def test_orders_without_a_reference_do_not_conflict(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    for _ in range(2):
        await place(adapters, owner)


async def test_one_of_many_concurrent_orders_with_a_reference_is_stored(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    writes = [a_write(owner, "cart-1") for _ in range(10)]
    answers = await asyncio.gather(
        *(adapters.storage.add(write) for write in writes), return_exceptions=True
    )
    assert answers.count(None) == 1
    assert sum(isinstance(answer, ReferenceTaken) for answer in answers) == 9
    stored = await adapters.reader.find_many([write.record.id for write in writes])
    assert list(stored) == [writes[answers.index(None)].record.id]


async def test_a_rejected_order_does_not_affect_concurrent_orders(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    first = await place(adapters, owner, reference="taken")
    writes = [a_write(owner, "taken" if n % 7 == 3 else f"cart-{n}") for n in range(100)]

    async def added(write: OrderWrite) -> bool:
        try:
            await adapters.storage.add(write)
        except ReferenceTaken:
            return False
        return True

    answers = await asyncio.gather(*map(added, writes))
    assert answers == [write.record.reference != "taken" for write in writes]
    accepted = {write.record.id for write in writes if write.record.reference != "taken"}
    assert set(await adapters.reader.find_many([write.record.id for write in writes])) == accepted
    announced = {event.subject for event in await waiting(adapters.outbox, 200)}
    assert announced - {first.record.id} == accepted


AWKWARD = OrderLines(
    (
        OrderLine("0", "Tee \N{HOT BEVERAGE} \\ \" ' % $1 \u2028", 10_000, usd("0.00")),
        OrderLine(None, "name only", 1, usd("0.10"), {"gift": True, "weight": Decimal("1.50")}),
        OrderLine(
            "x" * 64, None, 3, usd("33333.33"), {"\N{LATIN SMALL LETTER U WITH DIAERESIS}": ""}
        ),
    ),
    usd("100000.09"),
)
BY_THE_HUNDRED = OrderLines((OrderLine("p", "n" * 200, 1, None),) * 100, usd("999999999.99"))
YEN = OrderLines((OrderLine("p", None, 1, None),), Money.of(Decimal(7), Currency.parse("JPY")))
DINARS = OrderLines(
    (OrderLine("p", None, 1, None),), Money.of(Decimal("0.125"), Currency.parse("KWD"))
)


@pytest.mark.parametrize("lines", [AWKWARD, BY_THE_HUNDRED, YEN, DINARS])
async def test_lines_are_returned_byte_for_byte(adapters: Adapters, lines: OrderLines) -> None:
    placed = a_placed_order(await an_owner(adapters), reference="\u00e9 \\ '", lines=lines)
    write = rendered_write(placed)
    await adapters.storage.add(write)
    assert await adapters.reader.find(placed.order.id) == write.document
    assert await order_in(adapters, placed.order.id) == placed.order


async def test_the_traceparent_of_an_event_is_stored(adapters: Adapters) -> None:
    write = a_write(await an_owner(adapters))
    traced = replace(write.event, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    await adapters.storage.add(replace(write, event=traced))
    assert await waiting(adapters.outbox) == [traced]
