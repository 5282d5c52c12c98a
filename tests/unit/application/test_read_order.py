import pytest

from adapters.memory.cache import MemoryOrderCache
from application.errors import RateLimited, Unavailable
from application.orders.read_order import FoundOrder
from application.ports.orders import CacheAnswer, CacheState
from domain.actor import SYSTEM, Actor, ActorKind, Role
from domain.errors import OrderNotFound
from domain.ids import OrderId
from tests.support.acts import place
from tests.support.faults import UnreachableCache
from tests.support.orders import STAFF, a_user_id, an_order_id
from tests.support.service import Service

SOMEBODY = Actor.of_role(a_user_id(), Role.USER)


async def test_an_order_that_the_cache_does_not_have_is_read_and_cached(service: Service) -> None:
    write = await place(service.stored)
    owner = Actor(ActorKind.USER, write.record.owner)
    first = await service.read(write.record.id, owner)
    assert first == FoundOrder(write.document, CacheState.MISS)
    second = await service.read(write.record.id, owner)
    assert second == FoundOrder(write.document, CacheState.HIT)


async def test_a_new_order_is_a_hit_at_its_first_reading(service: Service) -> None:
    placed = await service.placed()
    found = await service.read(placed.id, SYSTEM)
    assert found == FoundOrder(placed.document, CacheState.HIT)


async def test_somebody_elses_order_looks_like_none_cached_or_not(service: Service) -> None:
    write = await place(service.stored)
    for _ in ("read from the storage, and cached", "read from the cache"):
        with pytest.raises(OrderNotFound):
            await service.read(write.record.id, SOMEBODY)
        assert await service.cached(write.record.id) == write.document


@pytest.mark.parametrize("actor", [STAFF, SYSTEM])
async def test_staff_and_the_service_read_anybodys_order(service: Service, actor: Actor) -> None:
    placed = await service.placed()
    assert (await service.read(placed.id, actor)).document == placed.document


async def admitted() -> None:
    """Let in."""


async def refused() -> None:
    raise RateLimited(1)


async def test_whoever_is_let_in_meanwhile_is_shown_the_order(service: Service) -> None:
    placed = await service.placed()
    assert (await service.read(placed.id, STAFF, admitted())).document == placed.document


async def test_whoever_is_not_is_told_nothing_and_costs_the_storage_nothing(
    service: Service,
) -> None:
    placed, unknown = (await service.placed()).id, (await place(service.stored)).record.id
    for order_id in (placed, unknown, an_order_id()):
        with pytest.raises(RateLimited):
            await service.read(order_id, STAFF, refused())
    assert await service.cached(unknown) is None


async def test_where_the_cache_asks_the_storage_it_is_asked_by_those_who_are_let_in_alone() -> None:
    class Asking(MemoryOrderCache):
        asks_storage = True
        asked = 0

        async def get(self, order_id: OrderId) -> CacheAnswer:
            self.asked += 1
            return await super().get(order_id)

    cache = Asking(300)
    service = Service(cache=cache)
    placed = await service.placed()
    with pytest.raises(RateLimited):
        await service.read(placed.id, STAFF, refused())
    assert cache.asked == 0
    assert (await service.read(placed.id, STAFF, admitted())).cache is CacheState.HIT
    assert cache.asked == 1


async def test_whoever_is_not_is_refused_also_where_the_cache_cannot_be_asked() -> None:
    class Failing(UnreachableCache):
        async def get(self, _order_id: OrderId) -> CacheAnswer:
            raise Unavailable

    with pytest.raises(RateLimited):
        await Service(cache=Failing()).read(an_order_id(), STAFF, refused())


async def test_an_order_that_nobody_placed_is_not_found(service: Service) -> None:
    with pytest.raises(OrderNotFound):
        await service.read(an_order_id(), STAFF)


async def test_without_the_cache_an_order_is_read_past_it() -> None:
    cache = UnreachableCache()
    service = Service(cache=cache)
    write = await place(service.stored)
    found = await service.read(write.record.id, STAFF)
    assert found == FoundOrder(write.document, CacheState.BYPASS)
    assert cache.tried == 0
