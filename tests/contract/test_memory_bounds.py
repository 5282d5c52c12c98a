"""The in-memory adapters' limits on size and time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from adapters.memory.bus import CAPACITY_BYTES, MESSAGE_OVERHEAD_BYTES, MemoryBus, MemorySource
from adapters.memory.cache import BOUND_BYTES, ENTRY_OVERHEAD_BYTES, MemoryOrderCache
from adapters.memory.limits import MemoryRateLimiter
from application.documents import Event, OrderDocument
from application.ports.events import Delivery
from application.ports.limits import Limit
from domain.ids import OrderId
from tests.support.adapters import memory_adapters
from tests.support.messages import ENCODER
from tests.support.orders import a_placed_order, a_user_id, an_order_id, rendered_write
from tests.support.storage_actions import place
from tests.support.time import MovableClock


def a_document(revision: int, body: bytes = b"{}") -> OrderDocument:
    return OrderDocument(a_user_id(), 1, revision, is_processed=False, body=body)


async def fill(cache: MemoryOrderCache, *documents: OrderDocument) -> list[OrderId]:
    """Cache a new order for each document, one after the other."""
    orders = [an_order_id() for _ in documents]
    for order_id, document in zip(orders, documents, strict=True):
        lease = cache.reserve(order_id)
        assert lease is not None
        await cache.fill(order_id, document, lease)
    return orders


async def are_cached(cache: MemoryOrderCache, orders: Sequence[OrderId]) -> list[bool]:
    return [(await cache.get(order_id)).document is not None for order_id in orders]


async def test_a_full_cache_evicts_the_least_recently_used_order() -> None:
    cache = MemoryOrderCache(ttl=60, bound=2)
    one, two = await fill(cache, a_document(1), a_document(1))
    await cache.get(one)
    [three] = await fill(cache, a_document(1))
    assert await are_cached(cache, [one, two, three]) == [True, False, True]


async def test_a_cache_over_its_bytes_evicts_several_orders() -> None:
    bodies = 3 * (1_000 + ENTRY_OVERHEAD_BYTES)
    cache = MemoryOrderCache(ttl=60, bound_bytes=bodies)
    orders = await fill(cache, *(a_document(1, bytes(1_000)) for _ in range(3)))
    assert await are_cached(cache, orders) == [True, True, True]
    orders += await fill(cache, a_document(1, bytes(2_000)))
    assert await are_cached(cache, orders) == [False, False, True, True]


async def test_bytes_of_replaced_expired_and_invalidated_orders_are_free() -> None:
    clock = MovableClock()
    room_for_two = 2 * (1_000 + ENTRY_OVERHEAD_BYTES)
    cache = MemoryOrderCache(ttl=60, clock=clock.monotonic, bound_bytes=room_for_two)
    for _ in range(3):
        one, two = await fill(cache, *(a_document(1, bytes(1_000)) for _ in range(2)))
        for revision in range(2, 10):
            await cache.put(one, a_document(revision, bytes(1_000)))
        assert await are_cached(cache, [one, two]) == [True, True]
        await clock.advance(61)
        assert await are_cached(cache, [one, two]) == [False, False]
        assert cache._size_bytes == 0
        await fill(cache, a_document(1, bytes(1_000)))
        await cache.invalidate_all()
        assert cache._size_bytes == 0


async def test_an_order_larger_than_the_cache_is_not_cached() -> None:
    cache = MemoryOrderCache(ttl=60, bound_bytes=10_000)
    assert await are_cached(cache, await fill(cache, a_document(1, bytes(20_000)))) == [False]
    assert await are_cached(cache, await fill(cache, a_document(1))) == [True]


async def test_the_default_cache_stays_within_its_limit() -> None:
    cache = MemoryOrderCache(ttl=60)
    body = bytes(256 * 1024)  # one shared object, because it saves the test a lot of memory
    await fill(cache, *(a_document(1, body) for _ in range(1_000)))
    held = sum(len(entry.document.body) for entry in cache._entries.values())
    assert BOUND_BYTES // 2 < held <= BOUND_BYTES


async def test_leases_of_unknown_orders_are_limited() -> None:
    cache = MemoryOrderCache(ttl=60)
    for _ in range(20_000):
        await cache.get(an_order_id())
    assert len(cache._leases) <= 10_000


async def test_the_limiter_drops_idle_keys() -> None:
    clock = MovableClock()
    limiter = MemoryRateLimiter(clock.monotonic)
    limit = Limit("orders", 60, 60)
    for second in range(50):
        for visitor in range(200):
            await limiter.hit(limit, f"{second} {visitor}")
        await clock.advance(1)
    assert len(limiter._empty_at) < 2_000


async def test_the_limiter_keeps_every_key_that_is_not_idle() -> None:
    limiter = MemoryRateLimiter(MovableClock().monotonic)
    once = Limit("once", 1, 60)
    visitors = [f"visitor {n}" for n in range(5_000)]
    for allowed in (True, False):
        assert {(await limiter.hit(once, each)).allowed for each in visitors} == {allowed}


async def test_the_publisher_waits_for_a_slow_subscriber() -> None:
    bus = MemoryBus(ENCODER, capacity=2)
    source = bus.subscribe("new_order", "group")
    events = [rendered_write(a_placed_order(a_user_id())).event for _ in range(5)]
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


def an_event(size_bytes: int) -> Event:
    return replace(rendered_write(a_placed_order(a_user_id())).event, payload=bytes(size_bytes))


async def test_the_publisher_waits_for_a_subscriber_with_many_unread_bytes() -> None:
    bus = MemoryBus(ENCODER, capacity_bytes=2 * (1_000 + MESSAGE_OVERHEAD_BYTES))
    source = bus.subscribe("new_order", "group")
    sizes: list[int] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(bus.publish([an_event(1_000) for _ in range(5)]))
        while sum(sizes) < 5:
            sizes.append(len(await received(source)))
    assert max(sizes) <= 2


async def test_a_message_larger_than_the_capacity_is_delivered_by_itself() -> None:
    bus = MemoryBus(ENCODER, capacity_bytes=10_000)
    source = bus.subscribe("new_order", "group")
    events = [an_event(size_bytes) for size_bytes in (10, 1_000_000, 10)]
    async with asyncio.TaskGroup() as group:
        group.create_task(bus.publish(events))
        batches = [await received(source) for _ in events]
    sizes = [[len(each.value or b"") for each in batch] for batch in batches]
    assert sizes == [[10], [1_000_000], [10]]


async def test_a_full_bus_stays_within_its_limit() -> None:
    bus = MemoryBus(ENCODER)
    source = bus.subscribe("new_order", "group")
    async with asyncio.TaskGroup() as group:
        publishing = group.create_task(bus.publish([an_event(256 * 1024) for _ in range(300)]))
        while waiting_bytes(source) < CAPACITY_BYTES // 2:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert waiting_bytes(source) <= CAPACITY_BYTES
        publishing.cancel()


async def received(source: MemorySource) -> Sequence[Delivery]:
    deliveries = await source.receive()
    await source.commit()
    return deliveries


def waiting_bytes(source: MemorySource) -> int:
    return sum(len(each.value or b"") for each in source._waiting)


async def test_every_subscriber_of_a_topic_gets_every_event() -> None:
    bus = MemoryBus(ENCODER)
    sources = [bus.subscribe("new_order", group) for group in ("one", "other")]
    event = rendered_write(a_placed_order(a_user_id())).event
    await bus.publish([event])
    for source in sources:
        assert [each.value for each in await source.receive()] == [event.payload]


async def test_a_reused_id_is_rejected() -> None:
    stored = memory_adapters(MovableClock())
    write = await place(stored)
    with pytest.raises(ValueError, match=str(write.record.id)):
        await stored.storage.add(write)
