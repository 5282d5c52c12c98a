"""Changing a password, and closing, erasing and exporting an account."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.memory.access_state import FollowedAccess
from adapters.memory.authentication_log import MemoryAuthenticationLog
from adapters.memory.cache import MemoryOrderCache
from adapters.memory.limits import MemoryRateLimiter
from application.accounts.change_password import ChangePassword, PasswordChange
from application.accounts.close_account import AccountClosure, CloseAccount
from application.accounts.continue_erasures import ContinueErasures
from application.accounts.ended_sessions import EndedSessions
from application.accounts.erase_account import EraseAccount
from application.accounts.erase_personal_data import RETRY, SETTLE, ErasePersonalData
from application.accounts.export_account import PAGE, ExportAccount, ExportEnd
from application.accounts.login_attempts import LoginAttempts
from application.accounts.login_limits import LoginLimits
from application.accounts.password_confirmation import PasswordConfirmation
from application.accounts.password_policy import PasswordPolicy
from application.accounts.read_account import ReadAccount
from application.delivery.refresh_cache import RefreshCache
from application.errors import (
    ConcurrentUpdate,
    NotAuthenticated,
    RateLimited,
    TooManyPasswords,
    Unavailable,
    WrongPassword,
)
from application.ports.access_changes import AccessState
from application.ports.authentication_log import AuthenticationEventKind
from application.ports.erasures import ErasedPart, Erasure
from application.ports.export import ExportedOrder
from application.ports.limits import Limit
from application.ports.sessions import Session
from domain.account import Account
from domain.errors import CommonPassword, Invalid
from domain.ids import OrderId, UserId
from tests.support.accounts import PlainPasswords, an_address
from tests.support.adapters import Adapters, memory_adapters
from tests.support.persons import HASH, Person, a_person, a_session, begin_session, buy, live
from tests.support.time import NOW, MovableClock

PASSWORD, NEW, HOME = "correct horse", "battery staple", "192.0.2.1"
LIMIT = Limit("login", 2, 60)


class CountedErasures:
    """Delegates to the storage, and lets a test fail or change what it returns."""

    def __init__(self, stored: Adapters) -> None:
        self._erasures = stored.erasures
        self.parts: list[ErasedPart | Exception] = []
        self.calls = 0

    async def begin(self, *values: Any) -> bool:
        return await self._erasures.begin(*values)

    async def due(self, now: datetime, limit: int) -> Sequence[Erasure]:
        return await self._erasures.due(now, limit)

    async def erase_some(self, user_id: UserId, limit: int) -> ErasedPart:
        self.calls += 1
        part = await self._erasures.erase_some(user_id, limit)
        instead = self.parts.pop(0) if self.parts else part
        if isinstance(instead, Exception):
            raise instead
        return instead

    async def end_pass(self, *values: Any) -> None:
        await self._erasures.end_pass(*values)


@dataclass
class Harness:
    """The use cases on in-memory adapters."""

    limit: Limit | None = LIMIT
    passwords: PlainPasswords = field(default_factory=PlainPasswords)
    clock: MovableClock = field(default_factory=MovableClock)
    log: MemoryAuthenticationLog = field(default_factory=MemoryAuthenticationLog)

    def __post_init__(self) -> None:
        stored = self.stored = memory_adapters(self.clock)
        limits = LoginLimits(MemoryRateLimiter(self.clock.monotonic), self.limit)
        self.confirm = PasswordConfirmation(
            stored.accounts, self.passwords, LoginAttempts(limits, self.log)
        )
        self.access: AccessState = FollowedAccess(
            stored.access_changes, stored.accounts, self.clock, self.clock.monotonic
        )
        self.change = ChangePassword(
            self.confirm, stored.passwords, self.passwords, EndedSessions(self.access, self.log)
        )
        self.erasures = CountedErasures(stored)
        self.cache = MemoryOrderCache(300)
        self.erase_data = ErasePersonalData(
            self.erasures, RefreshCache(stored.reader, self.cache), stored.cache_debts, self.clock
        )
        self.close = CloseAccount(self.confirm, self.passwords, self.erasures, self.clock)
        self.erase = EraseAccount(self.close, self.erase_data, self.access, self.clock)
        self.continue_erasures = ContinueErasures(self.erasures, self.erase_data, self.clock)
        self.export = ExportAccount(
            ReadAccount(stored.accounts), stored.outside_identities, stored.export
        )

    async def ada(self) -> Person:
        return await a_person(self.stored, "ada")

    async def change_password(
        self, person: Person, current: str = PASSWORD, kept: Session | None = None
    ) -> None:
        session_id = kept.id if kept else None
        await self.change(PasswordChange(person.account, session_id, current, NEW, HOME))

    async def sessions(self, person: Person) -> list[Session]:
        return list(await self.stored.session_admin.of_user(person.account.id, NOW))

    async def hash_of(self, account: Account) -> str | None:
        login = await self.stored.accounts.login(account.email)
        return login.password_hash if login else None

    def closure(self, person: Person, password: str = PASSWORD) -> AccountClosure:
        return AccountClosure(person.account, password, HOME)


@pytest.fixture
def harness() -> Harness:
    return Harness()


# --- confirming a password


@pytest.mark.parametrize("stored", ["p\u00e1ssword", "pa\u0301ssword"])
async def test_both_forms_of_a_password_are_confirmed(harness: Harness, stored: str) -> None:
    ada = await harness.ada()
    await harness.stored.accounts.update(ada.account.email, password_hash=f"strong:{stored}")
    login = await harness.confirm(ada.account, "pa\u0301ssword", HOME)
    assert login.account == ada.account


async def test_a_wrong_password_counts_as_a_failed_login(harness: Harness) -> None:
    ada = await harness.ada()
    for _ in range(LIMIT.count):
        with pytest.raises(WrongPassword):
            await harness.confirm(ada.account, "wrong", HOME)
    with pytest.raises(RateLimited):
        await harness.confirm(ada.account, PASSWORD, HOME)
    kinds = [event.kind for event in harness.log.events]
    assert kinds == [AuthenticationEventKind.LOGIN_FAILED] * 2 + [
        AuthenticationEventKind.LOGIN_LIMITED
    ]


async def test_a_right_password_is_neither_counted_nor_logged(harness: Harness) -> None:
    ada = await harness.ada()
    for _ in range(LIMIT.count + 1):
        await harness.confirm(ada.account, PASSWORD, HOME)
    assert harness.log.events == []


async def test_a_password_that_was_not_verified_is_not_counted(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await harness.ada()

    async def busy(_stored: str | None, _password: str) -> bool:
        raise TooManyPasswords

    with monkeypatch.context() as patched:
        patched.setattr(harness.passwords, "verify", busy)
        for _ in range(LIMIT.count + 1):
            with pytest.raises(TooManyPasswords):
                await harness.confirm(ada.account, PASSWORD, HOME)
    await harness.confirm(ada.account, PASSWORD, HOME)


async def test_a_closed_or_disabled_account_confirms_nothing(harness: Harness) -> None:
    ada = await harness.ada()
    other = replace(ada.account, id=UserId(a_session(ada.account.id).id))
    with pytest.raises(NotAuthenticated):
        await harness.confirm(other, PASSWORD, HOME)  # its address belongs to another account now
    await harness.stored.accounts.update(ada.account.email, disabled=True)
    with pytest.raises(NotAuthenticated):
        await harness.confirm(ada.account, PASSWORD, HOME)


# --- changing a password


async def test_a_changed_password_ends_the_other_sessions(harness: Harness) -> None:
    ada, bob = await harness.ada(), await a_person(harness.stored, "bob")
    own, his = a_session(ada.account.id), await harness.sessions(bob)
    assert await begin_session(harness.stored, own)
    await harness.change_password(ada, kept=own)
    assert await harness.hash_of(ada.account) == f"strong:{NEW}"
    assert await harness.sessions(ada) == [own]
    assert await harness.sessions(bob) == his
    ended = harness.log.events
    assert [event.kind for event in ended] == [AuthenticationEventKind.SESSION_ENDED]
    assert ended[0].session_id != own.id


async def test_a_wrong_password_changes_nothing(harness: Harness) -> None:
    ada = await harness.ada()
    before = await harness.sessions(ada)
    with pytest.raises(WrongPassword):
        await harness.change_password(ada, "wrong")
    assert await harness.hash_of(ada.account) == HASH
    assert await harness.sessions(ada) == before


class Racing(PlainPasswords):
    """Replaces the stored hash each time a new one has been computed."""

    def __init__(self, stored: Callable[[], Adapters], email: str, *hashes: str) -> None:
        super().__init__()
        self._stored, self._email, self._hashes = stored, email, list(hashes)

    async def verify(self, stored: str | None, password: str) -> bool:
        right = await super().verify(stored, password)
        if self._hashes:
            await self._stored().accounts.update(self._email, password_hash=self._hashes.pop(0))
        return right


async def raced(*hashes: str) -> tuple[Harness, Person]:
    harnesses: list[Harness] = []
    racing = Racing(lambda: harnesses[0].stored, "ada@example.com", *hashes)
    harnesses.append(Harness(passwords=racing))
    return harnesses[0], await harnesses[0].ada()


async def test_a_login_that_strengthens_the_hash_does_not_stop_a_change() -> None:
    harness, ada = await raced(f"stronger:{PASSWORD}")
    await harness.change_password(ada)
    assert await harness.hash_of(ada.account) == f"strong:{NEW}"


async def test_the_faster_one_of_two_changes_wins() -> None:
    harness, ada = await raced("strong:another one")
    with pytest.raises(WrongPassword):
        await harness.change_password(ada)
    assert await harness.hash_of(ada.account) == "strong:another one"


async def test_a_hash_that_keeps_changing_stops_a_change_and_an_erasure() -> None:
    hashes = [f"{number}:{PASSWORD}" for number in range(10)]
    harness, ada = await raced(*hashes)
    with pytest.raises(ConcurrentUpdate):
        await harness.change_password(ada)
    with pytest.raises(ConcurrentUpdate):
        await harness.close(harness.closure(ada))
    assert await harness.stored.accounts.find(ada.account.id) == ada.account


# --- erasing an account


async def test_an_erased_account_leaves_nothing_behind(harness: Harness) -> None:
    ada = await live(harness.stored, "ada-lovelace")
    await harness.erase(harness.closure(ada))
    assert ada.name not in await harness.stored.stored_facts.dump()
    assert await harness.stored.cache_debts.oldest(10) == []


async def test_an_erased_account_is_refused_at_once(harness: Harness) -> None:
    ada = await harness.ada()
    changes: list[UserId] = []
    harness.access.apply = lambda change: changes.append(UserId(change.subject))  # type: ignore[method-assign]
    await harness.erase(harness.closure(ada))
    assert changes == [ada.account.id]


async def test_a_wrong_password_erases_nothing(harness: Harness) -> None:
    ada = await live(harness.stored, "ada")
    before = await harness.stored.stored_facts.dump()
    with pytest.raises(WrongPassword):
        await harness.erase(harness.closure(ada, "wrong"))
    assert await harness.stored.stored_facts.dump() == before


async def test_no_password_matches_an_erased_account(harness: Harness) -> None:
    ada = await harness.ada()
    await harness.erase(harness.closure(ada))
    account = await harness.stored.accounts.find(ada.account.id)
    assert account is not None
    assert account.is_erased
    password_hash = await harness.hash_of(account)
    assert password_hash is not None
    assert not await harness.passwords.verify(password_hash, PASSWORD)


async def test_a_cached_order_loses_its_reference(harness: Harness) -> None:
    ada = await harness.ada()
    order_id = await buy(harness.stored, ada)
    answer, document = await harness.cache.get(order_id), await harness.stored.reader.find(order_id)
    assert document is not None
    assert answer.lease is not None
    await harness.cache.fill(order_id, document, answer.lease)
    await harness.erase(harness.closure(ada))
    cached = (await harness.cache.get(order_id)).document
    assert cached is not None
    assert b"reference" not in cached.body


async def test_an_unreachable_cache_is_owed_the_orders(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await harness.ada()
    order_id = await buy(harness.stored, ada)

    async def unreachable(documents: dict[OrderId, object]) -> frozenset[OrderId]:
        return frozenset(documents)

    monkeypatch.setattr(harness.cache, "put_many", unreachable)
    await harness.erase(harness.closure(ada))
    owed = await harness.stored.cache_debts.oldest(10)
    assert [debt.order_id for debt in owed] == [order_id]


async def test_a_failure_after_closing_is_left_to_the_background(harness: Harness) -> None:
    ada = await live(harness.stored, "ada")
    harness.erasures.parts = [Unavailable()]
    await harness.erase(harness.closure(ada))
    await harness.clock.advance(5)
    assert [each.passes for each in await harness.erasures.due(harness.clock.now(), 10)] == [0]
    assert await harness.continue_erasures(lambda: None) == 1
    assert await harness.erasures.due(harness.clock.now(), 10) == []


async def test_a_request_repeats_a_pass_that_has_skipped_rows(harness: Harness) -> None:
    ada = await harness.ada()
    harness.erasures.parts = [ErasedPart((), has_more=False, has_skipped=True)] * 2
    await harness.erase(harness.closure(ada))
    assert harness.erasures.calls == 3
    assert await harness.erasures.due(NOW + RETRY, 10) == []
    assert len(await harness.erasures.due(NOW + SETTLE, 10)) == 1


async def test_a_request_leaves_the_rest_to_the_background_in_time(harness: Harness) -> None:
    ada = await harness.ada()
    more = ErasedPart((), has_more=True, has_skipped=False)
    harness.erasures.parts = [more] * 3

    async def slow(_: object) -> frozenset[OrderId]:
        await harness.clock.advance(0.4)
        return frozenset()

    harness.erase_data._update_cache = slow  # type: ignore[assignment]  # takes time
    await harness.erase(harness.closure(ada))
    assert harness.erasures.calls == 3
    assert len(await harness.erasures.due(NOW + timedelta(seconds=5), 10)) == 1


async def test_a_request_stops_repeating_in_time(harness: Harness) -> None:
    ada = await harness.ada()
    harness.erasures.parts = [ErasedPart((), has_more=False, has_skipped=True)] * 100

    async def slow(_: object) -> frozenset[OrderId]:
        await harness.clock.advance(0.4)
        return frozenset()

    harness.erase_data._update_cache = slow  # type: ignore[assignment]  # takes time
    await harness.erase(harness.closure(ada))
    assert harness.erasures.calls == 3


async def test_the_background_makes_a_last_pass_and_no_more(harness: Harness) -> None:
    ada = await harness.ada()
    await harness.erase(harness.closure(ada))
    await buy(harness.stored, ada)  # in a request that was authenticated before
    beats: list[None] = []
    assert await harness.continue_erasures(lambda: beats.append(None)) == 0
    await harness.clock.advance(60)
    harness.erasures.parts = [ErasedPart((), has_more=True, has_skipped=False)]
    assert await harness.continue_erasures(lambda: beats.append(None)) == 1
    assert len(beats) == 1
    assert "ada " not in await harness.stored.stored_facts.dump()
    await harness.clock.advance(10_000)
    assert await harness.continue_erasures(lambda: None) == 0


# --- exporting an account


async def test_an_export_has_pages_of_everything(harness: Harness) -> None:
    ada, bob = await harness.ada(), await a_person(harness.stored, "bob")
    order_ids = [await buy(harness.stored, ada) for _ in range(PAGE + 1)]
    await buy(harness.stored, bob)
    pages = [list(page) async for page in harness.export(ada.account.id)]
    assert [len(page) for page in pages] == [1, 1, PAGE, 1, 1]
    assert pages[0] == [ada.account]
    assert pages[1] == await harness.sessions(ada)
    orders = [item for page in pages for item in page if isinstance(item, ExportedOrder)]
    assert [order.id for order in orders] == order_ids
    assert [len(order.steps) for order in orders] == [1] * len(order_ids)
    assert pages[-1] == [ExportEnd(sessions=1, orders=PAGE + 1)]


@pytest.mark.parametrize("count", [0, PAGE])
async def test_an_export_ends_after_a_full_page(harness: Harness, count: int) -> None:
    ada = await harness.ada()
    for _ in range(count):
        await buy(harness.stored, ada)
    pages = [len(page) async for page in harness.export(ada.account.id)]
    assert pages == [1, 1, *[PAGE][:count], 1]


async def test_a_closed_account_is_not_exported(harness: Harness) -> None:
    ada = await harness.ada()
    await harness.erase(harness.closure(ada))
    with pytest.raises(NotAuthenticated):
        await anext(harness.export(ada.account.id))


# --- new passwords


class OneCommonPassword:
    """A list with one common password."""

    def contains(self, folded: str) -> bool:
        return folded == "gro\u00dfartig".casefold()


def test_the_policy_normalises_and_checks_a_new_password() -> None:
    policy, ada = PasswordPolicy(OneCommonPassword()), an_address("ada.lovelace@example.com")
    assert policy.parse("pa\u0301ssword", ada) == "p\u00e1ssword"
    assert policy.parse("ada.lovelace", None) == "ada.lovelace"
    for password in ("Gro\u00dfartig", "ada.lovelace"):
        with pytest.raises(CommonPassword):
            policy.parse(password, ada)
    with pytest.raises(Invalid, match="8 to 128"):
        policy.parse("short", ada)
