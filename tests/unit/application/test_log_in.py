import asyncio
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.memory.authentication_log import MemoryAuthenticationLog
from adapters.memory.limits import MemoryRateLimiter
from adapters.security.refresh_tokens import RandomRefreshTokens
from application.accounts.log_in import LogIn
from application.accounts.login_attempts import LoginAttempts
from application.accounts.login_limits import LoginLimits
from application.accounts.password_check import Credentials, PasswordCheck
from application.accounts.session_tokens import SessionTokenFactory
from application.errors import InvalidCredentials, RateLimited, TooManyPasswords
from application.ports.accounts import AccessToken, EmailAddress
from application.ports.authentication_log import AuthenticationEvent, AuthenticationEventKind
from application.ports.limits import Limit
from application.ports.sessions import RefreshToken, Session
from domain.account import Account
from domain.ids import SessionId
from tests.support.accounts import PlainPasswords, PlainTokens, an_address
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS, a_user_id
from tests.support.time import NOW, MovableClock

EMAIL, PASSWORD, HOME = "alice@example.com", "correct horse", "192.0.2.1"
USER_AGENT = "Browser/1.0"
LIMIT = Limit("login", 10, 60)


@dataclass
class Harness:
    """The use case and its collaborators."""

    limit: Limit | None = LIMIT
    passwords: PlainPasswords = field(default_factory=PlainPasswords)
    clock: MovableClock = field(default_factory=MovableClock)
    log: MemoryAuthenticationLog = field(default_factory=MemoryAuthenticationLog)

    def __post_init__(self) -> None:
        self.stored: Adapters = memory_adapters(self.clock)
        self.tokens = PlainTokens()
        self.check = PasswordCheck(
            self.stored.accounts,
            self.stored.passwords,
            self.passwords,
            LoginAttempts(
                LoginLimits(MemoryRateLimiter(self.clock.monotonic), self.limit), self.log
            ),
        )
        self.factory = SessionTokenFactory(
            self.tokens, RandomRefreshTokens(86_400), self.clock, IDS
        )
        self.log_in = LogIn(self.check, self.stored.sessions, self.factory, self.log)

    async def open_account(self, email: str = EMAIL, password_hash: str | None = None) -> Account:
        account = Account(id=a_user_id(), email=email, created_at=NOW)
        await self.stored.accounts.add(account, password_hash or f"strong:{PASSWORD}")
        return account

    async def attempt(
        self, password: str = PASSWORD, email: str = EMAIL, address: str = HOME
    ) -> AccessToken:
        credentials = Credentials(an_address(email), password, address)
        return (await self.log_in(credentials, USER_AGENT)).access

    async def fail(self, times: int, email: str = EMAIL, address: str = HOME) -> None:
        for _ in range(times):
            with pytest.raises(InvalidCredentials):
                await self.attempt("wrong", email, address)


@pytest.fixture
async def harness() -> Harness:
    harness = Harness()
    await harness.open_account()
    return harness


async def test_the_right_password_returns_a_token_of_the_account() -> None:
    harness = Harness()
    alice = await harness.open_account()
    token = await harness.attempt()
    assert token.expires_in == 1800
    claims = harness.tokens.verify(token.text, NOW)
    assert (claims.user_id, claims.issued_at) == (alice.id, NOW)
    assert claims.token_id != claims.family


DECOMPOSED, COMPOSED = "pa\u0301ssword", "p\u00e1ssword"


@pytest.mark.parametrize("spelling", [COMPOSED, DECOMPOSED])
async def test_a_password_is_compared_in_its_normal_form(spelling: str) -> None:
    harness = Harness()
    await harness.open_account(password_hash=f"strong:{COMPOSED}")
    await harness.attempt(spelling)


async def test_a_password_that_was_stored_without_normalisation_is_still_valid() -> None:
    harness = Harness()
    await harness.open_account(password_hash=f"strong:{DECOMPOSED}")
    with pytest.raises(InvalidCredentials):
        await harness.attempt(COMPOSED)
    await harness.attempt(DECOMPOSED)
    login = await harness.stored.accounts.login(EMAIL)
    assert login is not None
    assert login.password_hash == f"strong:{COMPOSED}"
    await harness.attempt(COMPOSED)


