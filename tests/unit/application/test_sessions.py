from dataclasses import replace

import pytest

from application.accounts.caller import Caller
from application.accounts.refresh_policy import GRACE
from application.accounts.sessions import EndSessionsByEmail
from application.errors import (
    InvalidRefreshToken,
    IssuerUnavailable,
    NoSuchAccount,
    NotAuthenticated,
    SessionNotFound,
    StaffOnly,
)
from application.ports.access_changes import AccessChangeKind
from application.ports.authentication_log import AuthenticationEventKind
from domain.account import Account
from domain.actor import Role
from domain.ids import SessionId
from tests.support.accounts import an_address
from tests.support.orders import IDS, a_user_id
from tests.support.sessions import (
    ACCESS_TTL_SECONDS,
    ELSEWHERE,
    HOME,
    REFRESH_TTL_SECONDS,
    SessionHarness,
)
from tests.support.time import NOW

LATE_SECONDS = GRACE.total_seconds() + 1


@pytest.fixture
def harness() -> SessionHarness:
    return SessionHarness()


@pytest.fixture
async def alice(harness: SessionHarness) -> Account:
    return await harness.open_account()


def kinds(harness: SessionHarness) -> list[AuthenticationEventKind]:
    return [event.kind for event in harness.log.events]


async def test_a_refreshed_session_has_working_tokens(
    harness: SessionHarness, alice: Account
) -> None:
    first = await harness.begin(alice.id)
    second = await harness.refresh(first.refresh.text, HOME)
    third = await harness.refresh(second.refresh.text, ELSEWHERE)
    callers = [await harness.authenticate(each.access.text) for each in (first, second, third)]
    assert {caller.user_id for caller in callers} == {alice.id}
    assert len({caller.session_id for caller in callers}) == 1
    assert len({each.access.text for each in (first, second, third)}) == 3


@pytest.mark.parametrize("text", ["", "forged", "a" * 64])
async def test_an_unknown_refresh_token_is_refused(harness: SessionHarness, text: str) -> None:
    with pytest.raises(InvalidRefreshToken):
        await harness.refresh(text, HOME)
    assert kinds(harness) == []


async def test_a_reused_token_ends_every_token_of_the_session_at_once(
    harness: SessionHarness, alice: Account
) -> None:
    stolen, other = await harness.begin(alice.id), await harness.begin(alice.id)
    current = await harness.refresh(stolen.refresh.text, HOME)
    await harness.authenticate(current.access.text)
    await harness.clock.advance(LATE_SECONDS)
    with pytest.raises(InvalidRefreshToken):
        await harness.refresh(stolen.refresh.text, ELSEWHERE)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(current.access.text)
    with pytest.raises(InvalidRefreshToken):
        await harness.refresh(current.refresh.text, HOME)
    await harness.authenticate(other.access.text)
    [event] = harness.log.events
    assert (event.kind, event.user_id, event.address) == (
        AuthenticationEventKind.REFRESH_TOKEN_REUSED,
        alice.id,
        ELSEWHERE.address,
    )


async def test_a_spent_token_is_reuse_as_soon_as_its_successor_has_been_used(
    harness: SessionHarness, alice: Account
) -> None:
    lost = await harness.begin(alice.id)
    await harness.refresh(lost.refresh.text, HOME)
    received = await harness.refresh(lost.refresh.text, HOME)
    current = await harness.refresh(received.refresh.text, HOME)
    with pytest.raises(InvalidRefreshToken):
        await harness.refresh(lost.refresh.text, HOME)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(current.access.text)
    assert kinds(harness) == [AuthenticationEventKind.REFRESH_TOKEN_REUSED]


async def test_a_refresh_token_expires_unless_it_is_used(
    harness: SessionHarness, alice: Account
) -> None:
    tokens = await harness.begin(alice.id)
    await harness.clock.advance(REFRESH_TTL_SECONDS - 1)
    tokens = await harness.refresh(tokens.refresh.text, HOME)
    await harness.clock.advance(REFRESH_TTL_SECONDS)
    with pytest.raises(InvalidRefreshToken):
        await harness.refresh(tokens.refresh.text, HOME)


async def test_the_refresh_token_of_a_disabled_account_is_refused(
    harness: SessionHarness, alice: Account
) -> None:
    tokens = await harness.begin(alice.id)
    await harness.stored.accounts.update(alice.email, disabled=True)
    with pytest.raises(InvalidRefreshToken):
        await harness.refresh(tokens.refresh.text, HOME)


async def test_a_refresh_token_is_no_access_token_and_the_reverse(
    harness: SessionHarness, alice: Account
) -> None:
    tokens = await harness.begin(alice.id)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(tokens.refresh.text)
    with pytest.raises(InvalidRefreshToken):
        await harness.refresh(tokens.access.text, HOME)


async def test_a_revoked_access_token_is_refused_and_the_others_are_not(
    harness: SessionHarness, alice: Account
) -> None:
    first = await harness.begin(alice.id)
    second = await harness.refresh(first.refresh.text, HOME)
    await harness.revoke(first.access.text, HOME.address)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(first.access.text)
    await harness.authenticate(second.access.text)


