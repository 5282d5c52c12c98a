import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.access_changes import MemoryAccessChanges
from adapters.memory.access_state import (
    FORGET_AFTER_SECONDS,
    READ_AFTER_SECONDS,
    RELOAD_AFTER_SECONDS,
    RETRY_AFTER_SECONDS,
    USE_FOR_SECONDS,
    WAIT_AFTER_SECONDS,
    FollowedAccess,
)
from adapters.memory.account_cache import MAX_ACCOUNTS
from adapters.memory.storage import MemoryStorage
from application.errors import Unavailable
from application.ports.access_changes import AccessChange, AccessChangeKind, FeedPage
from application.ports.accounts import AccessClaims
from domain.account import Account
from domain.ids import UserId
from libraries.asyncio_tools import time_budget
from libraries.asyncio_tools.time_budget import storage_deadline
from tests.support.faults import UncertainAccounts
from tests.support.orders import IDS, a_user_id
from tests.support.time import HOUR, NOW, MovableClock


class Feed(MemoryAccessChanges):
    """A feed that can be unreachable or silent, and counts its reads."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self.is_reachable = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.positions: list[int] = []

    async def read(self, position: int, now: datetime) -> FeedPage:
        self.positions.append(position)
        await self.gate.wait()
        if not self.is_reachable:
            raise Unavailable
        return await super().read(position, now)


class Harness:
    """The view, its feed and its accounts."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.clock = MovableClock()
        self.feed = Feed(self.storage)
        self.accounts = UncertainAccounts(self.storage)
        self.access = FollowedAccess(self.feed, self.accounts, self.clock, self.clock.monotonic)

    async def open_account(self) -> Account:
        user_id = a_user_id()
        account = Account(id=user_id, email=f"{user_id}@example.com", created_at=NOW)
        await self.accounts.add(account, "hash")
        return account

    async def change(self, kind: AccessChangeKind, subject: UUID) -> None:
        await self.feed.add(AccessChange(kind, subject, NOW + HOUR))

    async def passes(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def settle(self) -> None:
        """Wait for a read that no request is waiting for."""
        if self.access._reading is not None:
            await self.access._reading


def claims_of(user_id: UserId) -> AccessClaims:
    return AccessClaims(user_id, IDS.new(NOW), IDS.new(NOW), NOW, NOW + HOUR)


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
async def alice(harness: Harness) -> Account:
    return await harness.open_account()


@pytest.fixture
def claims(alice: Account) -> AccessClaims:
    return claims_of(alice.id)


async def test_any_number_of_calls_share_one_read_of_feed_and_account(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    found = await asyncio.gather(*(harness.access.account_of(claims) for _ in range(100)))
    assert found == [alice] * 100
    assert (len(harness.feed.positions), harness.accounts.asked) == (1, 1)


async def test_an_unchanged_account_is_not_read_again(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    for _ in range(10):
        assert await harness.access.account_of(claims) == alice
        await harness.passes(WAIT_AFTER_SECONDS)
    assert (len(harness.feed.positions), harness.accounts.asked) == (10, 1)


async def test_nothing_is_read_within_a_second(harness: Harness, claims: AccessClaims) -> None:
    await harness.access.account_of(claims)
    await harness.passes(READ_AFTER_SECONDS * 0.99)
    await harness.access.account_of(claims)
    assert len(harness.feed.positions) == 1


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (AccessChangeKind.TOKEN, "token_id"),
        (AccessChangeKind.SESSION, "family"),
        (AccessChangeKind.CLIENT, "family"),
    ],
)
async def test_a_revocation_is_followed_within_two_seconds(
    harness: Harness, alice: Account, claims: AccessClaims, kind: AccessChangeKind, subject: str
) -> None:
    other = claims_of(alice.id)
    assert await harness.access.account_of(claims) == alice
    await harness.change(kind, getattr(claims, subject))
    await harness.passes(WAIT_AFTER_SECONDS)
    assert await harness.access.account_of(claims) is None
    assert await harness.access.account_of(other) == alice


async def test_a_changed_account_is_read_again(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    await harness.access.account_of(claims)
    await harness.accounts.update(alice.email, disabled=True)
    await harness.change(AccessChangeKind.ACCOUNT, alice.id)
    await harness.passes(WAIT_AFTER_SECONDS)
    assert await harness.access.account_of(claims) == replace(alice, disabled=True)


async def test_a_running_read_is_not_cached_after_a_change(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    class Slow(UncertainAccounts):
        async def find(self, user_id: UserId) -> Account | None:
            account = await super().find(user_id)
            has_begun.set()
            await gate.wait()
            return account

    has_begun, gate, accounts = asyncio.Event(), asyncio.Event(), Slow(harness.storage)
    access = FollowedAccess(harness.feed, accounts, harness.clock, harness.clock.monotonic)
    reading = asyncio.create_task(access.account_of(claims))
    await has_begun.wait()
    await harness.accounts.update(alice.email, disabled=True)
    access.apply(AccessChange(AccessChangeKind.ACCOUNT, alice.id, NOW + HOUR))
    gate.set()
    await reading
    assert await access.account_of(claims) == replace(alice, disabled=True)


async def test_a_change_of_this_process_applies_at_once(
    harness: Harness, claims: AccessClaims
) -> None:
    await harness.access.account_of(claims)
    harness.access.apply(AccessChange(AccessChangeKind.TOKEN, claims.token_id, NOW + HOUR))
    assert await harness.access.account_of(claims) is None


async def test_an_unknown_account_is_read_again(harness: Harness) -> None:
    claims = claims_of(a_user_id())
    assert await harness.access.account_of(claims) is None
    account = Account(id=claims.user_id, email="bob@example.com", created_at=NOW)
    await harness.accounts.add(account, "hash")
    assert await harness.access.account_of(claims) == account


async def test_requests_do_not_wait_for_a_read_while_the_view_is_fresh(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    await harness.access.account_of(claims)
    harness.feed.gate.clear()
    await harness.passes(READ_AFTER_SECONDS)
    assert await harness.access.account_of(claims) == alice
    await harness.change(AccessChangeKind.TOKEN, claims.token_id)
    harness.feed.gate.set()
    await harness.settle()
    assert await harness.access.account_of(claims) is None


async def test_an_unreachable_feed_is_not_noticed_for_five_seconds(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    await harness.access.account_of(claims)
    harness.feed.is_reachable = False
    for _ in range(3):
        await harness.passes(RETRY_AFTER_SECONDS * 1.5)
        assert await harness.access.account_of(claims) == alice
    await harness.passes(USE_FOR_SECONDS)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await harness.access.account_of(claims)
    harness.feed.is_reachable = True
    await harness.passes(RETRY_AFTER_SECONDS)
    assert await harness.access.account_of(claims) == alice


async def test_an_unreachable_feed_is_tried_once_a_second(
    harness: Harness, claims: AccessClaims
) -> None:
    await harness.access.account_of(claims)
    harness.feed.is_reachable = False
    await harness.passes(WAIT_AFTER_SECONDS)
    for _ in range(10):
        await harness.access.account_of(claims)
    assert len(harness.feed.positions) == 2


async def test_nothing_is_known_before_the_first_read(
    harness: Harness, claims: AccessClaims
) -> None:
    harness.feed.is_reachable = False
    with pytest.raises(Unavailable):
        await harness.access.account_of(claims)


async def test_a_new_process_loads_earlier_changes(harness: Harness, claims: AccessClaims) -> None:
    await harness.change(AccessChangeKind.SESSION, claims.family)
    assert await harness.access.account_of(claims) is None


async def test_a_canceled_request_does_not_cancel_the_read(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    harness.feed.gate.clear()
    calls = [asyncio.create_task(harness.access.account_of(claims)) for _ in range(2)]
    await asyncio.sleep(0)
    calls[0].cancel()
    await asyncio.wait([calls[0]])
    harness.feed.gate.set()
    assert await calls[1] == alice
    assert len(harness.feed.positions) == 1


async def test_the_feed_is_loaded_again_after_a_long_rest(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    await harness.change(AccessChangeKind.CLIENT, a_user_id())
    assert await harness.access.account_of(claims) == alice
    await harness.accounts.update(alice.email, disabled=True)  # its change has been purged
    await harness.passes(RELOAD_AFTER_SECONDS + 1)
    assert await harness.access.account_of(claims) == replace(alice, disabled=True)
    assert harness.feed.positions == [0, 0]


async def test_the_feed_is_loaded_again_after_the_storage_was_replaced(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    for _ in range(3):
        await harness.change(AccessChangeKind.TOKEN, a_user_id())
    assert await harness.access.account_of(claims) == alice
    harness.storage.access_changes.clear()
    await harness.change(AccessChangeKind.TOKEN, claims.token_id)
    await harness.passes(WAIT_AFTER_SECONDS)
    assert await harness.access.account_of(claims) is None
    assert harness.feed.positions == [0, 3, 0]


async def test_repeated_changes_do_not_cause_reads(harness: Harness, alice: Account) -> None:
    class Repeating(Feed):
        async def read(self, position: int, now: datetime) -> FeedPage:
            page = await super().read(0, now)
            return FeedPage(page.changes, position)

    feed, claims = Repeating(harness.storage), claims_of(alice.id)
    access = FollowedAccess(feed, harness.accounts, harness.clock, harness.clock.monotonic)
    await harness.change(AccessChangeKind.ACCOUNT, alice.id)
    for _ in range(5):
        await access.account_of(claims)
        await harness.passes(WAIT_AFTER_SECONDS)
    assert harness.accounts.asked == 1


async def test_the_accounts_that_were_read_first_are_evicted(harness: Harness) -> None:
    everyone: Sequence[Account] = [await harness.open_account() for _ in range(MAX_ACCOUNTS + 1)]
    for account in everyone:
        await harness.access.account_of(claims_of(account.id))
    reads = harness.accounts.asked
    await harness.access.account_of(claims_of(everyone[-1].id))
    assert harness.accounts.asked == reads
    await harness.access.account_of(claims_of(everyone[0].id))
    assert harness.accounts.asked == reads + 1


async def test_expired_revocations_are_forgotten(harness: Harness, claims: AccessClaims) -> None:
    for seconds in (1, FORGET_AFTER_SECONDS * 2):
        until = NOW + timedelta(seconds=seconds)
        harness.access.apply(AccessChange(AccessChangeKind.TOKEN, IDS.new(NOW), until))
    await harness.passes(FORGET_AFTER_SECONDS + 1)
    await harness.access.account_of(claims)
    assert list(harness.access._revoked.values()) == [until]


async def test_a_view_that_gets_too_old_during_a_read_is_not_used(
    harness: Harness, claims: AccessClaims
) -> None:
    await harness.access.account_of(claims)
    await harness.passes(USE_FOR_SECONDS - 1)
    harness.feed.is_reachable = False
    harness.feed.gate.clear()
    call = asyncio.create_task(harness.access.account_of(claims))
    await asyncio.sleep(0)
    await harness.passes(1)
    harness.feed.gate.set()
    with pytest.raises(Unavailable):
        await call


async def test_a_request_does_not_wait_for_a_silent_feed_beyond_its_own_deadline(
    harness: Harness, alice: Account, claims: AccessClaims
) -> None:
    await harness.access.account_of(claims)
    harness.feed.gate.clear()
    storage_deadline.set(0.0)  # the event loop's clock is always later
    await harness.passes(WAIT_AFTER_SECONDS)
    assert await harness.access.account_of(claims) == alice
    await harness.passes(USE_FOR_SECONDS)
    with pytest.raises(Unavailable):
        await harness.access.account_of(claims)


async def test_shared_reads_have_a_deadline_of_their_own(
    harness: Harness, claims: AccessClaims
) -> None:
    class Observed(Feed):
        async def read(self, position: int, now: datetime) -> FeedPage:
            deadlines.append(storage_deadline.get())
            return await super().read(position, now)

    deadlines = list[float | None]()
    feed = Observed(harness.storage)
    access = FollowedAccess(feed, harness.accounts, harness.clock, harness.clock.monotonic)
    before = asyncio.get_running_loop().time()
    await access.account_of(claims)
    [deadline] = deadlines
    assert deadline is not None
    assert deadline >= before + time_budget.STORAGE_DEADLINE_SECONDS
