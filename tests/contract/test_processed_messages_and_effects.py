import asyncio
from uuid import UUID

from domain.order.events import Outcome
from tests.support.adapters import Adapters
from tests.support.storage_actions import place
from tests.support.time import NOW

CONSUMER = "a consumer"
#: More than enough for calls that do not have to wait, in seconds.
A_WHILE = 0.05


async def add(adapters: Adapters, message_id: UUID) -> bool:
    """Add a message to the inbox in a transaction of its own, and return whether it is new."""
    async with adapters.begin() as tx:
        is_new = await tx.inbox.add(CONSUMER, message_id, NOW)
        await tx.commit()
    return is_new


async def test_a_new_message_is_added(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    assert await add(adapters, order_id)


async def test_a_committed_message_is_not_added_again(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    await add(adapters, order_id)
    for _ in range(2):
        async with adapters.begin() as tx:
            assert not await tx.inbox.add(CONSUMER, order_id, NOW)


async def test_an_uncommitted_addition_is_rolled_back(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    for _ in range(2):
        async with adapters.begin() as tx:
            assert await tx.inbox.add(CONSUMER, order_id, NOW)


async def test_each_consumer_has_its_own_messages(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    for consumer in (CONSUMER, "another"):
        async with adapters.begin() as tx:
            assert await tx.inbox.add(consumer, order_id, NOW)
            await tx.commit()


async def test_two_messages_do_not_wait_for_each_other(adapters: Adapters) -> None:
    one, other = [(await place(adapters)).record.id for _ in range(2)]
    async with adapters.begin() as first, adapters.begin() as second:
        assert await first.inbox.add(CONSUMER, one, NOW)
        assert await second.inbox.add(CONSUMER, other, NOW)
        await second.commit()
        await first.commit()


async def test_a_concurrent_addition_waits_and_fails_after_a_commit(
    adapters: Adapters,
) -> None:
    order_id = (await place(adapters)).record.id
    async with adapters.begin() as tx:
        assert await tx.inbox.add(CONSUMER, order_id, NOW)
        second = asyncio.create_task(add(adapters, order_id))
        await asyncio.sleep(A_WHILE)
        assert not second.done()
        await tx.commit()
    assert not await second


async def test_a_concurrent_addition_waits_and_succeeds_after_a_rollback(
    adapters: Adapters,
) -> None:
    order_id = (await place(adapters)).record.id
    async with adapters.begin() as tx:
        assert await tx.inbox.add(CONSUMER, order_id, NOW)
        second = asyncio.create_task(add(adapters, order_id))
        await asyncio.sleep(A_WHILE)
        assert not second.done()
    assert await second


async def test_one_of_many_concurrent_additions_succeeds(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id

    async def come() -> bool:
        async with adapters.begin() as tx:
            admitted = await tx.inbox.add(CONSUMER, order_id, NOW)
            if admitted:
                await tx.effects.record(order_id, Outcome.FULFILLED, NOW)
            await tx.commit()
            return admitted

    answers = await asyncio.gather(*(come() for _ in range(8)))
    assert sum(answers) == 1
    assert await adapters.stored_facts.effects(order_id) == [Outcome.FULFILLED]


async def test_a_canceled_addition_does_not_block_others(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    async with adapters.begin() as tx:
        assert await tx.inbox.add(CONSUMER, order_id, NOW)
        canceled = asyncio.create_task(add(adapters, order_id))
        await asyncio.sleep(A_WHILE)
        canceled.cancel()
        await asyncio.wait([canceled])
    assert await add(adapters, order_id)


async def test_a_committed_effect_is_stored(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    async with adapters.begin() as tx:
        await tx.effects.record(order_id, Outcome.SKIPPED, NOW)
        assert await adapters.stored_facts.effects(order_id) == []
        await tx.commit()
    assert await adapters.stored_facts.effects(order_id) == [Outcome.SKIPPED]


async def test_an_uncommitted_effect_is_not_stored(adapters: Adapters) -> None:
    order_id = (await place(adapters)).record.id
    async with adapters.begin() as tx:
        await tx.effects.record(order_id, Outcome.FULFILLED, NOW)
    assert await adapters.stored_facts.effects(order_id) == []


async def test_a_second_effect_is_stored_for_the_audit(
    adapters: Adapters,
) -> None:
    order_id = (await place(adapters)).record.id
    for _ in range(2):
        async with adapters.begin() as tx:
            await tx.effects.record(order_id, Outcome.FULFILLED, NOW)
            await tx.commit()
    assert await adapters.stored_facts.effects(order_id) == [Outcome.FULFILLED] * 2
