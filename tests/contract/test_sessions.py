import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from adapters.security.refresh_tokens import RandomRefreshTokens
from application.accounts.refresh_policy import GRACE
from application.ports.access_changes import AccessChange, AccessChangeKind
from application.ports.sessions import MAX_SESSIONS, Device, RefreshToken, Renewal, Session, Verdict
from domain.account import Account
from domain.ids import SessionId, UserId
from tests.support.adapters import Adapters
from tests.support.orders import IDS, a_user_id
from tests.support.time import HOUR, NOW

TOKENS: Final = RandomRefreshTokens(86_400)
HOME: Final = Device("192.0.2.1", "Browser/1.0")
LIFETIME: Final = timedelta(days=30)
SECOND: Final = timedelta(seconds=1)
#: The feed only gets sessions whose tokens have not expired, by the clock of the database.
FAR: Final = datetime(2999, 1, 1, tzinfo=UTC)


async def an_account(adapters: Adapters) -> Account:
    """Store an account with the password hash "hash"."""
    user_id = a_user_id()
    account = Account(id=user_id, email=f"{user_id}@example.com", created_at=NOW)
    await adapters.accounts.add(account, "hash")
    return account


def a_session(user_id: UserId) -> Session:
    return Session(
        id=SessionId(IDS.new(NOW)),
        user_id=user_id,
        created_at=NOW,
        last_used_at=NOW,
        expires_at=NOW + LIFETIME,
        tokens_expire_at=FAR,
        address=HOME.address,
        user_agent=HOME.user_agent,
    )


async def begun(adapters: Adapters, user_id: UserId) -> tuple[Session, RefreshToken]:
    """Begin a session."""
    session, token = a_session(user_id), TOKENS.new()
    assert await adapters.sessions.begin(session, token, "hash")
    return session, token


def renewal(token: RefreshToken, now: datetime = NOW + SECOND, device: Device = HOME) -> Renewal:
    return Renewal(
        token,
        TOKENS.successor(token),
        device,
        now=now,
        expires_at=now + LIFETIME,
        tokens_expire_at=FAR,
    )


async def verdict(adapters: Adapters, wanted: Renewal) -> Verdict:
    return (await adapters.sessions.renew(wanted))[0]


async def sessions_of(adapters: Adapters, user_id: UserId) -> list[Session]:
    return list(await adapters.session_admin.of_user(user_id, NOW))


async def changes(adapters: Adapters) -> list[AccessChange]:
    page = await adapters.access_changes.read(0, NOW)
    return [change for _, change in page.changes]


async def test_a_session_is_stored(adapters: Adapters) -> None:
    account = await an_account(adapters)
    session, _ = await begun(adapters, account.id)
    assert await sessions_of(adapters, account.id) == [session]
    assert await sessions_of(adapters, a_user_id()) == []


async def test_no_session_begins_with_another_password(adapters: Adapters) -> None:
    account = await an_account(adapters)
    assert not await adapters.sessions.begin(a_session(account.id), TOKENS.new(), "old hash")
    assert await sessions_of(adapters, account.id) == []


async def test_no_session_begins_for_a_disabled_or_unknown_account(adapters: Adapters) -> None:
    account = await an_account(adapters)
    await adapters.accounts.update(account.email, disabled=True)
    for user_id in (account.id, a_user_id()):
        assert not await adapters.sessions.begin(a_session(user_id), TOKENS.new(), "hash")


async def test_the_oldest_session_ends_if_there_are_too_many(adapters: Adapters) -> None:
    account = await an_account(adapters)
    all_sessions = [(await begun(adapters, account.id))[0] for _ in range(MAX_SESSIONS + 1)]
    assert await sessions_of(adapters, account.id) == all_sessions[:0:-1]
    assert [change.subject for change in await changes(adapters)] == [all_sessions[0].id]


async def test_a_refresh_token_is_exchanged_for_its_successor(adapters: Adapters) -> None:
    account = await an_account(adapters)
    session, first = await begun(adapters, account.id)
    elsewhere = Device("198.51.100.7", "Browser/2.0")
    wanted = renewal(first, device=elsewhere)
    renewed = replace(
        session,
        last_used_at=wanted.now,
        expires_at=wanted.expires_at,
        tokens_expire_at=wanted.tokens_expire_at,
        address=elsewhere.address,
        user_agent=elsewhere.user_agent,
    )
    assert await adapters.sessions.renew(wanted) == (Verdict.RENEWED, renewed)
    assert await sessions_of(adapters, account.id) == [renewed]
    later = renewal(wanted.successor, wanted.now + HOUR, elsewhere)
    assert await verdict(adapters, later) is Verdict.RENEWED
    assert await changes(adapters) == []


