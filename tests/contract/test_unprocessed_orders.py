from datetime import timedelta

import pytest

from application.documents import OrderWrite
from domain.ids import OrderId
from tests.support.adapters import Adapters
from tests.support.orders import CANCELED, PAID
from tests.support.storage_actions import an_owner, move, place, process, publish

AGE = timedelta(hours=1)


async def announced(adapters: Adapters, count: int = 1) -> list[OrderWrite]:
    owner = await an_owner(adapters)
    writes = [await place(adapters, owner) for _ in range(count)]
    while await publish(adapters.outbox):
        pass
    return writes


async def grow_old(adapters: Adapters) -> None:
    await adapters.pass_time((AGE + timedelta(minutes=1)).total_seconds())


async def stalled(adapters: Adapters, limit: int = 100) -> list[OrderId]:
    """Return the stalled orders that a complete pass finds."""
    orders = adapters.unprocessed
    cut_off, after = await orders.now() - AGE, None
    found: list[OrderId] = []
    while True:
        page = await orders.stalled(cut_off, after, limit)
        assert len(page.orders) <= limit
        found += page.orders
        if (after := page.next_after) is None:
            return found


async def test_order_published_before_the_cut_off_and_not_processed_is_stalled(
    adapters: Adapters,
) -> None:
    [write] = await announced(adapters)
    await grow_old(adapters)
    assert await stalled(adapters) == [write.record.id]


async def test_unpublished_order_is_not_stalled(adapters: Adapters) -> None:
    await place(adapters)
    await grow_old(adapters)
    assert await stalled(adapters) == []


async def test_order_published_since_the_cut_off_is_not_stalled(adapters: Adapters) -> None:
    await announced(adapters)
    assert await stalled(adapters) == []


async def test_processed_order_is_not_stalled(adapters: Adapters) -> None:
    [write] = await announced(adapters)
    await process(adapters, write.record.id)
    await grow_old(adapters)
    assert await stalled(adapters) == []


async def test_order_processed_before_its_publication_is_not_stalled(adapters: Adapters) -> None:
    write = await place(adapters)
    await process(adapters, write.record.id)
    while await publish(adapters.outbox):
        pass
    await grow_old(adapters)
    assert await stalled(adapters) == []


async def test_canceled_order_is_stalled_until_its_processing_is_recorded(
    adapters: Adapters,
) -> None:
    [write] = await announced(adapters)
    await move(adapters, write.record.id, CANCELED)
    await grow_old(adapters)
    assert await stalled(adapters) == [write.record.id]


async def test_later_events_do_not_change_when_an_order_was_published(adapters: Adapters) -> None:
    [write] = await announced(adapters)
    await grow_old(adapters)
    await move(adapters, write.record.id, PAID)
    assert await stalled(adapters) == [write.record.id]
    await publish(adapters.outbox)
    assert await stalled(adapters) == [write.record.id]


async def test_order_handed_over_since_the_cut_off_is_not_stalled(adapters: Adapters) -> None:
    one, two = await announced(adapters, 2)
    await grow_old(adapters)
    await adapters.unprocessed.record_hand_over([one.record.id])
    assert await stalled(adapters) == [two.record.id]


async def test_order_handed_over_before_the_cut_off_is_stalled_again(adapters: Adapters) -> None:
    [write] = await announced(adapters)
    await adapters.unprocessed.record_hand_over([write.record.id])
    await grow_old(adapters)
    assert await stalled(adapters) == [write.record.id]


async def test_hand_over_of_a_processed_order_changes_nothing(adapters: Adapters) -> None:
    [write] = await announced(adapters)
    await process(adapters, write.record.id)
    await adapters.unprocessed.record_hand_over([write.record.id])
    await grow_old(adapters)
    assert await stalled(adapters) == []


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
async def test_pass_visits_each_order_once_by_id(adapters: Adapters, limit: int) -> None:
    writes = await announced(adapters, 5)
    await grow_old(adapters)
    assert await stalled(adapters, limit) == sorted(write.record.id for write in writes)


async def test_page_visits_no_more_orders_than_its_limit(adapters: Adapters) -> None:
    first, second, third = [write.record.id for write in await announced(adapters, 3)]
    await grow_old(adapters)
    await adapters.unprocessed.record_hand_over([first, second])
    cut_off = await adapters.unprocessed.now() - AGE
    page = await adapters.unprocessed.stalled(cut_off, None, 2)
    assert (page.orders, page.next_after) == ([], second)
    page = await adapters.unprocessed.stalled(cut_off, page.next_after, 2)
    assert (page.orders, page.next_after) == ([third], None)