async def test_an_unknown_account_costs_as_many_hashes_as_a_wrong_password() -> None:
    harness = Harness()
    await harness.open_account()
    for password in ("wrong", DECOMPOSED):
        counts = []
        for email in (EMAIL, "nobody@example.com"):
            harness.passwords.asked.clear()
            with pytest.raises(InvalidCredentials):
                await harness.attempt(password, email)
            counts.append(len(harness.passwords.asked))
        assert counts[0] == counts[1]


async def test_an_account_is_found_under_an_older_spelling_of_its_address(harness: Harness) -> None:
    await harness.open_account("ada@xn--bcher-kva.example")
    spellings = ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example")
    address = EmailAddress(spellings[0], spellings)
    await harness.log_in(Credentials(address, PASSWORD, HOME), USER_AGENT)


async def test_each_login_has_a_token_and_a_family_of_its_own(harness: Harness) -> None:
    claims = [harness.tokens.verify((await harness.attempt()).text, NOW) for _ in range(2)]
    assert len({each for claim in claims for each in (claim.token_id, claim.family)}) == 4


async def test_a_wrong_password_is_refused(harness: Harness) -> None:
    await harness.fail(1)


async def test_an_unknown_account_has_the_same_error_and_costs_a_hash(harness: Harness) -> None:
    await harness.fail(1, email="nobody@example.com")
    assert harness.passwords.asked == [None]


async def test_a_disabled_account_has_the_same_error(
    harness: Harness,
) -> None:
    await harness.stored.accounts.update(EMAIL, disabled=True)
    with pytest.raises(InvalidCredentials):
        await harness.attempt()
    assert harness.passwords.asked == [f"strong:{PASSWORD}"]


async def test_an_outdated_hash_is_replaced_at_login() -> None:
    harness = Harness()
    await harness.open_account(password_hash=f"weak:{PASSWORD}")
    await harness.attempt()
    login = await harness.stored.accounts.login(EMAIL)
    assert login is not None
    assert login.password_hash == f"strong:{PASSWORD}"


async def test_a_wrong_password_does_not_replace_a_hash() -> None:
    harness = Harness()
    await harness.open_account(password_hash=f"weak:{PASSWORD}")
    await harness.fail(1)
    login = await harness.stored.accounts.login(EMAIL)
    assert login is not None
    assert login.password_hash == f"weak:{PASSWORD}"


async def test_after_ten_failures_the_right_password_is_refused_unverified(
    harness: Harness,
) -> None:
    await harness.fail(10)
    harness.passwords.asked.clear()
    with pytest.raises(RateLimited) as refused:
        await harness.attempt()
    assert refused.value.retry_after == 6
    assert harness.passwords.asked == []


async def test_the_right_password_is_accepted_again_after_a_while(harness: Harness) -> None:
    await harness.fail(10)
    await harness.clock.advance(6)
    await harness.attempt()


async def test_right_passwords_are_not_counted(harness: Harness) -> None:
    for _ in range(200):
        await harness.attempt()
    await harness.fail(10)


async def test_failures_from_one_address_do_not_affect_another_address(
    harness: Harness,
) -> None:
    await harness.fail(10)
    await harness.attempt(address="198.51.100.7")


async def test_failures_of_one_account_do_not_affect_another_account(
    harness: Harness,
) -> None:
    await harness.open_account("bob@example.com")
    await harness.fail(10)
    await harness.attempt(email="bob@example.com")


async def test_an_account_has_ten_times_the_limit_over_all_addresses(harness: Harness) -> None:
    for n in range(10):
        await harness.fail(10, address=f"192.0.2.{n}")
    with pytest.raises(RateLimited):
        await harness.attempt(address="198.51.100.7")


async def test_an_address_has_ten_times_the_limit_over_all_accounts(harness: Harness) -> None:
    for n in range(10):
        await harness.fail(10, email=f"user{n}@example.com")
    with pytest.raises(RateLimited):
        await harness.attempt()
    await harness.attempt(address="198.51.100.7")


async def test_a_refused_attempt_counts_against_no_limit(harness: Harness) -> None:
    await harness.fail(10)
    for _ in range(500):
        with pytest.raises(RateLimited):
            await harness.attempt("wrong")
    # The account still has 90 attempts over all addresses. So does the address, over all accounts.
    for n in range(9):
        await harness.fail(10, address=f"198.51.100.{n}")
        await harness.fail(10, email=f"user{n}@example.com")