async def test_revoking_a_token_again_adds_nothing_to_the_feed(
    harness: SessionHarness, alice: Account
) -> None:
    tokens = await harness.begin(alice.id)
    for _ in range(3):
        await harness.revoke(tokens.access.text, HOME.address)
    assert len((await harness.stored.access_changes.read(0, NOW)).changes) == 1


async def test_a_revoked_refresh_token_ends_its_session(
    harness: SessionHarness, alice: Account
) -> None:
    tokens, other = await harness.begin(alice.id), await harness.begin(alice.id)
    await harness.revoke(tokens.refresh.text, HOME.address)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(tokens.access.text)
    with pytest.raises(InvalidRefreshToken):
        await harness.refresh(tokens.refresh.text, HOME)
    await harness.authenticate(other.access.text)
    assert kinds(harness) == [AuthenticationEventKind.SESSION_ENDED]


@pytest.mark.parametrize("text", ["", "forged", "a" * 64])
async def test_revoking_an_unknown_token_changes_nothing(
    harness: SessionHarness, alice: Account, text: str
) -> None:
    tokens = await harness.begin(alice.id)
    await harness.revoke(text, HOME.address)
    await harness.authenticate(tokens.access.text)
    assert (await harness.stored.access_changes.read(0, NOW)).changes == []


async def test_another_process_follows_a_revocation_within_two_seconds(
    harness: SessionHarness, alice: Account
) -> None:
    tokens = await harness.begin(alice.id)
    await harness.authenticate(tokens.access.text)
    await harness.stored.session_admin.end_all(alice.id)
    await harness.clock.advance(2)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(tokens.access.text)


async def test_users_list_and_end_their_own_sessions(
    harness: SessionHarness, alice: Account
) -> None:
    first, _ = await harness.begin(alice.id), await harness.begin(alice.id)
    bob = await harness.open_account()
    newest, oldest = await harness.list_sessions(alice.id)
    await harness.end_session(alice.id, oldest.id, HOME.address)
    assert await harness.list_sessions(alice.id) == [newest]
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(first.access.text)
    for user_id, session_id in (
        (alice.id, oldest.id),
        (bob.id, newest.id),
        (alice.id, SessionId(IDS.new(NOW))),
    ):
        with pytest.raises(SessionNotFound):
            await harness.end_session(user_id, session_id, HOME.address)
    assert await harness.list_sessions(alice.id) == [newest]


async def test_only_staff_end_the_sessions_of_others(
    harness: SessionHarness, alice: Account
) -> None:
    tokens = await harness.begin(alice.id)
    user = Caller.of_account(alice, None)
    with pytest.raises(StaffOnly):
        await harness.end_sessions_of(user, alice.id, HOME.address)
    staff = Caller.of_account(replace(alice, id=a_user_id(), role=Role.STAFF), None)
    await harness.end_sessions_of(staff, alice.id, HOME.address)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(tokens.access.text)


async def test_ending_all_sessions_ends_outside_tokens_at_once(harness: SessionHarness) -> None:
    token = harness.outside.issue()
    caller = await harness.authenticate(token)
    assert caller.account is not None
    staff = Caller.of_account(replace(caller.account, id=a_user_id(), role=Role.STAFF), None)
    await harness.end_sessions_of(staff, caller.user_id, HOME.address)
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(token)


async def test_an_operator_ends_the_sessions_of_an_account(
    harness: SessionHarness, alice: Account
) -> None:
    await harness.begin(alice.id)
    end = EndSessionsByEmail(harness.stored.accounts, harness.stored.session_admin)
    assert await end(an_address(alice.email)) == (alice, 1)
    assert await end(an_address(alice.email)) == (alice, 0)
    with pytest.raises(NoSuchAccount):
        await end(an_address("nobody@example.com"))


async def test_a_revoked_outside_token_ends_alone() -> None:
    harness = SessionHarness()
    revoked, other = harness.outside.issue(), harness.outside.issue()
    for token in (revoked, other):
        await harness.authenticate(token)
    for _ in range(2):
        await harness.revoke(revoked, "192.0.2.1")
    page = await harness.stored.access_changes.read(0, harness.clock.now())
    assert [(change.kind, change.subject) for _, change in page.changes] == [
        (AccessChangeKind.TOKEN, harness.outside.claims[revoked].token_id)
    ]
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(revoked)
    await harness.authenticate(other)


async def test_an_outside_token_can_be_revoked_before_its_first_use() -> None:
    harness = SessionHarness()
    token = harness.outside.issue()
    await harness.revoke(token, "192.0.2.1")
    assert await harness.stored.directory.page(10) == []  # revoking it opens no account
    with pytest.raises(NotAuthenticated):
        await harness.authenticate(token)


async def test_revoking_an_expired_token_neither_fails_nor_reaches_the_issuer() -> None:
    harness = SessionHarness()
    account = await harness.open_account()
    tokens = await harness.begin(account.id)
    await harness.clock.advance(ACCESS_TTL_SECONDS)
    await harness.revoke(tokens.access.text, "192.0.2.1")
    page = await harness.stored.access_changes.read(0, harness.clock.now())
    assert (page.changes, harness.outside.asked) == ([], [])


async def test_a_revocation_is_not_confirmed_if_the_issuer_is_unreachable() -> None:
    harness = SessionHarness()
    harness.outside.is_reachable = False
    with pytest.raises(IssuerUnavailable):
        await harness.revoke(harness.outside.issue(), "192.0.2.1")