async def test_a_spent_token_ends_its_session(adapters: Adapters) -> None:
    account = await an_account(adapters)
    session, first = await begun(adapters, account.id)
    wanted = renewal(first)
    await adapters.sessions.renew(wanted)
    late = renewal(first, wanted.now + GRACE + SECOND)
    found, ended = await adapters.sessions.renew(late)
    assert found is Verdict.REUSED
    assert ended is not None
    assert ended.id == session.id
    assert await sessions_of(adapters, account.id) == []
    assert await verdict(adapters, renewal(wanted.successor, late.now)) is Verdict.UNKNOWN
    change = AccessChange(AccessChangeKind.SESSION, session.id, wanted.tokens_expire_at)
    assert await changes(adapters) == [change]


async def test_a_token_spent_long_ago_ends_its_session(adapters: Adapters) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    token, now = first, NOW
    for _ in range(5):
        now += HOUR
        wanted = renewal(token, now)
        assert await verdict(adapters, wanted) is Verdict.RENEWED
        token = wanted.successor
    assert await verdict(adapters, renewal(first, now + HOUR)) is Verdict.REUSED
    assert await sessions_of(adapters, account.id) == []


async def test_a_forged_token_with_the_right_handle_ends_its_session(adapters: Adapters) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    assert await verdict(adapters, renewal(TOKENS.successor(first))) is Verdict.REUSED
    assert await sessions_of(adapters, account.id) == []


async def test_the_same_client_may_repeat_a_request_for_a_moment(adapters: Adapters) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    wanted = renewal(first)
    again = renewal(first, wanted.now + GRACE)
    assert await verdict(adapters, wanted) is Verdict.RENEWED
    assert await verdict(adapters, again) is Verdict.RENEWED
    # Both successors are live, because the client may have received either of them.
    for successor in (wanted.successor, again.successor):
        assert await verdict(adapters, renewal(successor, again.now + HOUR)) is Verdict.RENEWED


async def test_the_grace_ends_with_the_first_use_of_a_successor(adapters: Adapters) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    wanted = renewal(first)
    again = renewal(first)
    for each in (wanted, again, renewal(wanted.successor)):
        assert await verdict(adapters, each) is Verdict.RENEWED
    assert await verdict(adapters, renewal(first)) is Verdict.REUSED
    assert await sessions_of(adapters, account.id) == []
    assert await verdict(adapters, renewal(again.successor)) is Verdict.UNKNOWN


async def test_the_grace_does_not_end_with_the_use_of_another_tokens_successor(
    adapters: Adapters,
) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    tabs = [renewal(first), renewal(first)]
    for each in tabs:
        assert await verdict(adapters, each) is Verdict.RENEWED
    for each in tabs:
        assert await verdict(adapters, renewal(each.successor)) is Verdict.RENEWED
    # Neither has received its response, so both repeat their requests.
    for each in tabs:
        assert await verdict(adapters, renewal(each.successor)) is Verdict.RENEWED


@pytest.mark.parametrize(
    "device", [replace(HOME, address="203.0.113.9"), replace(HOME, user_agent="x")]
)
async def test_another_client_may_not(adapters: Adapters, device: Device) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    await adapters.sessions.renew(renewal(first))
    again = renewal(first, NOW + SECOND, device)
    assert await verdict(adapters, again) is Verdict.REUSED
    assert await sessions_of(adapters, account.id) == []


async def test_the_grace_starts_with_the_first_use(adapters: Adapters) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    now = NOW + SECOND
    await adapters.sessions.renew(renewal(first, now))
    await adapters.sessions.renew(renewal(first, now + GRACE))
    late = renewal(first, now + GRACE + SECOND)
    assert await verdict(adapters, late) is Verdict.REUSED


async def test_an_expired_session_ends(adapters: Adapters) -> None:
    account = await an_account(adapters)
    session, first = await begun(adapters, account.id)
    late = renewal(first, session.expires_at)
    assert await verdict(adapters, late) is Verdict.EXPIRED
    assert await verdict(adapters, late) is Verdict.UNKNOWN


