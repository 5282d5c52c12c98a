import asyncio
from datetime import timedelta

import pytest

from adapters.memory.access_state import FollowedAccess
from application.accounts.authenticate import Authenticate
from application.errors import IssuerUnavailable, NotAuthenticated, TokenExpired
from domain.account import Account, outside_email
from domain.actor import ActorKind, Role
from tests.support.accounts import PlainPasswords, PlainTokens
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS, a_user_id
from tests.support.outside_user import PlainOutsideTokens, outside_users
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
        self.outside, self.passwords = PlainOutsideTokens(), PlainPasswords()
        users = outside_users(self.tokens, self.stored, self.outside, self.passwords)
        self.authenticate = Authenticate(self.tokens, users, access, self.clock)

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


# --- Tokens from the outside issuer


async def test_the_first_token_of_a_subject_creates_an_account_without_a_session() -> None:
    harness = Harness()
    caller = await harness.authenticate(harness.outside.issue(email="grace@example.com"))
    assert caller.account is not None
    assert (caller.account.email, caller.account.role) == ("grace@example.com", Role.USER)
    assert (caller.session_id, caller.scopes) == (None, None)
    assert await harness.stored.accounts.find(caller.user_id) == caller.account


async def test_later_tokens_of_a_subject_return_the_same_account() -> None:
    harness = Harness()
    tokens = harness.outside.issue("ada"), harness.outside.issue("ada", "new@example.com")
    first, second = [await harness.authenticate(token) for token in tokens]
    other = await harness.authenticate(harness.outside.issue("bob", "bob@example.com"))
    assert first.account == second.account
    assert first.outside_token_id != second.outside_token_id
    assert other.user_id != first.user_id


async def test_an_outside_token_is_verified_once() -> None:
    harness = Harness()
    token = harness.outside.issue()
    assert await harness.authenticate(token) == await harness.authenticate(token)
    assert harness.outside.asked == [token]


async def test_an_own_token_never_reaches_the_outside_issuer(harness: Harness) -> None:
    token = harness.token()
    await harness.authenticate(token)
    await harness.clock.advance(1800)
    with pytest.raises(TokenExpired):
        await harness.authenticate(token)
    assert harness.outside.asked == []


async def test_an_outside_account_is_never_linked_to_a_local_one(harness: Harness) -> None:
    caller = await harness.authenticate(harness.outside.issue(email=ALICE.email))
    assert caller.account is not None
    assert caller.user_id != ALICE.id
    assert caller.account.email == outside_email(caller.user_id)
    assert not caller.account.has_address


@pytest.mark.parametrize("email", [None, "", "no address", "a@b", "ada@example.com\0", "x" * 300])
async def test_an_unsuitable_address_is_replaced_by_a_placeholder(email: str | None) -> None:
    harness = Harness()
    caller = await harness.authenticate(harness.outside.issue(email=email))
    assert caller.account is not None
    assert caller.account.email == outside_email(caller.user_id)


async def test_a_new_outside_account_has_no_usable_password() -> None:
    harness = Harness()
    caller = await harness.authenticate(harness.outside.issue(email="grace@example.com"))
    login = await harness.stored.accounts.login("grace@example.com")
    assert login is not None
    assert login.account.id == caller.user_id
    assert not await harness.passwords.verify(login.password_hash, "")


async def test_an_outside_token_of_a_disabled_account_is_refused() -> None:
    harness = Harness()
    caller = await harness.authenticate(harness.outside.issue("grace", "grace@example.com"))
    await harness.stored.accounts.update("grace@example.com", disabled=True)
    await harness.clock.advance(2)
    for token in (harness.outside.issue("grace"), *harness.outside.claims):
        with pytest.raises(NotAuthenticated):
            await harness.authenticate(token)
    assert caller.account is not None


async def test_outside_tokens_from_before_a_new_password_are_refused_within_two_seconds() -> None:
    harness = Harness()
    known, unknown = harness.outside.issue(), harness.outside.issue()
    await harness.authenticate(known)
    await harness.clock.advance(1.5)
    await harness.stored.accounts.update("ada@example.com", password_hash="new")
    second = harness.clock.now().replace(microsecond=0)
    same_second = harness.outside.issue(issued_at=second)
    await harness.clock.advance(2)
    for token in (known, unknown, same_second):
        with pytest.raises(NotAuthenticated):
            await harness.authenticate(token)
    later = harness.outside.issue(issued_at=second + timedelta(seconds=1))
    assert (await harness.authenticate(later)).session_id is None


async def test_a_token_from_before_the_closing_opens_no_account() -> None:
    harness = Harness()
    used, unused = harness.outside.issue(), harness.outside.issue()
    caller = await harness.authenticate(used)
    login = await harness.stored.accounts.login("ada@example.com")
    assert login is not None
    await harness.stored.erasures.begin(caller.user_id, login.password_hash, "gone", NOW)
    await harness.clock.advance(2)
    for token in (used, unused):
        with pytest.raises(NotAuthenticated):
            await harness.authenticate(token)
    assert len(await harness.stored.directory.page(10)) == 1
    later = harness.outside.issue(issued_at=NOW + timedelta(seconds=1))
    assert (await harness.authenticate(later)).user_id != caller.user_id
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(unused)


async def test_the_role_of_an_outside_account_is_the_stored_one() -> None:
    harness = Harness()
    token = harness.outside.issue(email="grace@example.com")
    await harness.authenticate(token)
    await harness.stored.accounts.update("grace@example.com", role=Role.STAFF)
    await harness.clock.advance(2)
    assert (await harness.authenticate(token)).actor.kind is ActorKind.STAFF


async def test_a_remembered_outside_token_expires() -> None:
    harness = Harness()
    token = harness.outside.issue()
    await harness.authenticate(token)
    await harness.clock.advance(300)
    with pytest.raises(TokenExpired):
        await harness.authenticate(token)


async def test_concurrent_first_requests_create_one_account() -> None:
    harness = Harness()
    tokens = [harness.outside.issue("ada") for _ in range(5)]
    callers = await asyncio.gather(*map(harness.authenticate, tokens))
    assert len({caller.user_id for caller in callers}) == 1
    assert len(await harness.stored.directory.page(10)) == 1


async def test_an_unreachable_issuer_does_not_affect_other_tokens(harness: Harness) -> None:
    outside, known = harness.outside.issue(), harness.outside.issue()
    await harness.authenticate(known)
    harness.outside.is_reachable = False
    with pytest.raises(IssuerUnavailable):
        await harness.authenticate(outside)
    assert (await harness.authenticate(harness.token())).account == ALICE
    await harness.authenticate(known)
