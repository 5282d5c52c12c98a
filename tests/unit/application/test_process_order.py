import asyncio

import pytest

from application.delivery.topics import PROCESSING
from application.errors import ConcurrentUpdate, ProcessingFailed, Unavailable
from domain.errors import OrderNotFound
from domain.order.events import Outcome
from tests.support.faults import Interrupted, UnreachableCache
from tests.support.orders import CANCELED, PAID, SHIPPED, an_order_id
from tests.support.service import Service, nothing
from tests.support.storage_actions import move, order_in, publish, waiting
from tests.support.time import NOW


async def test_fulfilment_is_recorded(service: Service) -> None:
    placed = await service.placed()
    await service.clock.advance(5)
    assert await service.process(placed.id) is Outcome.FULFILLED
    assert service.shop.fulfilled == [placed.id]
    assert await service.stored.stored_facts.effects(placed.id) == [Outcome.FULFILLED]
    order = await order_in(service.stored, placed.id)
    assert (order.processed_at, order.version) == (service.clock.now(), 1)


async def test_processing_is_cached_announced_and_wakes_the_relay(service: Service) -> None:
    placed = await service.placed()
    await publish(service.stored.outbox)
    await service.process(placed.id)
    document = await service.cached(placed.id)
    assert document is not None
    assert (document.version, document.is_processed) == (1, True)
    assert document == await service.stored.reader.find(placed.id)
    [event] = await waiting(service.stored.outbox)
    assert event.type == "order.processed"
    assert service.relay_was_notified


async def test_a_processed_order_is_not_processed_again(service: Service) -> None:
    placed = await service.placed()
    await service.process(placed.id)
    await service.relay_wakeup.wait(0)
    assert await service.process(placed.id) is None
    assert service.shop.fulfilled == [placed.id]
    assert await service.stored.stored_facts.effects(placed.id) == [Outcome.FULFILLED]
    assert not service.relay_was_notified


async def test_ten_concurrent_runs_have_one_effect(
    service: Service,
) -> None:
    placed = await service.placed()
    await publish(service.stored.outbox)
    outcomes = await asyncio.gather(*(service.process(placed.id) for _ in range(10)))
    assert sorted(outcomes, key=str) == [None] * 9 + [Outcome.FULFILLED]
    assert await service.stored.stored_facts.effects(placed.id) == [Outcome.FULFILLED]
    assert [event.type for event in await publish(service.stored.outbox)] == ["order.processed"]
    assert await waiting(service.stored.outbox) == []


async def test_an_order_in_the_inbox_is_not_recorded_again(service: Service) -> None:
    placed = await service.placed()
    await publish(service.stored.outbox)
    async with service.stored.begin() as tx:
        assert await tx.inbox.add(PROCESSING, placed.id, NOW)
        await tx.commit()
    assert await service.process(placed.id) is None
    assert await waiting(service.stored.outbox) == []
    assert not service.relay_was_notified


@pytest.mark.parametrize("seconds", [11, -3_600])
async def test_an_order_is_read_again_after_a_slow_fulfilment(
    service: Service, seconds: float
) -> None:
    placed = await service.placed(reference="a name")
    owner = placed.document.owner

    async def erase_slowly() -> None:
        await service.clock.advance(seconds)
        await service.stored.erasures.begin(owner, "hash", "new hash", service.clock.now())
        await service.stored.erasures.erase_some(owner, 1)

    service.shop.meanwhile = erase_slowly
    assert await service.process(placed.id) is Outcome.FULFILLED
    document = await service.cached(placed.id)
    assert document is not None
    assert b"a name" not in document.body


async def test_a_canceled_order_is_skipped(
    service: Service,
) -> None:
    placed = await service.placed()
    await move(service.stored, placed.id, CANCELED)
    assert await service.process(placed.id) is Outcome.SKIPPED
    assert service.shop.fulfilled == []
    assert await service.stored.stored_facts.effects(placed.id) == [Outcome.SKIPPED]


async def test_an_order_canceled_during_its_fulfilment_is_skipped(
    service: Service,
) -> None:
    placed = await service.placed()
    service.shop.meanwhile = lambda: move(service.stored, placed.id, CANCELED)
    assert await service.process(placed.id) is Outcome.SKIPPED
    assert await service.stored.stored_facts.effects(placed.id) == [Outcome.SKIPPED]
    order = await order_in(service.stored, placed.id)
    assert (order.status, order.version, order.revision) == (CANCELED, 2, 3)


async def test_a_lost_race_does_not_repeat_the_fulfilment(
    service: Service,
) -> None:
    placed = await service.placed()
    steps = [PAID, SHIPPED]

    async def another_writer() -> None:
        if steps:
            await move(service.stored, placed.id, steps.pop(0))

    process = service.processing(Interrupted(service.stored.storage, another_writer))
    assert await process(placed.id) is Outcome.FULFILLED
    assert service.shop.fulfilled == [placed.id]
    assert await service.stored.stored_facts.effects(placed.id) == [Outcome.FULFILLED]
    assert (await order_in(service.stored, placed.id)).status is SHIPPED


async def test_an_order_canceled_before_the_record_is_skipped(
    service: Service,
) -> None:
    placed = await service.placed()
    steps = [CANCELED]

    async def another_writer() -> None:
        if steps:
            await move(service.stored, placed.id, steps.pop())

    process = service.processing(Interrupted(service.stored.storage, another_writer))
    assert await process(placed.id) is Outcome.SKIPPED
    assert await service.stored.stored_facts.effects(placed.id) == [Outcome.SKIPPED]


async def test_a_failed_fulfilment_records_nothing_and_can_be_retried(
    service: Service,
) -> None:
    placed = await service.placed()

    async def break_down() -> None:
        raise ConnectionError("the shop is closed")

    service.shop.meanwhile = break_down
    with pytest.raises(ProcessingFailed, match="the shop is closed") as failed:
        await service.process(placed.id)
    assert isinstance(failed.value.__cause__, ConnectionError)
    assert await service.stored.stored_facts.effects(placed.id) == []
    service.shop.meanwhile = nothing
    assert await service.process(placed.id) is Outcome.FULFILLED


async def test_an_unavailable_server_is_no_processing_failure(
    service: Service,
) -> None:
    placed = await service.placed()

    async def be_away() -> None:
        raise Unavailable

    service.shop.meanwhile = be_away
    with pytest.raises(Unavailable):
        await service.process(placed.id)


async def test_a_permanently_lost_race_records_nothing(
    service: Service,
) -> None:
    placed = await service.placed()

    async def lose() -> None:
        raise ConcurrentUpdate

    process = service.processing(Interrupted(service.stored.storage, lose))
    with pytest.raises(ConcurrentUpdate):
        await process(placed.id)
    assert service.shop.fulfilled == [placed.id]
    assert await service.stored.stored_facts.effects(placed.id) == []
    assert await service.process(placed.id) is Outcome.FULFILLED


async def test_a_missing_order_is_not_found(service: Service) -> None:
    with pytest.raises(OrderNotFound):
        await service.process(an_order_id())
    assert service.shop.fulfilled == []


async def test_an_order_can_be_processed_without_the_cache() -> None:
    service = Service(cache=UnreachableCache())
    placed = await service.placed()
    assert await service.process(placed.id) is Outcome.FULFILLED
