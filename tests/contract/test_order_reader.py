import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pytest

from application.documents import OrderDocument, OrderRecord
from application.ports.orders import OrderFilter
from application.ports.system import MAX_ID_LEAD_MS
from domain.ids import OrderId
from domain.order.status import OrderStatus
from tests.support.adapters import Adapters
from tests.support.orders import CANCELED, PAID, PENDING, SHIPPED, a_user_id, an_order_id
from tests.support.storage_actions import an_owner, move, place, process
from tests.support.time import NOW


async def test_a_missing_order_is_none(adapters: Adapters) -> None:
    assert await adapters.reader.find(an_order_id()) is None
    assert await adapters.reader.revision(an_order_id()) is None


async def test_an_order_is_found_in_its_last_written_state(adapters: Adapters) -> None:
    placed = await place(adapters)
    paid = await move(adapters, placed.record.id, PAID)
    assert await adapters.reader.find(placed.record.id) == paid.document


async def test_several_orders_are_found_without_unknown_ones(adapters: Adapters) -> None:
    one, other, _ = [await place(adapters) for _ in range(3)]
    wanted = [one.record.id, an_order_id(), other.record.id, one.record.id]
    assert await adapters.reader.find_many(wanted) == {
        one.record.id: one.document,
        other.record.id: other.document,
    }


async def test_a_lookup_of_no_ids_returns_nothing(adapters: Adapters) -> None:
    await place(adapters)
    assert await adapters.reader.find_many([]) == {}


async def test_existing_orders_are_told_from_unknown_ones(adapters: Adapters) -> None:
    one, other, _ = [(await place(adapters)).record.id for _ in range(3)]
    assert await adapters.known.existing([one, an_order_id(), other, one]) == {one, other}
    assert await adapters.known.existing([]) == frozenset()


