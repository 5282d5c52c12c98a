import asyncio
from dataclasses import replace

import pytest

from adapters.memory.storage import MemoryStorage
from application.account_standings import FRESH, REMEMBERED, RecentStandings
from application.errors import Unavailable
from domain.ids import UserId
from domain.user import User
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
def standings(accounts: UncertainAccounts, clock: MovableClock) -> RecentStandings:
    return RecentStandings(accounts, clock.monotonic)


@pytest.fixture
async def alice(accounts: UncertainAccounts) -> User:
    user = User(id=a_user_id(), email=EMAIL, created_at=NOW)
    await accounts.add(user, "hash")
    return user


async def test_an_account_is_read_once_a_second_however_often_it_is_asked_for(
    standings: RecentStandings, accounts: UncertainAccounts, alice: User
) -> None:
    for _ in range(100):
        assert await standings.standing(alice.id) == alice
    assert accounts.asked == 1


async def test_whoever_asks_while_it_is_being_read_waits_for_that_reading(
    standings: RecentStandings, accounts: UncertainAccounts, alice: User
) -> None:
    found = await asyncio.gather(*(standings.standing(alice.id) for _ in range(100)))
    assert found == [alice] * 100
    assert accounts.asked == 1


async def test_a_change_is_seen_after_a_second(
    standings: RecentStandings, accounts: UncertainAccounts, alice: User, clock: MovableClock
) -> None:
    await standings.standing(alice.id)
    await accounts.update(EMAIL, disabled=True)
    await clock.advance(FRESH)
    assert await standings.standing(alice.id) == replace(alice, disabled=True)


async def test_that_there_is_no_such_account_is_remembered_too(
    standings: RecentStandings, accounts: UncertainAccounts
) -> None:
    nobody = a_user_id()
    for _ in range(2):
        assert await standings.standing(nobody) is None
    assert accounts.asked == 1


async def test_while_the_storage_is_out_of_reach_an_account_is_as_it_was_last_known(
    standings: RecentStandings, accounts: UncertainAccounts, alice: User, clock: MovableClock
) -> None:
    await standings.standing(alice.id)
    accounts.reachable = False
    await clock.advance(3600)
    assert await standings.standing(alice.id) == alice


async def test_an_account_that_was_never_read_is_not_known_while_the_storage_is_away(
    standings: RecentStandings, accounts: UncertainAccounts, alice: User
) -> None:
    accounts.reachable = False
    with pytest.raises(Unavailable):
        await standings.standing(alice.id)


async def test_who_asked_longest_ago_is_forgotten_first(
    standings: RecentStandings, accounts: UncertainAccounts, alice: User
) -> None:
    await standings.standing(alice.id)
    for _ in range(REMEMBERED):
        await standings.standing(UserId(a_user_id()))
    accounts.asked = 0
    await standings.standing(alice.id)
    assert accounts.asked == 1
