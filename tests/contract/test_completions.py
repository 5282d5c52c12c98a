import asyncio

import pytest

from application.delivery.topics import PROCESSING
from application.documents import OrderWrite
from application.errors import ConcurrentUpdate
from application.ports.transaction import Completion
from domain.ids import OrderId
from domain.order.events import Outcome
from domain.order.order import Order
from tests.support.adapters import Adapters
from tests.support.orders import CANCELED, PAID, a_placed_order, rendered_write
from tests.support.storage_actions import an_owner, move, order_in, place, publish, waiting
from tests.support.time import NOW

#: More than enough for calls that do not have to wait, in seconds.
A_WHILE = 0.05


def completion_of(order: Order) -> Completion:
    write = rendered_write(order.finish_processing(NOW))
    return Completion(PROCESSING, write, order.outcome_if_processed_now)


async def a_completion(adapters: Adapters, placed: OrderWrite | None = None) -> Completion:
    """Return the completion of a stored order as it is now. Store a new one unless it is given."""
    write = placed or await place(adapters)
    return completion_of(await order_in(adapters, write.record.id))


async def answer_to(adapters: Adapters, completion: Completion) -> bool | None:
    """Return the answer, or None if the race was lost."""
    try:
        return await adapters.storage.complete(completion)
    except ConcurrentUpdate:
        return None


async def is_in_inbox(adapters: Adapters, order_id: OrderId) -> bool:
    async with adapters.begin() as tx:
        return not await tx.inbox.add(PROCESSING, order_id, NOW)


async def assert_stored(adapters: Adapters, completion: Completion) -> None:
    write = completion.write
    assert await adapters.reader.find(write.record.id) == write.document
    assert await adapters.stored_facts.effects(write.record.id) == [completion.outcome]
    assert await is_in_inbox(adapters, write.record.id)


async def assert_unchanged(adapters: Adapters, last: OrderWrite) -> None:
    assert await adapters.reader.find(last.record.id) == last.document
    assert await adapters.stored_facts.effects(last.record.id) == []
    assert not await is_in_inbox(adapters, last.record.id)


async def test_a_processed_order_is_stored_with_its_effect_message_and_event(
    adapters: Adapters,
) -> None:
    completion = await a_completion(adapters)
    await publish(adapters.outbox)
    assert await adapters.storage.complete(completion)
    await assert_stored(adapters, completion)
    assert await waiting(adapters.outbox) == [completion.write.event]
    order = await order_in(adapters, completion.write.record.id)
    assert (order.processed_at, order.revision, order.version) == (NOW, 2, 1)


async def test_the_status_and_the_history_do_not_change(adapters: Adapters) -> None:
    placed = await place(adapters)
    canceled = await move(adapters, placed.record.id, CANCELED)
    completion = await a_completion(adapters, placed)
    assert await adapters.storage.complete(completion)
    await assert_stored(adapters, completion)
    assert completion.outcome is Outcome.SKIPPED
    assert (await order_in(adapters, placed.record.id)).status is CANCELED
    found = await adapters.history.steps(placed.record.id)
    assert found is not None
    assert list(found[1]) == [placed.step, canceled.step]


async def test_an_order_in_the_inbox_is_not_processed_again(adapters: Adapters) -> None:
    placed = await place(adapters)
    await publish(adapters.outbox)
    completion = await a_completion(adapters, placed)
    async with adapters.begin() as tx:
        assert await tx.inbox.add(PROCESSING, placed.record.id, NOW)
        await tx.commit()
    assert await adapters.storage.complete(completion) is False
    assert await adapters.reader.find(placed.record.id) == placed.document
    assert await adapters.stored_facts.effects(placed.record.id) == []
    assert await waiting(adapters.outbox) == []


async def test_another_consumers_message_does_not_matter(adapters: Adapters) -> None:
    completion = await a_completion(adapters)
    async with adapters.begin() as tx:
        assert await tx.inbox.add("another consumer", completion.write.record.id, NOW)
        await tx.commit()
    assert await adapters.storage.complete(completion)
    await assert_stored(adapters, completion)


async def test_an_order_that_has_changed_is_not_stored(adapters: Adapters) -> None:
    placed = await place(adapters)
    completion = await a_completion(adapters, placed)
    paid = await move(adapters, placed.record.id, PAID)
    await publish(adapters.outbox)
    await publish(adapters.outbox)
    with pytest.raises(ConcurrentUpdate):
        await adapters.storage.complete(completion)
    assert await waiting(adapters.outbox) == []
    await assert_unchanged(adapters, paid)


async def test_an_unknown_order_is_not_stored(adapters: Adapters) -> None:
    order = a_placed_order(await an_owner(adapters)).order
    with pytest.raises(ConcurrentUpdate):
        await adapters.storage.complete(completion_of(order))
    assert await adapters.stored_facts.effects(order.id) == []
    assert not await is_in_inbox(adapters, order.id)


async def test_only_one_of_many_concurrent_calls_stores_an_order(adapters: Adapters) -> None:
    placed = await place(adapters)
    await publish(adapters.outbox)
    calls = [await a_completion(adapters, placed) for _ in range(10)]
    answers = await asyncio.gather(*(answer_to(adapters, call) for call in calls))
    assert answers.count(True) == 1
    winner = calls[answers.index(True)]
    await assert_stored(adapters, winner)
    assert await waiting(adapters.outbox) == [winner.write.event]


async def test_rejected_calls_do_not_affect_concurrent_calls(adapters: Adapters) -> None:
    placed = [await place(adapters) for _ in range(30)]
    calls = [await a_completion(adapters, each) for each in placed]
    stale, known = placed[4], placed[7]
    paid = await move(adapters, stale.record.id, PAID)
    async with adapters.begin() as tx:
        await tx.inbox.add(PROCESSING, known.record.id, NOW)
        await tx.commit()
    unknown = completion_of(a_placed_order(await an_owner(adapters)).order)
    answers = await asyncio.gather(*(answer_to(adapters, each) for each in [*calls, unknown]))
    expected: list[bool | None] = [True] * 30
    expected[4], expected[7] = None, False
    assert answers == [*expected, None]
    for call, answer in zip(calls, answers[:-1], strict=True):
        if answer:
            await assert_stored(adapters, call)
    await assert_unchanged(adapters, paid)


async def test_a_call_waits_for_a_message_that_is_being_added(adapters: Adapters) -> None:
    completion = await a_completion(adapters)
    async with adapters.begin() as tx:
        assert await tx.inbox.add(PROCESSING, completion.write.record.id, NOW)
        call = asyncio.create_task(adapters.storage.complete(completion))
        await asyncio.sleep(A_WHILE)
        assert not call.done()
        await tx.commit()
    assert await call is False
    assert await adapters.stored_facts.effects(completion.write.record.id) == []


async def test_a_call_is_stored_if_the_message_is_not_added_after_all(adapters: Adapters) -> None:
    completion = await a_completion(adapters)
    async with adapters.begin() as tx:
        assert await tx.inbox.add(PROCESSING, completion.write.record.id, NOW)
        call = asyncio.create_task(adapters.storage.complete(completion))
        await asyncio.sleep(A_WHILE)
        assert not call.done()
    assert await call
    await assert_stored(adapters, completion)


async def test_a_processed_order_is_no_longer_stalled(adapters: Adapters) -> None:
    placed = await place(adapters)
    await publish(adapters.outbox)
    assert await adapters.unprocessed.exist()
    await adapters.storage.complete(await a_completion(adapters, placed))
    assert not await adapters.unprocessed.exist()
