from collections.abc import Mapping, Sequence

import pytest

from adapters.memory.cache import MemoryOrderCache
from application.delivery.relay_outbox import BATCH
from application.documents import Event
from application.errors import BrokerUnavailable
from application.ports.events import PublishReport
from domain.ids import OrderId
from tests.support.faults import Broker, FlickeringCache, UnreachableCache
from tests.support.orders import PAID, SHIPPED
from tests.support.service import Service
from tests.support.storage_actions import move, process, waiting

#: How long it takes until an unreached event is eligible again, in seconds.
LONGEST_PAUSE = 10


async def relay_everything(service: Service) -> int:
    published = 0
    while count := await service.relay():
        published += count
    return published


async def test_an_empty_outbox_publishes_nothing(service: Service) -> None:
    assert await service.relay() == 0
    assert service.broker.arrived == []


async def test_relay_has_work_while_an_event_waits(service: Service) -> None:
    assert not await service.relay.has_work()
    await service.placed()
    assert await service.relay.has_work()
    await relay_everything(service)
    assert not await service.relay.has_work()


async def test_stored_events_are_published_and_marked(service: Service) -> None:
    placed = [await service.placed() for _ in range(3)]
    assert await service.relay() == 3
    assert [event.subject for event in service.broker.arrived] == [order.id for order in placed]
    assert await service.relay() == 0
    assert len(service.broker.arrived) == 3


async def test_events_of_an_order_are_published_in_the_order_of_revisions(
    service: Service,
) -> None:
    orders = [(await service.placed()).id for _ in range(3)]
    for order_id in orders:
        await move(service.stored, order_id, PAID)
        await process(service.stored, order_id)
        await move(service.stored, order_id, SHIPPED)
    assert await relay_everything(service) == 12
    for order_id in orders:
        of_one = [event for event in service.broker.arrived if event.subject == order_id]
        assert [event.revision for event in of_one] == [1, 2, 3, 4]


async def test_a_batch_is_bounded_and_the_next_one_continues(service: Service) -> None:
    for _ in range(BATCH + 1):
        await service.placed()
    assert await service.relay() == BATCH
    assert await service.relay() == 1


async def test_a_rejected_event_delays_only_its_own_order(
    service: Service,
) -> None:
    stubborn, other = (await service.placed()).id, (await service.placed()).id
    for order_id in (stubborn, other):
        await move(service.stored, order_id, PAID)
    [refused] = [e for e in await waiting(service.stored.outbox) if e.subject == stubborn]
    service.broker.refuses.add(refused.id)
    assert await relay_everything(service) == 2
    assert {event.subject for event in service.broker.arrived} == {other}
    assert await service.stored.stored_facts.errors() == {refused.id: "too large"}


async def test_a_rejected_event_is_published_before_later_ones(
    service: Service,
) -> None:
    order_id = (await service.placed()).id
    await move(service.stored, order_id, PAID)
    [refused] = await waiting(service.stored.outbox)
    service.broker.refuses.add(refused.id)
    assert await service.relay() == 0
    service.broker.refuses.clear()
    await service.stored.pass_time(60)
    assert await relay_everything(service) == 2
    assert [event.revision for event in service.broker.arrived] == [1, 2]


async def test_an_unavailable_broker_raises_an_error_and_marks_nothing(service: Service) -> None:
    placed = await service.placed()
    service.broker.goes_away_after = 0
    with pytest.raises(BrokerUnavailable):
        await service.relay()
    [event] = await waiting(service.stored.outbox)
    assert event.subject == placed.id
    assert await service.stored.stored_facts.published() == []
    assert await service.stored.stored_facts.errors() == {event.id: "no broker answers"}


async def test_an_interrupted_batch_is_published_again_in_order(
    service: Service,
) -> None:
    orders = [(await service.placed()).id for _ in range(4)]
    for order_id in orders:
        await move(service.stored, order_id, PAID)
    service.broker.goes_away_after = 2
    with pytest.raises(BrokerUnavailable):
        await service.relay()
    assert await service.stored.stored_facts.published() == []
    service.broker.goes_away_after = None
    assert await relay_everything(service) == 8
    for order_id in orders:
        of_one = [e.revision for e in service.broker.arrived if e.subject == order_id]
        first = [of_one.index(revision) for revision in (1, 2)]
        assert first == sorted(first)


async def test_a_stale_cache_entry_is_dropped(service: Service) -> None:
    placed = await service.placed()
    # It looks like the process died after its commit and before its cache update.
    await move(service.stored, placed.id, PAID)
    assert await service.cached(placed.id) == placed.document
    await relay_everything(service)
    assert await service.cached(placed.id) is None


async def test_a_current_cache_entry_is_kept(service: Service) -> None:
    placed = await service.placed()
    paid = await move(service.stored, placed.id, PAID)
    await service.cache.put(placed.id, paid.document)
    await relay_everything(service)
    assert await service.cached(placed.id) == paid.document


