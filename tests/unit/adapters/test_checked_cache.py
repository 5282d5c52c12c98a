from adapters.memory.cache import MemoryOrderCache
from adapters.memory.checked_cache import CheckedOrderCache
from application.documents import OrderWrite
from application.ports.orders import CacheAnswer, CacheState
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import PAID, a_placed_order, a_user_id, rendered_write
from tests.support.storage_actions import move, place, process
from tests.support.time import MovableClock

MISS = CacheAnswer(CacheState.MISS)


def a_process_of_many() -> tuple[Adapters, CheckedOrderCache]:
    stored = memory_adapters(MovableClock())
    return stored, CheckedOrderCache(MemoryOrderCache(300), stored.reader)


async def filled(cache: CheckedOrderCache, write: OrderWrite) -> None:
    missed = await cache.get(write.record.id)
    assert missed == MISS
    assert missed.lease is not None
    await cache.fill(write.record.id, write.document, missed.lease)


async def test_an_order_that_is_not_cached_is_a_miss() -> None:
    stored, cache = a_process_of_many()
    assert await cache.get((await place(stored)).record.id) == MISS


async def test_an_order_without_a_later_write_is_a_hit() -> None:
    stored, cache = a_process_of_many()
    write = await place(stored)
    await filled(cache, write)
    assert await cache.get(write.record.id) == CacheAnswer(CacheState.HIT, write.document)


async def test_an_offered_new_order_is_a_hit() -> None:
    stored, cache = a_process_of_many()
    write = await place(stored)
    lease = cache.reserve(write.record.id)
    assert lease is not None
    cache.offer(write.record.id, write.document, lease)
    assert await cache.get(write.record.id) == CacheAnswer(CacheState.HIT, write.document)


async def test_an_order_that_this_process_has_changed_is_a_hit() -> None:
    stored, cache = a_process_of_many()
    write = await place(stored)
    await filled(cache, write)
    paid = await move(stored, write.record.id, PAID)
    assert await cache.put(write.record.id, paid.document)
    assert await cache.get(write.record.id) == CacheAnswer(CacheState.HIT, paid.document)


async def test_an_order_that_another_process_has_changed_is_a_miss_and_filled_again() -> None:
    stored, cache = a_process_of_many()
    write = await place(stored)
    await filled(cache, write)
    paid = await move(stored, write.record.id, PAID)
    await filled(cache, paid)
    assert await cache.get(write.record.id) == CacheAnswer(CacheState.HIT, paid.document)


async def test_an_order_that_another_process_has_processed_is_a_miss() -> None:
    stored, cache = a_process_of_many()
    write = await place(stored)
    await filled(cache, write)
    await process(stored, write.record.id)
    assert await cache.get(write.record.id) == MISS


async def test_a_cached_order_that_is_not_stored_is_a_miss() -> None:
    _, cache = a_process_of_many()
    write = rendered_write(a_placed_order(a_user_id()))
    await filled(cache, write)
    assert await cache.get(write.record.id) == MISS


async def test_invalidation_makes_every_cached_order_a_miss() -> None:
    stored, cache = a_process_of_many()
    write = await place(stored)
    await filled(cache, write)
    assert await cache.invalidate_all()
    assert await cache.get(write.record.id) == MISS


async def test_invalidation_makes_every_written_order_unreachable() -> None:
    stored, cache = a_process_of_many()
    write = await place(stored)
    await cache.put(write.record.id, write.document)
    assert await cache.invalidate_all()
    assert (await cache.get(write.record.id)).document is None
