import asyncio
from collections.abc import Awaitable, Callable

import pytest

from application.delivery.topics import PROCESSING
from application.documents import OrderWrite
from application.errors import ConcurrentUpdate
from application.ports.transaction import Transaction
from domain.errors import OrderNotFound
from domain.ids import OrderId
from domain.order.events import Outcome
from domain.order.order import OrderChange
from domain.order.status import OrderStatus
from tests.support.adapters import Adapters
from tests.support.orders import (
    CANCELED,
    PAID,
    PENDING,
    RENDERER,
    SHIPPED,
    STAFF,
    a_placed_order,
    an_order_id,
    rendered_write,
)
from tests.support.storage_actions import an_owner, move, order_in, place, process, publish, waiting
from tests.support.time import NOW


async def pay_and_process(tx: Transaction, order_id: OrderId) -> None:
    """Use every write that a transaction supports, but do not commit."""
    assert await tx.inbox.add(PROCESSING, order_id, NOW)
    await tx.effects.record(order_id, Outcome.FULFILLED, NOW)
    order = await tx.orders.get(order_id)
    await tx.orders.save(rendered_write(order.move_to(PAID, STAFF, None, NOW)))


async def save_and_commit(tx: Transaction, change: OrderChange | None) -> None:
    """Save and commit. An adapter may detect a concurrent writer in either call."""
    await tx.orders.save(rendered_write(change))
    await tx.commit()


async def assert_unchanged(placed: OrderWrite, adapters: Adapters) -> None:
    order_id = placed.record.id
    assert await adapters.reader.find(order_id) == placed.document
    found = await adapters.history.steps(order_id)
    assert found is not None
    assert list(found[1]) == [placed.step]
    assert await waiting(adapters.outbox) == []
    assert await adapters.stored_facts.effects(order_id) == []
    async with adapters.begin() as tx:
        assert await tx.inbox.add(PROCESSING, order_id, NOW)


async def test_an_order_is_returned_as_stored(adapters: Adapters) -> None:
    placed = a_placed_order(await an_owner(adapters), reference="cart-1")
    await adapters.storage.add(rendered_write(placed))
    assert await order_in(adapters, placed.order.id) == placed.order


async def test_a_missing_order_is_not_found(adapters: Adapters) -> None:
    async with adapters.begin() as tx:
        with pytest.raises(OrderNotFound):
            await tx.orders.get(an_order_id())


async def test_a_committed_write_is_visible_to_all_readers(adapters: Adapters) -> None:
    placed = await place(adapters)
    order_id = placed.record.id
    await publish(adapters.outbox)
    paid = await move(adapters, order_id, PAID)
    assert await adapters.reader.find(order_id) == paid.document
    assert await adapters.reader.revision(order_id) == 2
    found = await adapters.history.steps(order_id)
    assert found is not None
    assert list(found[1]) == [placed.step, paid.step]
    assert await waiting(adapters.outbox) == [paid.event]
    assert (await order_in(adapters, order_id)).status is PAID


async def test_an_uncommitted_transaction_is_rolled_back(adapters: Adapters) -> None:
    placed = await place(adapters)
    await publish(adapters.outbox)
    async with adapters.begin() as tx:
        await pay_and_process(tx, placed.record.id)
    await assert_unchanged(placed, adapters)


async def test_a_transaction_that_raises_is_rolled_back(adapters: Adapters) -> None:
    placed = await place(adapters)
    await publish(adapters.outbox)

    async def write_and_fail() -> None:
        async with adapters.begin() as tx:
            await pay_and_process(tx, placed.record.id)
            raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        await write_and_fail()
    await assert_unchanged(placed, adapters)


async def test_a_canceled_transaction_is_rolled_back(adapters: Adapters) -> None:
    placed = await place(adapters)
    await publish(adapters.outbox)
    written = asyncio.Event()

    async def write_and_linger() -> None:
        async with adapters.begin() as tx:
            await pay_and_process(tx, placed.record.id)
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_linger())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await assert_unchanged(placed, adapters)


async def test_a_write_is_invisible_before_its_commit(adapters: Adapters) -> None:
    placed = await place(adapters)
    async with adapters.begin() as tx:
        order = await tx.orders.get(placed.record.id)
        await tx.orders.save(rendered_write(order.move_to(PAID, STAFF, None, NOW)))
        assert await adapters.reader.find(placed.record.id) == placed.document
        assert (await order_in(adapters, placed.record.id)).status is PENDING
        await tx.commit()
    assert await adapters.reader.revision(placed.record.id) == 2


