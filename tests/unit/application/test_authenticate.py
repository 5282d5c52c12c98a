import pytest

from adapters.memory.account_cache import TimedAccountCache
from application.accounts.authenticate import Authenticate
from application.errors import NotAuthenticated
from domain.account import Account
from tests.support.accounts import PlainTokens
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS, a_user_id
from tests.support.time import NOW, MovableClock

ALICE = Account(id=a_user_id(), email="alice@example.com", created_at=NOW)


class Door:
    """The use case and its collaborators."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.stored: Adapters = memory_adapters(self.clock)
        self.tokens = PlainTokens(lifetime=1800)
        account_cache = TimedAccountCache(self.stored.accounts, self.clock.monotonic)
        self.enter = Authenticate(self.tokens, account_cache, self.clock)

    def token(self) -> str:
        return self.tokens.issue(ALICE.id, IDS.new(NOW), IDS.new(NOW), self.clock.now()).text


@pytest.fixture
async def door() -> Door:
    door = Door()
    await door.stored.accounts.add(ALICE, "hash")
    return door


async def test_a_token_names_the_account_as_it_stands_now(door: Door) -> None:
    token = door.token()
    assert await door.enter(token) == ALICE


async def test_a_forged_token_is_refused(door: Door) -> None:
    with pytest.raises(NotAuthenticated):
        await door.enter("forged")


async def test_an_expired_token_is_refused(door: Door) -> None:
    token = door.token()
    await door.clock.advance(1799)
    assert await door.enter(token) == ALICE
    await door.clock.advance(1)
    with pytest.raises(NotAuthenticated):
        await door.enter(token)


async def test_the_token_of_a_disabled_account_is_refused_within_a_second(door: Door) -> None:
    token = door.token()
    await door.enter(token)
    await door.stored.accounts.update(ALICE.email, disabled=True)
    await door.clock.advance(1)
    with pytest.raises(NotAuthenticated):
        await door.enter(token)


async def test_the_token_of_an_account_that_is_gone_is_refused() -> None:
    door = Door()
    with pytest.raises(NotAuthenticated):
        await door.enter(door.token())
