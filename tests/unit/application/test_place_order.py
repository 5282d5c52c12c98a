import pytest

from adapters.memory.cache import MemoryOrderCache
from adapters.system.clock_and_ids import Uuid7Generator
from application.documents import OrderDocument, OrderWrite
from application.orders.change_status import ChangeStatusCommand
from application.orders.place_order import PlaceOrder, PlaceOrderCommand
from application.ports.orders import CacheAnswer, CacheState
from domain.actor import Actor, ActorKind
from domain.errors import ReferenceTaken
from domain.ids import OrderId
from domain.order.status import OrderStatus
from tests.support.faults import UnreachableCache
from tests.support.orders import IDS, STAFF, tea
from tests.support.service import Service
from tests.support.storage_actions import an_owner, order_in, waiting
from tests.support.time import NOW


async def test_a_new_order_is_stored_as_it_is_returned(service: Service) -> None:
    owner = await an_owner(service.stored)
    placed = await service.create(PlaceOrderCommand(owner, tea(3), "cart-1"))
    assert await service.stored.reader.find(placed.id) == placed.document
    order = await order_in(service.stored, placed.id)
    assert (order.owner, order.lines, order.reference) == (owner, tea(3), "cart-1")
    assert (order.status, order.version, order.created_at) == (OrderStatus.PENDING, 1, NOW)


async def test_a_new_order_is_cached_when_it_is_returned(service: Service) -> None:
    placed = await service.placed()
    assert await service.cache.get(placed.id) == CacheAnswer(CacheState.HIT, placed.document)


async def test_a_late_offer_does_not_replace_a_newer_revision() -> None:
    class Delayed(MemoryOrderCache):
        """A cache that only records an offer, which the test can then make later."""

        def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
            self.late = order_id, document, lease

    cache = Delayed(300)
    service = Service(cache=cache)
    placed = await service.placed()
    owner = Actor(ActorKind.USER, placed.document.owner)
    paid = await service.change(ChangeStatusCommand(placed.id, OrderStatus.PAID, owner))
    MemoryOrderCache.offer(cache, *cache.late)
    assert (await service.read(placed.id, owner)).document == paid


async def test_a_change_between_the_commit_and_the_offer_is_not_hidden(service: Service) -> None:
    class Storage:
        """Changes each new order right after it has been stored."""

        begin = service.stored.storage.begin
        add_once = service.stored.storage.add_once
        complete = service.stored.storage.complete

        async def add(self, write: OrderWrite) -> None:
            await service.stored.storage.add(write)
            await service.change(ChangeStatusCommand(write.record.id, OrderStatus.PAID, STAFF))

    create = PlaceOrder(service.writes(Storage()), service.clock, IDS)
    placed = await create(PlaceOrderCommand(await an_owner(service.stored), tea()))
    assert (await service.read(placed.id, STAFF)).document.version == 2


async def test_a_refused_order_is_not_cached() -> None:
    class Recording(MemoryOrderCache):
        """A cache that lists the orders offered to it."""

        def offer(self, order_id: OrderId, document: OrderDocument, lease: str) -> None:
            offered.append(order_id)
            super().offer(order_id, document, lease)

    offered: list[OrderId] = []
    service = Service(cache=Recording(300))
    owner = await an_owner(service.stored)
    first = await service.create(PlaceOrderCommand(owner, tea(), "cart-1"))
    with pytest.raises(ReferenceTaken):
        await service.create(PlaceOrderCommand(owner, tea(), "cart-1"))
    assert offered == [first.id]


async def test_a_new_order_is_announced_and_wakes_the_relay(service: Service) -> None:
    owner = await an_owner(service.stored)
    placed = await service.create(PlaceOrderCommand(owner, tea()))
    [event] = await waiting(service.stored.outbox)
    assert (event.subject, event.type, event.payload) == (
        placed.id,
        "order.created",
        placed.document.body,
    )
    assert service.relay_was_notified


async def test_the_first_step_of_a_new_order_has_its_owner_as_actor(service: Service) -> None:
    placed = await service.placed()
    found = await service.stored.history.steps(placed.id)
    assert found is not None
    [step] = found[1]
    assert step.by == Actor(ActorKind.USER, placed.document.owner)


async def test_the_id_of_a_new_order_contains_its_time(service: Service) -> None:
    await service.clock.advance(3600)
    # Uses a new generator because ids from the shared one may be ahead of this test's time.
    create = PlaceOrder(service.writes(service.stored.storage), service.clock, Uuid7Generator())
    placed = await create(PlaceOrderCommand(await an_owner(service.stored), tea()))
    assert placed.id.int >> 80 == int(service.clock.now().timestamp() * 1000)


async def test_a_second_order_with_the_same_reference_is_refused(
    service: Service,
) -> None:
    owner = await an_owner(service.stored)
    first = await service.create(PlaceOrderCommand(owner, tea(), "cart-1"))
    await service.relay_wakeup.wait(0)
    with pytest.raises(ReferenceTaken):
        await service.create(PlaceOrderCommand(owner, tea(), "cart-1"))
    assert not service.relay_was_notified
    assert [event.subject for event in await waiting(service.stored.outbox)] == [first.id]


async def test_an_order_can_be_placed_without_the_cache() -> None:
    service = Service(cache=UnreachableCache())
    placed = await service.placed()
    assert await service.stored.reader.find(placed.id) == placed.document
