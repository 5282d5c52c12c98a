"""What the adapters in memory promise beyond their ports: that they do not grow, or fall behind."""

import asyncio

import pytest

from adapters.memory.bus import MemoryBus
from adapters.memory.cache import MemoryOrderCache
from adapters.memory.limits import MemoryRateLimiter
from application.documents import OrderDocument
from application.ports.limits import Limit
from application.ports.orders import CacheAnswer, CacheState
from tests.support.acts import place
from tests.support.adapters import memory_adapters
from tests.support.orders import a_placed_order, a_user_id, an_order_id, an_order_write
from tests.support.time import MovableClock

MISS = CacheAnswer(CacheState.MISS)


def a_document(revision: int) -> OrderDocument:
    return OrderDocument(a_user_id(), revision, '"v1"', b"{}")


async def test_a_full_cache_forgets_what_was_asked_for_longest_ago() -> None:
    cache = MemoryOrderCache(ttl=60, bound=2)
    one, two, three = (an_order_id() for _ in range(3))
    document = a_document(1)
    await cache.put(one, document)
    await cache.put(two, document)
    await cache.get(one)
    await cache.put(three, document)
    assert await cache.get(two) == MISS
    assert (await cache.get(one)).document == document
    assert (await cache.get(three)).document == document


async def test_a_slow_reader_cannot_put_an_older_revision_behind_one_that_has_expired() -> None:
    clock = MovableClock()
    cache = MemoryOrderCache(ttl=60, clock=clock.monotonic)
    order_id = an_order_id()
    await cache.put(order_id, a_document(2))
    await clock.advance(61)
    await cache.put(order_id, a_document(1))
    assert await cache.get(order_id) == MISS


async def test_the_limiter_forgets_who_has_been_idle() -> None:
    clock = MovableClock()
    limiter = MemoryRateLimiter(clock.monotonic)
    limit = Limit("orders", 60, 60)
    for second in range(50):
        for visitor in range(200):
            await limiter.take(limit, f"{second} {visitor}")
        await clock.advance(1)
    assert len(limiter._empty_at) < 2_000


async def test_the_limiter_keeps_count_of_everybody_who_is_not_idle() -> None:
    limiter = MemoryRateLimiter(MovableClock().monotonic)
    once = Limit("once", 1, 60)
    visitors = [f"visitor {n}" for n in range(5_000)]
    for allowed in (True, False):
        assert {(await limiter.take(once, each)).allowed for each in visitors} == {allowed}


async def test_the_publisher_waits_for_a_subscriber_that_fell_behind() -> None:
    bus = MemoryBus(capacity=2)
    source = bus.subscribe("new_order")
    events = [an_order_write(a_placed_order(a_user_id())).event for _ in range(5)]
    publishing = asyncio.create_task(bus.publish(events))
    await asyncio.sleep(0.05)
    assert not publishing.done()
    arrived: list[str] = []
    while len(arrived) < len(events):
        deliveries = await source.receive()
        assert len(deliveries) <= 2
        arrived += [(delivery.header("ce_id") or b"").decode() for delivery in deliveries]
        await source.commit()
    await publishing
    assert arrived == [str(event.id) for event in events]


async def test_every_subscriber_of_a_topic_gets_every_event() -> None:
    bus = MemoryBus()
    sources = [bus.subscribe("new_order") for _ in range(2)]
    event = an_order_write(a_placed_order(a_user_id())).event
    await bus.publish([event])
    for source in sources:
        assert [each.value for each in await source.receive()] == [event.payload]


async def test_an_id_that_was_used_is_refused_as_the_bug_that_it_is() -> None:
    stored = memory_adapters(MovableClock())
    write = await place(stored)
    with pytest.raises(ValueError, match=str(write.record.id)):
        await stored.new_orders.add(write)
