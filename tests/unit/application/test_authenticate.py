import pytest

from adapters.memory.access_state import FollowedAccess
from application.accounts.authenticate import Authenticate
from application.errors import NotAuthenticated
from domain.account import Account
from tests.support.accounts import PlainTokens
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS, a_user_id
from tests.support.time import NOW, MovableClock

ALICE = Account(id=a_user_id(), email="alice@example.com", created_at=NOW)


class Harness:
    """The use case and its collaborators."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.stored: Adapters = memory_adapters(self.clock)
        self.tokens = PlainTokens(lifetime=1800)
        access = FollowedAccess(
            self.stored.access_changes, self.stored.accounts, self.clock, self.clock.monotonic
        )
        self.authenticate = Authenticate(self.tokens, access, self.clock)

    def token(self) -> str:
        return self.tokens.issue(ALICE.id, IDS.new(NOW), IDS.new(NOW), self.clock.now()).text


@pytest.fixture
async def harness() -> Harness:
    harness = Harness()
    await harness.stored.accounts.add(ALICE, "hash")
    return harness


async def test_a_token_returns_the_current_account(harness: Harness) -> None:
    token = harness.token()
    assert (await harness.authenticate(token)).account == ALICE


async def test_a_forged_token_is_refused(harness: Harness) -> None:
    with pytest.raises(NotAuthenticated):
        await harness.authenticate("forged")


async def test_an_expired_token_is_refused(harness: Harness) -> None:
    token = harness.token()
    await harness.clock.advance(1799)
    assert (await harness.authenticate(token)).account == ALICE
    await harness.clock.advance(1)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(token)


async def test_the_token_of_a_disabled_account_is_refused_within_two_seconds(
    harness: Harness,
) -> None:
    token = harness.token()
    await harness.authenticate(token)
    await harness.stored.accounts.update(ALICE.email, disabled=True)
    await harness.clock.advance(2)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(token)


async def test_the_token_of_a_deleted_account_is_refused() -> None:
    harness = Harness()
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(harness.token())
