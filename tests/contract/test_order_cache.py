import asyncio
from collections.abc import AsyncIterator

import pytest

from application.documents import OrderDocument, OrderWrite
from application.ports.orders import CacheAnswer, CacheState
from domain.actor import SYSTEM, Actor, Role
from domain.ids import OrderId
from tests.contract.bundles import TTL, Cache
from tests.contract.conftest import CACHES
from tests.contract.redis_bundle import cached_in_redis
from tests.support.orders import (
    STAFF,
    a_placed_order,
    a_user_id,
    an_order_id,
    rendered_write,
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
    body = b'{"revision": %d}' % revision
    return OrderDocument(a_user_id(), 1, revision, is_processed=False, body=body)


def a_write() -> OrderWrite:
    return rendered_write(a_placed_order(a_user_id()))


async def missed(cache: Cache, order_id: OrderId) -> str:
    """Read an order that is not cached, and return the lease."""
    answer = await cache.orders.get(order_id)
    assert answer == MISS
    assert answer.lease is not None
    return answer.lease


async def cached(cache: Cache, document: OrderDocument) -> OrderId:
    """Cache an order the way a reader does."""
    order_id = an_order_id()
    await cache.orders.fill(order_id, document, await missed(cache, order_id))
    assert await cache.orders.get(order_id) == hit(document)
    return order_id


class TestReading:
    async def test_a_hidden_order_is_a_miss_like_a_missing_one(self, cache: Cache) -> None:
        document = a_document()
        order_id = await cached(cache, document)
        stranger = Actor.of_role(a_user_id(), Role.USER)
        hidden = await cache.orders.get(order_id, stranger)
        missing = await cache.orders.get(an_order_id(), stranger)
        assert hidden == missing == MISS
        assert hidden.lease is not None
        assert missing.lease is not None
        for reader in (Actor.of_role(document.owner, Role.USER), STAFF, SYSTEM, None):
            assert await cache.orders.get(order_id, reader) == hit(document)

    async def test_an_unknown_order_is_a_miss_with_a_lease(self, cache: Cache) -> None:
        await missed(cache, an_order_id())

    async def test_a_filled_order_is_a_hit_byte_for_byte(self, cache: Cache) -> None:
        await cached(cache, a_write().document)

    async def test_each_order_has_its_own_entry(self, cache: Cache) -> None:
        await cached(cache, a_document())
        assert await cache.orders.get(an_order_id()) == MISS

    async def test_an_order_expires(self, cache: Cache) -> None:
        order_id = await cached(cache, a_document())
        await cache.pass_time(TTL + 0.1)
        await missed(cache, order_id)

    async def test_a_read_does_not_extend_the_lifetime(self, cache: Cache) -> None:
        order_id = await cached(cache, a_document())
        await cache.pass_time(TTL * 0.75)
        await cache.orders.get(order_id)
        await cache.pass_time(TTL * 0.75)
        assert await cache.orders.get(order_id) == MISS

    async def test_only_one_reader_has_the_lease(self, cache: Cache) -> None:
        order_id = an_order_id()
        await missed(cache, order_id)
        assert (await cache.orders.get(order_id)).lease is None


class TestFilling:
    async def test_an_unknown_lease_fills_nothing(self, cache: Cache) -> None:
        order_id = an_order_id()
        await cache.orders.fill(order_id, a_document(), "0.0")
        assert await cache.orders.get(order_id) == MISS

    async def test_a_lease_fills_only_its_order(self, cache: Cache) -> None:
        one, other = an_order_id(), an_order_id()
        lease = await missed(cache, one)
        await cache.orders.fill(other, a_document(), lease)
        assert await cache.orders.get(other) == MISS

    async def test_a_lease_fills_once(self, cache: Cache) -> None:
        order_id = an_order_id()
        lease = await missed(cache, order_id)
        await cache.orders.fill(order_id, a_document(), lease)
        await cache.pass_time(TTL + 0.1)
        await cache.orders.fill(order_id, a_document(), lease)
        assert await cache.orders.get(order_id) == MISS

    async def test_only_the_next_reader_fills_after_an_expired_lease(self, cache: Cache) -> None:
        order_id, current = an_order_id(), a_document(2)
        slow = await missed(cache, order_id)
        await cache.pass_time(TTL)  # longer than any lease
        quick = await missed(cache, order_id)
        await cache.orders.fill(order_id, a_document(1), slow)
        await cache.orders.fill(order_id, current, quick)
        assert await cache.orders.get(order_id) == hit(current)

    async def test_a_write_ends_the_lease(self, cache: Cache) -> None:
        order_id, current = an_order_id(), a_document(2)
        slow = await missed(cache, order_id)
        assert await cache.orders.put(order_id, current)
        await cache.orders.fill(order_id, a_document(1), slow)
        await cache.orders.fill(order_id, current, await missed(cache, order_id))
        assert await cache.orders.get(order_id) == hit(current)


class TestWriting:
    async def test_a_newer_revision_replaces_an_older_one(self, cache: Cache) -> None:
        order_id, newer = await cached(cache, a_document(1)), a_document(2)
        assert await cache.orders.put(order_id, newer)
        assert await cache.orders.get(order_id) == hit(newer)

    async def test_an_older_revision_does_not_replace_a_newer_one(self, cache: Cache) -> None:
        order_id = await cached(cache, newer := a_document(2))
        assert await cache.orders.put(order_id, a_document(1))
        assert await cache.orders.get(order_id) == hit(newer)

    async def test_a_write_does_not_cache_an_uncached_order(self, cache: Cache) -> None:
        order_id = an_order_id()
        assert await cache.orders.put(order_id, a_document(2))
        assert await cache.orders.get(order_id) == MISS

    async def test_a_write_does_not_cache_an_expired_order(self, cache: Cache) -> None:
        order_id = await cached(cache, a_document(1))
        await cache.pass_time(TTL + 0.1)
        assert await cache.orders.put(order_id, a_document(2))
        assert await cache.orders.get(order_id) == MISS

    async def test_revisions_are_compared_as_numbers(self, cache: Cache) -> None:
        order_id, tenth = await cached(cache, a_document(9)), a_document(10)
        await cache.orders.put(order_id, tenth)
        await cache.orders.put(order_id, a_document(9))
        assert await cache.orders.get(order_id) == hit(tenth)

    async def test_the_newest_of_many_concurrent_revisions_is_kept(self, cache: Cache) -> None:
        order_id = await cached(cache, a_document(0))
        documents = [a_document(revision) for revision in (3, 1, 4, 2, 9, 5, 8, 6, 7)]
        await asyncio.gather(*(cache.orders.put(order_id, document) for document in documents))
        assert await cache.orders.get(order_id) == hit(documents[4])

    async def test_a_write_extends_the_lifetime(self, cache: Cache) -> None:
        order_id, newer = await cached(cache, a_document(1)), a_document(2)
        await cache.pass_time(TTL * 0.75)
        await cache.orders.put(order_id, newer)
        await cache.pass_time(TTL * 0.75)
        assert await cache.orders.get(order_id) == hit(newer)


class TestDropping:
    async def test_only_older_revisions_are_dropped(self, cache: Cache) -> None:
        documents = [a_document(revision) for revision in (9, 10, 11)]
        older, same, newer = [await cached(cache, each) for each in documents]
        other = await cached(cache, a_document(1))
        missing = an_order_id()
        revisions = dict.fromkeys((older, same, newer, missing), 10)
        assert await cache.orders.drop_older(revisions) == frozenset()
        assert await cache.orders.get(older) == MISS
        assert await cache.orders.get(same) == hit(documents[1])
        assert await cache.orders.get(newer) == hit(documents[2])
        assert (await cache.orders.get(other)).document is not None
        assert await cache.orders.get(missing) == MISS

    async def test_nothing_to_drop_is_no_failure(self, cache: Cache) -> None:
        assert await cache.orders.drop_older({}) == frozenset()

    @pytest.mark.parametrize("revision", [1, 2])
    async def test_a_reader_from_before_a_drop_cannot_fill_the_cache(
        self, cache: Cache, revision: int
    ) -> None:
        order_id = an_order_id()
        lease = await missed(cache, order_id)
        await cache.orders.drop_older({order_id: revision})
        await cache.orders.fill(order_id, a_document(1), lease)
        assert await cache.orders.get(order_id) == MISS

    async def test_an_offer_after_a_drop_is_ignored(self, cache: Cache) -> None:
        order_id = an_order_id()
        lease = cache.orders.reserve(order_id)
        assert lease is not None
        await cache.orders.drop_older({order_id: 2})
        cache.orders.offer(order_id, a_document(1), lease)
        assert await cache.orders.get(order_id) == MISS

    async def test_more_orders_than_one_script_takes_are_dropped(self, cache: Cache) -> None:
        orders = [await cached(cache, a_document(1)) for _ in range(3)]
        others = [an_order_id() for _ in range(250)]
        revisions = dict.fromkeys(
            (orders[0], *others[:120], orders[1], *others[120:], orders[2]), 2
        )
        assert await cache.orders.drop_older(revisions) == frozenset()
        assert [await cache.orders.get(each) for each in orders] == [MISS] * 3


class TestOffering:
    async def test_a_new_order_is_a_hit_for_the_next_reader(self, cache: Cache) -> None:
        for _ in range(2):  # the first call loads the script into Redis
            write = a_write()
            lease = cache.orders.reserve(write.record.id)
            assert lease is not None
            cache.orders.offer(write.record.id, write.document, lease)
            await cache.orders.get(an_order_id())
            assert await cache.orders.get(write.record.id) == hit(write.document)

    async def test_an_offer_after_a_write_is_ignored(self, cache: Cache) -> None:
        order_id = an_order_id()
        lease = cache.orders.reserve(order_id)
        assert lease is not None
        await cache.orders.put(order_id, a_document(2))
        cache.orders.offer(order_id, a_document(1), lease)
        assert await cache.orders.get(order_id) == MISS

    async def test_an_offer_after_an_evicted_write_is_ignored(self, cache: Cache) -> None:
        order_id, current = an_order_id(), a_document(2)
        lease = cache.orders.reserve(order_id)
        assert lease is not None
        await cache.orders.put(order_id, current)
        await cache.orders.fill(order_id, current, await missed(cache, order_id))
        await cache.pass_time(TTL + 0.1)
        cache.orders.offer(order_id, a_document(1), lease)
        assert await cache.orders.get(order_id) == MISS


class TestInvalidating:
    async def test_invalidation_removes_every_entry(self, cache: Cache) -> None:
        orders = [await cached(cache, a_document()) for _ in range(3)]
        assert await cache.orders.invalidate_all()
        for order_id in orders:
            assert await cache.orders.get(order_id) == MISS

    async def test_only_a_later_reader_fills_after_invalidation(self, cache: Cache) -> None:
        order_id, current = an_order_id(), a_document(2)
        slow = await missed(cache, order_id)
        await cache.orders.invalidate_all()
        await cache.orders.fill(order_id, a_document(1), slow)
        await cache.orders.fill(order_id, current, await missed(cache, order_id))
        assert await cache.orders.get(order_id) == hit(current)

    async def test_an_earlier_offer_is_ignored_after_invalidation(self, cache: Cache) -> None:
        order_id = an_order_id()
        lease = cache.orders.reserve(order_id)
        assert lease is not None
        await cache.orders.invalidate_all()
        cache.orders.offer(order_id, a_document(1), lease)
        assert await cache.orders.get(order_id) == MISS

    async def test_a_write_does_not_restore_an_invalidated_entry(self, cache: Cache) -> None:
        order_id = await cached(cache, a_document(1))
        await cache.orders.invalidate_all()
        assert await cache.orders.put(order_id, a_document(1))
        assert await cache.orders.get(order_id) == MISS
