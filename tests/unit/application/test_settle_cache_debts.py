from datetime import timedelta

import pytest

from application.delivery import settle_cache_debts as pay_cache_debts
from application.delivery.refresh_cache import RefreshCache
from application.delivery.settle_cache_debts import BATCH, SettleCacheDebts
from domain.ids import OrderId
from tests.support.faults import FlickeringCache
from tests.support.orders import PAID, an_order_id
from tests.support.service import CACHE_TTL_SECONDS, Service
from tests.support.storage_actions import move, owe


class Debtor:
    """A service whose cache is unavailable, and the use case that pays the resulting debts."""

    def __init__(self) -> None:
        self.cache = FlickeringCache()
        self.service = Service(cache=self.cache)
        self.stored = self.service.stored
        self.pay = SettleCacheDebts(
            self.stored.cache_debts,
            self.cache,
            RefreshCache(self.stored.reader, self.cache),
            timedelta(seconds=CACHE_TTL_SECONDS),
        )
        self.cache.is_reachable = False

    async def owed(self) -> list[OrderId]:
        return [debt.order_id for debt in await self.stored.cache_debts.oldest(1_000)]

    async def a_stale_order(self) -> OrderId:
        self.cache.is_reachable = True
        order_id = (await self.service.placed()).id
        self.cache.is_reachable = False
        await move(self.stored, order_id, PAID)
        await owe(self.stored, order_id)
        return order_id


@pytest.fixture
def debtor() -> Debtor:
    return Debtor()


async def test_without_debts_nothing_is_paid(debtor: Debtor) -> None:
    assert await debtor.pay() == 0


async def test_debts_are_paid_when_the_cache_is_available_again(debtor: Debtor) -> None:
    orders = [await debtor.a_stale_order() for _ in range(3)]
    assert await debtor.pay() == 0
    assert await debtor.owed() == orders
    debtor.cache.is_reachable = True
    assert [await debtor.pay() for _ in range(3)] == [1, 2, 0]
    for order_id in orders:
        document = (await debtor.cache.get(order_id)).document
        assert document
        assert document.revision == 2
    assert await debtor.owed() == []


async def test_a_round_pays_a_batch_of_debts(debtor: Debtor) -> None:
    await owe(debtor.stored, *(an_order_id() for _ in range(BATCH + 2)))
    debtor.cache.is_reachable = True
    assert [await debtor.pay() for _ in range(4)] == [1, BATCH, 1, 0]


async def test_a_round_tries_one_order_while_the_cache_is_unavailable(debtor: Debtor) -> None:
    orders = [await debtor.a_stale_order() for _ in range(2)]
    debtor.cache.is_reachable = True
    assert await debtor.pay() == 1
    debtor.cache.is_reachable = False
    assert [await debtor.pay() for _ in range(2)] == [0, 0]
    await owe(debtor.stored, await debtor.a_stale_order())
    debtor.cache.is_reachable = True
    assert [await debtor.pay() for _ in range(3)] == [1, 1, 0]
    assert orders


async def test_a_debt_older_than_any_entry_is_dropped(debtor: Debtor) -> None:
    await debtor.a_stale_order()
    await debtor.service.clock.advance(CACHE_TTL_SECONDS + 1)
    young = await debtor.a_stale_order()
    await debtor.pay()
    assert await debtor.owed() == [young]


async def test_too_many_debts_invalidate_the_whole_cache(
    debtor: Debtor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pay_cache_debts, "MAX_DEBTS", 2)
    orders = [await debtor.a_stale_order() for _ in range(3)]
    assert await debtor.pay() == 0
    assert await debtor.owed() == orders
    debtor.cache.is_reachable = True
    assert await debtor.pay() == 3
    assert await debtor.owed() == []
    for order_id in orders:
        assert (await debtor.cache.get(order_id)).document is None


async def test_as_many_debts_as_allowed_are_paid_one_by_one(
    debtor: Debtor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pay_cache_debts, "MAX_DEBTS", 2)
    orders = [await debtor.a_stale_order() for _ in range(2)]
    debtor.cache.is_reachable = True
    assert [await debtor.pay() for _ in range(3)] == [1, 1, 0]
    for order_id in orders:
        assert (await debtor.cache.get(order_id)).document is not None