async def test_an_expired_session_is_not_listed(adapters: Adapters) -> None:
    account = await an_account(adapters)
    session, _ = await begun(adapters, account.id)
    assert list(await adapters.session_admin.of_user(account.id, session.expires_at)) == []


async def test_the_session_of_a_disabled_account_waits(adapters: Adapters) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    await adapters.accounts.update(account.email, disabled=True)
    assert await verdict(adapters, renewal(first)) is Verdict.DISABLED
    await adapters.accounts.update(account.email, disabled=False)
    assert await verdict(adapters, renewal(first)) is Verdict.RENEWED


async def test_concurrent_renewals_by_the_same_client_all_succeed(adapters: Adapters) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    wanted = [renewal(first) for _ in range(5)]
    found = await asyncio.gather(*(verdict(adapters, each) for each in wanted))
    assert found == [Verdict.RENEWED] * 5


async def test_one_of_two_concurrent_clients_ends_the_session(adapters: Adapters) -> None:
    account = await an_account(adapters)
    _, first = await begun(adapters, account.id)
    wanted = [renewal(first), renewal(first, device=replace(HOME, address="203.0.113.9"))]
    found = await asyncio.gather(*(verdict(adapters, each) for each in wanted))
    assert set(found) == {Verdict.RENEWED, Verdict.REUSED}
    assert await sessions_of(adapters, account.id) == []


async def test_a_user_ends_their_own_sessions_only(adapters: Adapters) -> None:
    alice, bob = await an_account(adapters), await an_account(adapters)
    hers, his = [(await begun(adapters, each.id))[0] for each in (alice, bob)]
    assert await adapters.session_admin.end(alice.id, his.id) is None
    assert await adapters.session_admin.end(alice.id, hers.id) == hers
    assert await adapters.session_admin.end(alice.id, hers.id) is None
    assert await sessions_of(adapters, bob.id) == [his]
    assert [change.subject for change in await changes(adapters)] == [hers.id]


async def test_holding_any_token_of_a_session_ends_it(adapters: Adapters) -> None:
    account = await an_account(adapters)
    session, first = await begun(adapters, account.id)
    await adapters.sessions.renew(renewal(first))
    ended = await adapters.session_admin.end_by_token(first)
    assert ended is not None
    assert ended.id == session.id
    assert await adapters.session_admin.end_by_token(first) is None
    assert await adapters.session_admin.end_by_token(TOKENS.new()) is None


async def test_all_sessions_of_a_user_end(adapters: Adapters) -> None:
    alice, bob = await an_account(adapters), await an_account(adapters)
    hers = [(await begun(adapters, alice.id))[0] for _ in range(3)]
    his, _ = await begun(adapters, bob.id)
    assert set(await adapters.session_admin.end_all(alice.id)) == set(hers)
    assert await sessions_of(adapters, alice.id) == []
    assert await sessions_of(adapters, bob.id) == [his]


async def test_a_new_password_ends_all_sessions(adapters: Adapters) -> None:
    alice, bob = await an_account(adapters), await an_account(adapters)
    session, _ = await begun(adapters, alice.id)
    his, _ = await begun(adapters, bob.id)
    await adapters.accounts.update(alice.email, password_hash="new hash")
    assert await sessions_of(adapters, alice.id) == []
    assert await sessions_of(adapters, bob.id) == [his]
    assert [change.subject for change in await changes(adapters)] == [session.id]


async def test_a_login_never_outlives_a_concurrent_password_change(adapters: Adapters) -> None:
    for _ in range(20):
        account = await an_account(adapters)
        await asyncio.gather(
            adapters.accounts.update(account.email, password_hash="new hash"),
            adapters.sessions.begin(a_session(account.id), TOKENS.new(), "hash"),
        )
        assert await sessions_of(adapters, account.id) == []


async def test_earlier_access_tokens_are_remembered_if_their_lifetime_is_lowered(
    adapters: Adapters,
) -> None:
    account = await an_account(adapters)
    session, first = await begun(adapters, account.id)
    wanted = replace(renewal(first), tokens_expire_at=NOW + SECOND)
    _, renewed = await adapters.sessions.renew(wanted)
    assert renewed is not None
    assert renewed.tokens_expire_at == session.tokens_expire_at
