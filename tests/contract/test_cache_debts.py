from datetime import timedelta

from domain.ids import OrderId
from tests.support.adapters import Adapters
from tests.support.orders import an_order_id
from tests.support.storage_actions import owe

A_MINUTE = 60.0


async def debtors(adapters: Adapters, limit: int = 100) -> list[OrderId]:
    return [debt.order_id for debt in await adapters.cache_debts.oldest(limit)]


async def owed_one_after_the_other(adapters: Adapters, count: int) -> list[OrderId]:
    order_ids = [an_order_id() for _ in range(count)]
    for order_id in order_ids:
        await owe(adapters, order_id)
        await adapters.pass_time(A_MINUTE)
    return order_ids


async def test_the_oldest_debts_come_first(adapters: Adapters) -> None:
    order_ids = await owed_one_after_the_other(adapters, 3)
    assert await debtors(adapters) == order_ids
    assert await debtors(adapters, 2) == order_ids[:2]


async def test_concurrent_debts_are_recorded_once_per_order(adapters: Adapters) -> None:
    order_ids = [an_order_id() for _ in range(300)]
    await owe(adapters, *order_ids)
    await owe(adapters, *order_ids[:10])
    assert set(await debtors(adapters, 1_000)) == set(order_ids)
    assert await debtors(adapters, 0) == []


async def test_settled_debts_are_deleted(adapters: Adapters) -> None:
    order_ids = await owed_one_after_the_other(adapters, 3)
    debts = await adapters.cache_debts.oldest(2)
    await adapters.cache_debts.settle(debts)
    await adapters.cache_debts.settle(debts)
    await adapters.cache_debts.settle([])
    assert await debtors(adapters) == order_ids[2:]


async def test_a_renewed_debt_is_not_settled(
    adapters: Adapters,
) -> None:
    one, other = await owed_one_after_the_other(adapters, 2)
    debts = await adapters.cache_debts.oldest(2)
    await owe(adapters, one)
    await adapters.cache_debts.settle(debts)
    assert await debtors(adapters) == [one]
    assert other not in await debtors(adapters)


async def test_counting_ends_at_the_limit(adapters: Adapters) -> None:
    await owed_one_after_the_other(adapters, 3)
    assert [(await adapters.cache_debts.count(limit))[0] for limit in (2, 3, 4)] == [2, 3, 3]


async def test_all_debts_up_to_a_time_are_settled(adapters: Adapters) -> None:
    *_, last = await owed_one_after_the_other(adapters, 3)
    _, counted_at = await adapters.cache_debts.count(10)
    await adapters.cache_debts.settle_all(counted_at - timedelta(seconds=1.5 * A_MINUTE))
    assert await debtors(adapters) == [last]
    await adapters.cache_debts.settle_all(counted_at)
    assert await debtors(adapters) == []


async def test_a_later_debt_is_kept(adapters: Adapters) -> None:
    _, counted_at = await adapters.cache_debts.count(10)
    await adapters.pass_time(-0.001)
    order_id = an_order_id()
    await owe(adapters, order_id)
    await adapters.cache_debts.settle_all(counted_at - timedelta(seconds=1))
    assert await debtors(adapters) == [order_id]