async def test_an_attempt_refused_by_one_limit_is_refunded_to_the_others() -> None:
    harness = Harness()
    await harness.open_account()
    for n in range(10):
        await harness.fail(10, email=f"user{n}@example.com")
    for _ in range(50):
        with pytest.raises(RateLimited):
            await harness.attempt("wrong")
    # The address's limit allows ten attempts again. Without refunds, the limit for this account
    # from this address would only allow one.
    await harness.clock.advance(6)
    await harness.fail(10)


async def test_a_thousand_concurrent_guesses_are_all_counted(harness: Harness) -> None:
    answers = await asyncio.gather(
        *(harness.attempt(f"guess {n}") for n in range(1_000)), return_exceptions=True
    )
    assert sum(isinstance(answer, InvalidCredentials) for answer in answers) == 10
    assert sum(isinstance(answer, RateLimited) for answer in answers) == 990
    assert len(harness.passwords.asked) == 10


@pytest.mark.parametrize(
    ("accounts", "addresses"), [(1_000, 1), (1, 1_000), (50, 1), (1, 50), (1, 1)]
)
async def test_a_flood_costs_a_bounded_number_of_hashes(accounts: int, addresses: int) -> None:
    harness = Harness()
    await harness.open_account("user0@example.com")
    for n in range(2_000):
        with suppress(InvalidCredentials, RateLimited):
            await harness.attempt("wrong", f"user{n % accounts}@example.com", f"{n % addresses}")
    assert len(harness.passwords.asked) == (10 if (accounts, addresses) == (1, 1) else 100)
    assert len(harness.log.events) == 2_000


async def test_without_a_limit_no_login_is_limited() -> None:
    harness = Harness(limit=None)
    await harness.open_account()
    await harness.fail(200)
    await harness.attempt()


# --- the authentication log and overload


async def test_each_outcome_of_a_login_is_in_the_authentication_log() -> None:
    harness = Harness()
    alice = await harness.open_account()
    await harness.fail(1, email="nobody@example.com")
    await harness.fail(10)
    token = await harness.attempt(address="198.51.100.7")
    session_id = SessionId(harness.tokens.verify(token.text, NOW).family)
    with pytest.raises(RateLimited):
        await harness.attempt()
    kind = AuthenticationEventKind
    assert harness.log.events == [
        AuthenticationEvent(kind=kind.LOGIN_FAILED, address=HOME),
        *[AuthenticationEvent(kind=kind.LOGIN_FAILED, address=HOME, user_id=alice.id)] * 10,
        AuthenticationEvent(
            kind=kind.LOGIN_SUCCEEDED,
            address="198.51.100.7",
            user_id=alice.id,
            session_id=session_id,
        ),
        AuthenticationEvent(kind=kind.LOGIN_LIMITED, address=HOME),
    ]


async def test_an_attempt_whose_password_is_not_verified_is_refunded(harness: Harness) -> None:
    harness.passwords.is_overloaded = True
    for _ in range(11):
        with pytest.raises(TooManyPasswords):
            await harness.attempt("wrong")
    harness.passwords.is_overloaded = False
    await harness.fail(10)
    assert len(harness.log.events) == 10


class Racing:
    """Sessions of an account whose password hash is replaced before the first `times` begin."""

    def __init__(self, stored: Adapters, new_hash: str, times: int) -> None:
        self._stored = stored
        self._new_hash = new_hash
        self._times = times

    async def begin(self, session: Session, token: RefreshToken, password_hash: str) -> bool:
        if self._times:
            self._times -= 1
            await self._stored.accounts.update(EMAIL, password_hash=self._new_hash)
        return await self._stored.sessions.begin(session, token, password_hash)


@pytest.mark.parametrize(
    ("new_hash", "times", "is_accepted"),
    [
        ("strong:another one", 1, False),
        (f"weak:{PASSWORD}", 1, True),
        (f"weak:{PASSWORD}", 3, False),
    ],
    ids=["changed", "rehashed", "rehashed-too-often"],
)
async def test_a_login_that_races_a_change_of_the_hash(
    harness: Harness, new_hash: str, times: int, *, is_accepted: bool
) -> None:
    racing: Any = Racing(harness.stored, new_hash, times)
    log_in = LogIn(harness.check, racing, harness.factory, harness.log)
    credentials = Credentials(an_address(EMAIL), PASSWORD, HOME)
    with nullcontext() if is_accepted else pytest.raises(InvalidCredentials):
        await log_in(credentials, USER_AGENT)