async def test_every_write_raises_the_revision(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    assert await adapters.reader.revision(order_id) == 1
    await move(adapters, order_id, PAID)
    assert await adapters.reader.revision(order_id) == 2
    processed = await process(adapters, order_id)
    assert await adapters.reader.revision(order_id) == 3
    assert processed.record.version == 2


async def test_a_page_has_the_newest_orders_first(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    writes = [await place(adapters, owner) for _ in range(3)]
    page = await adapters.reader.page(OrderFilter(owner=owner), None, 10)
    assert list(page.orders) == [write.document for write in reversed(writes)]
    assert page.next_after is None


async def test_concurrent_readers_get_their_own_orders(adapters: Adapters) -> None:
    owners = [await an_owner(adapters) for _ in range(3)]
    placed = [await place(adapters, owner) for _ in range(4) for owner in owners]
    behind = (None, placed[6].record.id, placed[0].record.id)
    asked = list(product([*owners, a_user_id()], (1, 3, 4, 60), behind))
    pages = await asyncio.gather(
        *(adapters.reader.page(OrderFilter(owner=o), after, limit) for o, limit, after in asked)
    )
    for (owner, limit, after), page in zip(asked, pages, strict=True):
        theirs = [
            write.document
            for write in reversed(placed)
            if write.record.owner == owner and (after is None or write.record.id < after)
        ]
        assert list(page.orders) == theirs[:limit]
        assert (page.next_after is not None) == (len(theirs) > limit)
    ids = [placed[5].record.id, an_order_id(), placed[2].record.id, placed[5].record.id]
    found = await asyncio.gather(*map(adapters.reader.find, ids))
    assert found == [placed[5].document, None, placed[2].document, placed[5].document]


#: How far the clock can jump back without affecting the order of ids.
STEP_BACK = timedelta(milliseconds=MAX_ID_LEAD_MS)


async def test_the_newest_order_is_the_last_one_even_after_a_clock_step(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    first = await place(adapters, owner, at=NOW)
    second = await place(adapters, owner, at=NOW - STEP_BACK)
    page = await adapters.reader.page(OrderFilter(owner=owner), None, 10)
    assert list(page.orders) == [second.document, first.document]


async def test_an_order_is_found_by_its_time_even_if_its_id_is_ahead(
    adapters: Adapters,
) -> None:
    owner, stepped_back = await an_owner(adapters), NOW - STEP_BACK
    await place(adapters, owner, at=NOW)
    late = await place(adapters, owner, at=stepped_back)
    assert late.record.id.int >> 80 > stepped_back.timestamp() * 1000
    wanted = OrderFilter(
        owner=owner, created_after=stepped_back, created_before=stepped_back + timedelta.resolution
    )
    page = await adapters.reader.page(wanted, None, 10)
    assert list(page.orders) == [late.document]


async def test_a_page_has_a_next_one_only_if_more_orders_follow(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    writes = [await place(adapters, owner) for _ in range(4)]
    wanted = OrderFilter(owner=owner)
    half = await adapters.reader.page(wanted, None, 2)
    assert half.next_after == writes[2].record.id
    rest = await adapters.reader.page(wanted, half.next_after, 2)
    assert list(rest.orders) == [writes[1].document, writes[0].document]
    assert rest.next_after is None
    whole = await adapters.reader.page(wanted, None, 4)
    assert whole.next_after is None
    assert (await adapters.reader.page(wanted, None, 3)).next_after == writes[1].record.id


async def test_the_page_after_the_oldest_order_is_empty(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    oldest = await place(adapters, owner)
    page = await adapters.reader.page(OrderFilter(owner=owner), oldest.record.id, 5)
    assert (list(page.orders), page.next_after) == ([], None)


async def test_a_page_can_start_after_an_order_outside_the_list(
    adapters: Adapters,
) -> None:
    owner = await an_owner(adapters)
    older = await place(adapters, owner)
    of_nobody = an_order_id()
    await place(adapters, owner)
    page = await adapters.reader.page(OrderFilter(owner=owner), of_nobody, 5)
    assert list(page.orders) == [older.document]


async def test_an_owner_without_orders_has_an_empty_page(adapters: Adapters) -> None:
    await place(adapters)
    page = await adapters.reader.page(OrderFilter(owner=a_user_id()), None, 5)
    assert (list(page.orders), page.next_after) == ([], None)


async def test_a_page_has_the_current_state_of_orders(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    placed = await place(adapters, owner)
    paid = await move(adapters, placed.record.id, PAID)
    wanted = OrderFilter(owner=owner)
    assert list((await adapters.reader.page(wanted, None, 5)).orders) == [paid.document]
    pending = OrderFilter(owner=owner, statuses=frozenset({PENDING}))
    assert list((await adapters.reader.page(pending, None, 5)).orders) == []


async def walk(adapters: Adapters, wanted: OrderFilter, limit: int) -> list[OrderDocument]:
    """Return all pages."""
    seen: list[OrderDocument] = []
    after: OrderId | None = None
    while True:
        page = await adapters.reader.page(wanted, after, limit)
        assert len(page.orders) <= limit
        seen += page.orders
        after = page.next_after
        if after is None:
            return seen


async def test_pages_neither_skip_nor_repeat_while_orders_are_placed(adapters: Adapters) -> None:
    owner = await an_owner(adapters)
    old = [await place(adapters, owner) for _ in range(12)]

    async def keep_ordering() -> None:
        for _ in range(12):
            await place(adapters, owner)
            await asyncio.sleep(0)

    wanted = OrderFilter(owner=owner)
    seen, _ = await asyncio.gather(walk(adapters, wanted, 2), keep_ordering())
    bodies = [document.body for document in seen]
    assert len(bodies) == len(set(bodies))
    assert bodies[-12:] == [write.document.body for write in reversed(old)]


STATUSES: tuple[frozenset[OrderStatus], ...] = (
    frozenset(),
    frozenset({PENDING}),
    frozenset({PAID, CANCELED}),
    frozenset({SHIPPED}),
)
MOMENTS = tuple(NOW + timedelta(microseconds=n) for n in range(4))


async def a_mixed_shop(adapters: Adapters) -> list[OrderRecord]:
    """Store two owners' orders in every status, placed at four times, some with a reference."""
    owners = [await an_owner(adapters) for _ in range(2)]
    ways = [(), (PAID,), (CANCELED,), (PAID, SHIPPED)]
    stored = []
    for number, (way, at, owner) in enumerate(product(ways, MOMENTS, owners)):
        reference = "gift" if number in {3, 4} else None
        write = await place(adapters, owner, reference=reference, at=at)
        if way:
            write = await move(adapters, write.record.id, *way)
        stored.append(write.record)
    return stored


def every_filter(shop: list[OrderRecord]) -> Iterator[OrderFilter]:
    owners = (None, shop[0].owner, shop[1].owner)
    for owner, statuses, reference, after, before in product(
        owners, STATUSES, (None, "gift"), (None, MOMENTS[1]), (None, MOMENTS[3])
    ):
        yield OrderFilter(
            owner=owner,
            statuses=statuses,
            reference=reference,
            created_after=after,
            created_before=before,
        )


def matches(wanted: OrderFilter, order: OrderRecord) -> bool:
    return all(
        (
            wanted.owner in {None, order.owner},
            not wanted.statuses or order.status in wanted.statuses,
            wanted.reference in {None, order.reference},
            wanted.created_after is None or wanted.created_after <= order.created_at,
            wanted.created_before is None or order.created_at < wanted.created_before,
        )
    )


@pytest.mark.parametrize("limit", [1, 3, 200])
async def test_every_combination_of_conditions_returns_the_matching_orders(
    adapters: Adapters, limit: int
) -> None:
    shop = await a_mixed_shop(adapters)
    documents = await adapters.reader.find_many([order.id for order in shop])
    for wanted in every_filter(shop):
        fitting = [documents[order.id] for order in reversed(shop) if matches(wanted, order)]
        assert await walk(adapters, wanted, limit) == fitting, wanted
