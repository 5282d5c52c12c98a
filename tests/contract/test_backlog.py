import asyncio
from datetime import UTC, datetime, timedelta

from application.documents import OrderWrite
from domain.ids import OrderId
from tests.support.acts import an_owner, move, place, process, publish
from tests.support.adapters import Adapters
from tests.support.orders import CANCELED, PAID
from tests.support.time import HOUR


def now() -> datetime:
    """The time, as the storage has it too; nobody's clock is off by an hour."""
    return datetime.now(UTC)


async def announced(adapters: Adapters, count: int = 1) -> list[OrderWrite]:
    owner = await an_owner(adapters)
    writes = [await place(adapters, owner) for _ in range(count)]
    while await publish(adapters.outbox):
        pass
    return writes


async def claim(
    adapters: Adapters, before: timedelta = HOUR, at: timedelta = 2 * HOUR, limit: int = 100
) -> list[OrderId]:
    """Claim what nobody was handed before; times are seen from now."""
    return list(await adapters.backlog.claim(now() + before, now() + at, limit))


async def test_an_order_that_was_announced_and_not_processed_is_claimed(
    adapters: Adapters,
) -> None:
    [write] = await announced(adapters)
    assert await claim(adapters) == [write.record.id]


async def test_an_order_that_was_not_announced_yet_is_not_claimed(adapters: Adapters) -> None:
    await place(adapters)
    assert await claim(adapters) == []


async def test_an_order_that_was_announced_a_moment_ago_is_not_claimed(
    adapters: Adapters,
) -> None:
    await announced(adapters)
    assert await claim(adapters, before=-HOUR) == []


async def test_an_order_that_was_processed_is_not_claimed(adapters: Adapters) -> None:
    [write] = await announced(adapters)
    await process(adapters, write.record.id)
    assert await claim(adapters) == []


async def test_an_order_that_was_processed_before_it_was_announced_is_not_claimed(
    adapters: Adapters,
) -> None:
    write = await place(adapters)
    await process(adapters, write.record.id)
    while await publish(adapters.outbox):
        pass
    assert await claim(adapters) == []


async def test_an_order_that_was_canceled_is_claimed_for_its_skipping_is_to_be_recorded(
    adapters: Adapters,
) -> None:
    [write] = await announced(adapters)
    await move(adapters, write.record.id, CANCELED)
    assert await claim(adapters) == [write.record.id]


async def test_later_events_of_an_order_do_not_hide_that_it_was_announced(
    adapters: Adapters,
) -> None:
    [write] = await announced(adapters)
    await move(adapters, write.record.id, PAID)
    assert await claim(adapters) == [write.record.id]
    await publish(adapters.outbox)
    assert await claim(adapters) == []


async def test_an_order_that_was_handed_over_is_not_claimed_meanwhile(adapters: Adapters) -> None:
    await announced(adapters)
    assert len(await claim(adapters, at=HOUR)) == 1
    assert await claim(adapters, before=HOUR / 2) == []


async def test_an_order_that_was_handed_over_long_ago_is_claimed_again(
    adapters: Adapters,
) -> None:
    [write] = await announced(adapters)
    assert len(await claim(adapters, at=HOUR)) == 1
    assert await claim(adapters, before=2 * HOUR) == [write.record.id]


async def test_a_claim_is_no_larger_than_asked_for_and_leaves_the_rest(
    adapters: Adapters,
) -> None:
    writes = await announced(adapters, 5)
    first = await claim(adapters, limit=3)
    second = await claim(adapters, limit=3)
    assert (len(first), len(second)) == (3, 2)
    assert {*first, *second} == {write.record.id for write in writes}


async def test_sweepers_that_come_at_once_claim_different_orders(adapters: Adapters) -> None:
    writes = await announced(adapters, 12)
    claims = await asyncio.gather(*(claim(adapters, limit=5) for _ in range(4)))
    claimed = [order_id for each in claims for order_id in each]
    assert len(claimed) == len(set(claimed))
    claimed += await claim(adapters)
    assert sorted(claimed) == [write.record.id for write in writes]