class Journal:
    """All calls to broker and cache in order, with the number of events marked at that time."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int]] = []
        self.service: Service | None = None

    async def record(self, call: str) -> None:
        assert self.service is not None
        self.lines.append((call, len(await self.service.stored.stored_facts.published())))


class RecordedBroker(Broker):
    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    async def publish(self, events: Sequence[Event]) -> PublishReport:
        await self._journal.record("published")
        return await super().publish(events)


class RecordedCache(MemoryOrderCache):
    def __init__(self, journal: Journal) -> None:
        super().__init__(300)
        self._journal = journal

    async def drop_older(self, revisions: Mapping[OrderId, int]) -> frozenset[OrderId]:
        await self._journal.record("cached")
        return await super().drop_older(revisions)


async def test_the_cache_is_updated_between_publishing_and_marking() -> None:
    journal = Journal()
    journal.service = service = Service(
        cache=RecordedCache(journal), broker=RecordedBroker(journal)
    )
    await service.placed()
    journal.lines.clear()
    await service.relay()
    assert journal.lines == [("published", 0), ("cached", 0)]
    assert len(await service.stored.stored_facts.published()) == 1


async def test_the_cache_is_not_updated_while_the_broker_is_unavailable(service: Service) -> None:
    placed = await service.placed()
    await move(service.stored, placed.id, PAID)
    service.broker.goes_away_after = 0
    with pytest.raises(BrokerUnavailable):
        await service.relay()
    assert await service.cached(placed.id) == placed.document


async def test_events_are_published_without_the_cache() -> None:
    service = Service(cache=UnreachableCache())
    await service.placed()
    assert await service.relay() == 1


async def test_another_relay_can_update_the_cache_after_an_outage() -> None:
    cache = FlickeringCache()
    service = Service(cache=cache)
    order_id = (await service.placed()).id
    cache.is_reachable = False
    await move(service.stored, order_id, PAID)
    assert await relay_everything(service) == 2
    cache.is_reachable = True
    assert await cached_revision(cache, order_id) == 1  # cached when the order was placed
    assert await service.relaying()() == 1
    assert await cached_revision(cache, order_id) == 2
    assert await debts(service) == []


async def test_a_successful_cache_update_leaves_no_debt(service: Service) -> None:
    await service.placed()
    await relay_everything(service)
    assert await debts(service) == []


async def test_a_replay_does_not_update_the_cache() -> None:
    cache = UnreachableCache()
    service = Service(cache=cache)
    order_id = (await service.placed()).id
    await move(service.stored, order_id, PAID)
    await relay_everything(service)
    tried = cache.tried
    [debt] = await service.stored.cache_debts.oldest(10)
    await service.stored.cache_debts.settle([debt])
    await service.stored.outbox_admin.replay_order(order_id)
    assert await relay_everything(service) == 2
    assert [event.subject for event in service.broker.arrived] == [order_id] * 4
    assert cache.tried == tried
    assert await debts(service) == []


async def test_debts_are_paid_while_the_broker_is_unavailable() -> None:
    cache = FlickeringCache()
    service = Service(cache=cache)
    order_id = (await service.placed()).id
    cache.is_reachable = False
    await move(service.stored, order_id, PAID)
    await relay_everything(service)
    cache.is_reachable = True
    await service.placed()
    service.broker.goes_away_after = 0
    with pytest.raises(BrokerUnavailable):
        await service.relay()
    assert await cached_revision(cache, order_id) == 2


async def test_acknowledged_events_are_marked_and_unreached_ones_pause(
    service: Service,
) -> None:
    healthy, cut_off = (await service.placed()).id, (await service.placed()).id
    service.broker.cuts_off.add(cut_off)
    assert await service.relay() == 1
    assert [event.subject for event in service.broker.arrived] == [healthy]
    assert len(await service.stored.stored_facts.published()) == 1
    assert await waiting(service.stored.outbox) == []
    service.broker.cuts_off.clear()
    await service.stored.pass_time(LONGEST_PAUSE)
    assert await service.relay() == 1
    assert [event.subject for event in service.broker.arrived] == [healthy, cut_off]


async def test_a_whole_batch_of_unreached_events_does_not_delay_others(
    service: Service,
) -> None:
    for _ in range(BATCH):
        service.broker.cuts_off.add((await service.placed()).id)
    healthy = (await service.placed()).id
    with pytest.raises(BrokerUnavailable):
        await service.relay()
    assert await service.relay() == 1
    assert [event.subject for event in service.broker.arrived] == [healthy]


async def debts(service: Service) -> list[OrderId]:
    return [debt.order_id for debt in await service.stored.cache_debts.oldest(100)]


async def cached_revision(cache: FlickeringCache, order_id: OrderId) -> int | None:
    document = (await cache.get(order_id)).document
    return document.revision if document else None
