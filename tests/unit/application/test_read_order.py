from dataclasses import dataclass
from typing import cast

import pytest

from adapters.memory.checked_cache import CheckedOrderCache
from application.documents import OrderDocument
from application.orders.read_order import FoundOrder, ReadOrder
from application.ports.orders import CacheState, OrderReader
from domain.actor import SYSTEM, Actor, ActorKind, Role
from domain.errors import OrderHidden, OrderNotFound
from domain.ids import OrderId
from tests.support.faults import UnreachableCache
from tests.support.orders import STAFF, a_user_id, an_order_id
from tests.support.service import Service
from tests.support.storage_actions import place

OTHER_USER = Actor.of_role(a_user_id(), Role.USER)


async def test_an_uncached_order_is_read_and_cached(service: Service) -> None:
    write = await place(service.stored)
    owner = Actor(ActorKind.USER, write.record.owner)
    first = await service.read(write.record.id, owner)
    assert first == FoundOrder(write.document, CacheState.MISS)
    second = await service.read(write.record.id, owner)
    assert second == FoundOrder(write.document, CacheState.HIT)


async def test_a_new_order_is_a_hit_at_its_first_read(service: Service) -> None:
    placed = await service.placed()
    found = await service.read(placed.id, SYSTEM)
    assert found == FoundOrder(placed.document, CacheState.HIT)


async def test_another_users_order_is_not_found_and_not_cached(service: Service) -> None:
    write = await place(service.stored)
    with pytest.raises(OrderHidden):
        await service.read(write.record.id, OTHER_USER)
    assert await service.cached(write.record.id) is None


@dataclass
class CountedReader:
    """An `OrderReader` that records its calls."""

    reader: OrderReader
    calls: list[str]

    async def find(self, order_id: OrderId) -> OrderDocument | None:
        self.calls.append("find")
        return await self.reader.find(order_id)

    async def revision(self, order_id: OrderId) -> int | None:
        self.calls.append("revision")
        return await self.reader.revision(order_id)


@pytest.mark.parametrize("is_checked", [True, False])
async def test_a_foreign_order_costs_the_same_reads_as_an_unknown_one(
    service: Service, *, is_checked: bool
) -> None:
    cached, uncached = await service.placed(), await place(service.stored)
    calls: list[str] = []
    reader = cast(OrderReader, CountedReader(service.stored.reader, calls))
    cache = CheckedOrderCache(service.cache, reader) if is_checked else service.cache
    read = ReadOrder(cache, reader)
    for order_id in (cached.id, uncached.record.id, an_order_id()) * 2:
        calls.clear()
        with pytest.raises(OrderNotFound):
            await read(order_id, OTHER_USER)
        assert calls == ["find"]


@pytest.mark.parametrize("actor", [STAFF, SYSTEM])
async def test_staff_and_the_system_can_read_any_order(service: Service, actor: Actor) -> None:
    placed = await service.placed()
    assert (await service.read(placed.id, actor)).document == placed.document


async def test_a_missing_order_is_not_found(service: Service) -> None:
    with pytest.raises(OrderNotFound):
        await service.read(an_order_id(), STAFF)


async def test_without_the_cache_an_order_is_read_from_the_storage() -> None:
    cache = UnreachableCache()
    service = Service(cache=cache)
    write = await place(service.stored)
    found = await service.read(write.record.id, STAFF)
    assert found == FoundOrder(write.document, CacheState.BYPASS)
    assert cache.tried == 0