async def test_a_transaction_sees_changes_committed_after_its_start(
    adapters: Adapters,
) -> None:
    placed = await place(adapters)
    async with adapters.begin() as tx:
        await tx.orders.get(placed.record.id)
        await move(adapters, placed.record.id, PAID)
        assert (await tx.orders.get(placed.record.id)).status is PAID


async def write_too_late(
    adapters: Adapters, order_id: OrderId, meanwhile: Callable[[], Awaitable[object]]
) -> None:
    """Process an order, and run an action between its read and its write."""
    async with adapters.begin() as tx:
        assert await tx.inbox.add(PROCESSING, order_id, NOW)
        order = await tx.orders.get(order_id)
        await meanwhile()
        await tx.effects.record(order_id, order.outcome_if_processed_now, NOW)
        await tx.orders.save(rendered_write(order.finish_processing(NOW)))
        await tx.commit()


async def test_a_write_based_on_an_older_revision_is_rejected(
    adapters: Adapters,
) -> None:
    order_id = (await place(adapters)).record.id
    with pytest.raises(ConcurrentUpdate):
        await write_too_late(adapters, order_id, lambda: move(adapters, order_id, PAID))
    order = await order_in(adapters, order_id)
    assert order.status is PAID
    assert not order.is_processed


async def test_processing_makes_an_older_revision_stale(
    adapters: Adapters,
) -> None:
    order_id = (await place(adapters)).record.id
    async with adapters.begin() as tx:
        order = await tx.orders.get(order_id)
        await process(adapters, order_id)
        paid = rendered_write(order.move_to(PAID, STAFF, None, NOW))
        with pytest.raises(ConcurrentUpdate):
            await tx.orders.save(paid)
    assert (await order_in(adapters, order_id)).status is PENDING


async def test_a_rejected_write_rolls_its_transaction_back(
    adapters: Adapters,
) -> None:
    order_id = (await place(adapters)).record.id
    with pytest.raises(ConcurrentUpdate):
        await write_too_late(adapters, order_id, lambda: move(adapters, order_id, PAID))
    assert await adapters.stored_facts.effects(order_id) == []
    async with adapters.begin() as tx:
        assert await tx.inbox.add(PROCESSING, order_id, NOW)


async def test_an_unknown_order_cannot_be_changed(adapters: Adapters) -> None:
    order = a_placed_order(await an_owner(adapters)).order
    paid = order.move_to(PAID, STAFF, None, NOW)
    async with adapters.begin() as tx:
        with pytest.raises(ConcurrentUpdate):
            await save_and_commit(tx, paid)
    assert await adapters.reader.find(order.id) is None


async def test_one_of_two_writers_with_the_same_revision_is_rejected(adapters: Adapters) -> None:
    placed = await place(adapters)
    await publish(adapters.outbox)
    both_have_read = asyncio.Barrier(2)

    async def write(status: OrderStatus) -> OrderWrite | None:
        try:
            async with adapters.begin() as tx:
                order = await tx.orders.get(placed.record.id)
                await both_have_read.wait()
                written = rendered_write(order.move_to(status, STAFF, None, NOW))
                await tx.orders.save(written)
                await tx.commit()
        except ConcurrentUpdate:
            return None
        return written

    answers = await asyncio.gather(write(PAID), write(CANCELED))
    [winner] = [answer for answer in answers if answer]
    assert await adapters.reader.find(placed.record.id) == winner.document
    found = await adapters.history.steps(placed.record.id)
    assert found is not None
    assert list(found[1]) == [placed.step, winner.step]
    assert await waiting(adapters.outbox) == [winner.event]


async def test_concurrent_writers_that_retry_are_serialized(
    adapters: Adapters,
) -> None:
    placed = await place(adapters)
    order_id = placed.record.id

    async def until_done(act: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await act()
            except ConcurrentUpdate:
                continue
            return

    async def ship() -> None:
        await until_done(lambda: move(adapters, order_id, PAID))
        await until_done(lambda: move(adapters, order_id, SHIPPED))

    await asyncio.gather(ship(), until_done(lambda: process(adapters, order_id)))
    order = await order_in(adapters, order_id)
    assert (order.status, order.version, order.revision) == (SHIPPED, 3, 4)
    found = await adapters.history.steps(order_id)
    assert found is not None
    assert [step.after for step in found[1]] == [PENDING, PAID, SHIPPED]


async def test_an_order_is_stored_unchanged_through_its_whole_lifecycle(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id

    async def assert_stored(write: OrderWrite) -> None:
        assert await adapters.reader.find(order_id) == write.document
        assert RENDERER.record(await order_in(adapters, order_id)) == write.record

    await assert_stored(await move(adapters, order_id, PAID))
    await assert_stored(await process(adapters, order_id))
    await assert_stored(await move(adapters, order_id, SHIPPED))
