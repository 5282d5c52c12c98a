import asyncio
from collections.abc import AsyncIterator

import pytest

from application.documents import OrderDocument, OrderWrite
from application.ports.orders import CacheAnswer, CacheState
from domain.ids import OrderId
from tests.contract.bundles import TTL, Cache
from tests.contract.conftest import CACHES
from tests.contract.redis_bundle import cached_in_redis
from tests.support.orders import (
    a_placed_order,
    a_user_id,
    an_order_id,
    an_order_write,
)

MISS = CacheAnswer(CacheState.MISS)


ADAPTERS = {**CACHES, "redis": cached_in_redis}


@pytest.fixture(params=ADAPTERS)
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    async with ADAPTERS[request.param](request) as made:
        yield made


def hit(document: OrderDocument) -> CacheAnswer:
    return CacheAnswer(CacheState.HIT, document)


def a_document(revision: int = 1) -> OrderDocument:
    return OrderDocument(a_user_id(), revision, f'"v{revision}"', b'{"revision": %d}' % revision)


def a_write() -> OrderWrite:
    return an_order_write(a_placed_order(a_user_id()))


async def test_an_order_that_was_never_put_is_a_miss(cache: Cache) -> None:
    assert await cache.orders.get(an_order_id()) == MISS


async def test_an_order_that_was_put_is_a_hit_byte_for_byte(cache: Cache) -> None:
    write = a_write()
    assert await cache.orders.put(write.record.id, write.document)
    assert await cache.orders.get(write.record.id) == hit(write.document)


async def test_a_new_order_that_was_offered_is_a_hit_for_whoever_asks_next(cache: Cache) -> None:
    for _ in range(2):  # the first of a Redis that does not know the script, and the next
        write = a_write()
        assert await cache.orders.get(write.record.id) == MISS
        cache.orders.offer(write.record.id, write.document)
        await cache.orders.get(an_order_id())
        assert await cache.orders.get(write.record.id) == hit(write.document)


async def test_each_order_has_a_place_of_its_own(cache: Cache) -> None:
    one, other = a_write(), a_write()
    await cache.orders.put(one.record.id, one.document)
    assert await cache.orders.get(other.record.id) == MISS


async def test_a_newer_revision_takes_the_place_of_an_older_one(cache: Cache) -> None:
    order_id, older, newer = an_order_id(), a_document(1), a_document(2)
    await cache.orders.put(order_id, older)
    assert await cache.orders.put(order_id, newer)
    assert await cache.orders.get(order_id) == hit(newer)


async def test_a_slow_reader_cannot_put_an_older_revision(cache: Cache) -> None:
    order_id, read_before_the_write, written = an_order_id(), a_document(1), a_document(2)
    await cache.orders.put(order_id, written)
    assert await cache.orders.put(order_id, read_before_the_write)
    assert await cache.orders.get(order_id) == hit(written)


async def test_revisions_are_compared_as_numbers(cache: Cache) -> None:
    order_id, ninth, tenth = an_order_id(), a_document(9), a_document(10)
    await cache.orders.put(order_id, ninth)
    await cache.orders.put(order_id, tenth)
    await cache.orders.put(order_id, ninth)
    assert await cache.orders.get(order_id) == hit(tenth)


async def test_of_many_revisions_that_come_at_once_the_newest_stays(cache: Cache) -> None:
    order_id: OrderId = an_order_id()
    documents = [a_document(revision) for revision in (3, 1, 4, 2, 9, 5, 8, 6, 7)]
    await asyncio.gather(*(cache.orders.put(order_id, document) for document in documents))
    assert await cache.orders.get(order_id) == hit(documents[4])


async def test_an_order_is_forgotten_after_its_time(cache: Cache) -> None:
    write = a_write()
    await cache.orders.put(write.record.id, write.document)
    await cache.pass_time(TTL + 0.1)
    assert await cache.orders.get(write.record.id) == MISS


async def test_an_order_that_is_put_again_stays_longer(cache: Cache) -> None:
    write = a_write()
    await cache.orders.put(write.record.id, write.document)
    await cache.pass_time(TTL * 0.75)
    await cache.orders.put(write.record.id, write.document)
    await cache.pass_time(TTL * 0.75)
    assert await cache.orders.get(write.record.id) == hit(write.document)


async def test_reading_an_order_does_not_keep_it_longer(cache: Cache) -> None:
    write = a_write()
    await cache.orders.put(write.record.id, write.document)
    await cache.pass_time(TTL * 0.75)
    await cache.orders.get(write.record.id)
    await cache.pass_time(TTL * 0.75)
    assert await cache.orders.get(write.record.id) == MISS
