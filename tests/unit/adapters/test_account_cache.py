import asyncio
from dataclasses import replace

import pytest

from adapters.memory.account_cache import FRESH_SECONDS, MAX_ENTRIES, TimedAccountCache
from adapters.memory.storage import MemoryStorage
from application.errors import Unavailable
from domain.account import Account
from domain.ids import UserId
from tests.support.faults import UncertainAccounts
from tests.support.orders import a_user_id
from tests.support.time import NOW, MovableClock

EMAIL = "alice@example.com"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def accounts() -> UncertainAccounts:
    return UncertainAccounts(MemoryStorage())


@pytest.fixture
def account_cache(accounts: UncertainAccounts, clock: MovableClock) -> TimedAccountCache:
    return TimedAccountCache(accounts, clock.monotonic)


@pytest.fixture
async def alice(accounts: UncertainAccounts) -> Account:
    account = Account(id=a_user_id(), email=EMAIL, created_at=NOW)
    await accounts.add(account, "hash")
    return account


async def test_an_account_is_read_once_a_second_for_any_number_of_calls(
    account_cache: TimedAccountCache, accounts: UncertainAccounts, alice: Account
) -> None:
    for _ in range(100):
        assert await account_cache.get(alice.id) == alice
    assert accounts.asked == 1


async def test_concurrent_calls_share_a_read(
    account_cache: TimedAccountCache, accounts: UncertainAccounts, alice: Account
) -> None:
    found = await asyncio.gather(*(account_cache.get(alice.id) for _ in range(100)))
    assert found == [alice] * 100
    assert accounts.asked == 1


async def test_a_cached_account_is_read_again_after_a_second(
    account_cache: TimedAccountCache,
    accounts: UncertainAccounts,
    alice: Account,
    clock: MovableClock,
) -> None:
    await account_cache.get(alice.id)
    await accounts.update(EMAIL, disabled=True)
    await clock.advance(FRESH_SECONDS)
    assert await account_cache.get(alice.id) == replace(alice, disabled=True)


async def test_a_missing_account_is_cached_too(
    account_cache: TimedAccountCache, accounts: UncertainAccounts
) -> None:
    nobody = a_user_id()
    for _ in range(2):
        assert await account_cache.get(nobody) is None
    assert accounts.asked == 1


async def test_a_cached_account_is_returned_during_an_outage(
    account_cache: TimedAccountCache,
    accounts: UncertainAccounts,
    alice: Account,
    clock: MovableClock,
) -> None:
    await account_cache.get(alice.id)
    accounts.reachable = False
    await clock.advance(3600)
    assert await account_cache.get(alice.id) == alice


async def test_an_account_that_is_not_cached_is_unavailable_during_an_outage(
    account_cache: TimedAccountCache, accounts: UncertainAccounts, alice: Account
) -> None:
    accounts.reachable = False
    with pytest.raises(Unavailable):
        await account_cache.get(alice.id)


async def test_the_least_recently_read_account_is_dropped_first(
    account_cache: TimedAccountCache, accounts: UncertainAccounts, alice: Account
) -> None:
    await account_cache.get(alice.id)
    for _ in range(MAX_ENTRIES):
        await account_cache.get(UserId(a_user_id()))
    accounts.asked = 0
    await account_cache.get(alice.id)
    assert accounts.asked == 1
