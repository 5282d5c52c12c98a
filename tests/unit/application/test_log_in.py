import asyncio
from dataclasses import dataclass, field

import pytest

from adapters.memory.limits import MemoryRateLimiter
from application.accounts.log_in import LogIn
from application.accounts.login_limits import LoginLimits
from application.accounts.password_check import Credentials, PasswordCheck
from application.errors import InvalidCredentials, RateLimited
from application.ports.accounts import AccessToken, EmailAddress
from application.ports.limits import Limit
from domain.account import Account
from tests.support.accounts import PlainPasswords, PlainTokens, an_address
from tests.support.adapters import Adapters, memory_adapters
from tests.support.orders import IDS, a_user_id
from tests.support.time import NOW, MovableClock

EMAIL, PASSWORD, HOME = "alice@example.com", "correct horse", "192.0.2.1"
LIMIT = Limit("login", 10, 60)


@dataclass
class Gate:
    """The use case and its collaborators."""

    limit: Limit | None = LIMIT
    passwords: PlainPasswords = field(default_factory=PlainPasswords)
    clock: MovableClock = field(default_factory=MovableClock)

    def __post_init__(self) -> None:
        self.stored: Adapters = memory_adapters(self.clock)
        self.tokens = PlainTokens()
        check = PasswordCheck(
            self.stored.accounts,
            self.stored.passwords,
            self.passwords,
            LoginLimits(MemoryRateLimiter(self.clock.monotonic), self.limit),
        )
        self.log_in = LogIn(check, self.tokens, self.clock, IDS)

    async def open_account(self, email: str = EMAIL, password_hash: str | None = None) -> Account:
        account = Account(id=a_user_id(), email=email, created_at=NOW)
        await self.stored.accounts.add(account, password_hash or f"strong:{PASSWORD}")
        return account

    async def attempt(
        self, password: str = PASSWORD, email: str = EMAIL, address: str = HOME
    ) -> AccessToken:
        return await self.log_in(Credentials(an_address(email), password, address))

    async def fail(self, times: int, email: str = EMAIL, address: str = HOME) -> None:
        for _ in range(times):
            with pytest.raises(InvalidCredentials):
                await self.attempt("wrong", email, address)


@pytest.fixture
async def gate() -> Gate:
    gate = Gate()
    await gate.open_account()
    return gate


async def test_the_right_password_is_traded_for_a_token_of_the_account() -> None:
    gate = Gate()
    alice = await gate.open_account()
    token = await gate.attempt()
    assert token.expires_in == 1800
    claims = gate.tokens.verify(token.text, NOW)
    assert (claims.user_id, claims.issued_at) == (alice.id, NOW)
    assert claims.token_id != claims.family


DECOMPOSED, COMPOSED = "pa\u0301ssword", "p\u00e1ssword"


@pytest.mark.parametrize("spelling", [COMPOSED, DECOMPOSED])
async def test_a_password_is_compared_in_its_normal_form(spelling: str) -> None:
    gate = Gate()
    await gate.open_account(password_hash=f"strong:{COMPOSED}")
    await gate.attempt(spelling)


async def test_a_password_that_was_stored_before_it_was_normalised_is_still_right() -> None:
    gate = Gate()
    await gate.open_account(password_hash=f"strong:{DECOMPOSED}")
    with pytest.raises(InvalidCredentials):
        await gate.attempt(COMPOSED)
    await gate.attempt(DECOMPOSED)
    login = await gate.stored.accounts.login(EMAIL)
    assert login is not None
    assert login.password_hash == f"strong:{COMPOSED}"
    await gate.attempt(COMPOSED)


async def test_an_unknown_account_takes_the_work_of_a_wrong_password_in_every_form() -> None:
    gate = Gate()
    await gate.open_account()
    for password in ("wrong", DECOMPOSED):
        asked = []
        for email in (EMAIL, "nobody@example.com"):
            gate.passwords.asked.clear()
            with pytest.raises(InvalidCredentials):
                await gate.attempt(password, email)
            asked.append(len(gate.passwords.asked))
        assert asked[0] == asked[1]


async def test_an_account_is_found_under_an_older_spelling_of_its_address(gate: Gate) -> None:
    await gate.open_account("ada@xn--bcher-kva.example")
    spellings = ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example")
    address = EmailAddress(spellings[0], spellings)
    await gate.log_in(Credentials(address, PASSWORD, HOME))


async def test_each_login_gets_a_token_and_a_family_of_its_own(gate: Gate) -> None:
    claims = [gate.tokens.verify((await gate.attempt()).text, NOW) for _ in range(2)]
    assert len({each for claim in claims for each in (claim.token_id, claim.family)}) == 4


async def test_a_wrong_password_is_refused(gate: Gate) -> None:
    await gate.fail(1)


async def test_an_unknown_account_is_refused_alike_and_takes_the_hashers_time(gate: Gate) -> None:
    await gate.fail(1, email="nobody@example.com")
    assert gate.passwords.asked == [None]


async def test_a_disabled_account_is_refused_alike_though_the_password_is_right(
    gate: Gate,
) -> None:
    await gate.stored.accounts.update(EMAIL, disabled=True)
    with pytest.raises(InvalidCredentials):
        await gate.attempt()
    assert gate.passwords.asked == [f"strong:{PASSWORD}"]


async def test_a_hash_of_weaker_days_is_replaced_at_login() -> None:
    gate = Gate()
    await gate.open_account(password_hash=f"weak:{PASSWORD}")
    await gate.attempt()
    login = await gate.stored.accounts.login(EMAIL)
    assert login is not None
    assert login.password_hash == f"strong:{PASSWORD}"


async def test_a_hash_is_not_replaced_for_a_wrong_password() -> None:
    gate = Gate()
    await gate.open_account(password_hash=f"weak:{PASSWORD}")
    await gate.fail(1)
    login = await gate.stored.accounts.login(EMAIL)
    assert login is not None
    assert login.password_hash == f"weak:{PASSWORD}"


async def test_after_ten_failures_the_right_password_is_refused_too_and_not_looked_at(
    gate: Gate,
) -> None:
    await gate.fail(10)
    gate.passwords.asked.clear()
    with pytest.raises(RateLimited) as refused:
        await gate.attempt()
    assert refused.value.retry_after == 6
    assert gate.passwords.asked == []


async def test_after_a_while_the_right_password_is_right_again(gate: Gate) -> None:
    await gate.fail(10)
    await gate.clock.advance(6)
    await gate.attempt()


async def test_right_passwords_are_not_counted(gate: Gate) -> None:
    for _ in range(200):
        await gate.attempt()
    await gate.fail(10)


async def test_failures_of_one_address_do_not_lock_the_account_out_from_another(
    gate: Gate,
) -> None:
    await gate.fail(10)
    await gate.attempt(address="198.51.100.7")


async def test_failures_of_one_account_do_not_lock_others_out_from_the_same_address(
    gate: Gate,
) -> None:
    await gate.open_account("bob@example.com")
    await gate.fail(10)
    await gate.attempt(email="bob@example.com")


async def test_one_account_may_fail_ten_times_as_often_over_all_addresses(gate: Gate) -> None:
    for n in range(10):
        await gate.fail(10, address=f"192.0.2.{n}")
    with pytest.raises(RateLimited):
        await gate.attempt(address="198.51.100.7")


async def test_one_address_may_fail_ten_times_as_often_over_all_accounts(gate: Gate) -> None:
    for n in range(10):
        await gate.fail(10, email=f"user{n}@example.com")
    with pytest.raises(RateLimited):
        await gate.attempt()
    await gate.attempt(address="198.51.100.7")


async def test_an_attempt_that_was_refused_counts_nowhere(gate: Gate) -> None:
    await gate.fail(10)
    for _ in range(500):
        with pytest.raises(RateLimited):
            await gate.attempt("wrong")
    # The account's limit over all, and the address's, have 90 left each.
    for n in range(9):
        await gate.fail(10, address=f"198.51.100.{n}")
        await gate.fail(10, email=f"user{n}@example.com")


async def test_an_attempt_that_the_last_limit_refuses_is_given_back_to_the_others() -> None:
    gate = Gate()
    await gate.open_account()
    for n in range(10):
        await gate.fail(10, email=f"user{n}@example.com")
    for _ in range(50):
        with pytest.raises(RateLimited):
            await gate.attempt("wrong")
    # The address may fail ten times again; the account from there would have one attempt left.
    await gate.clock.advance(6)
    await gate.fail(10)


async def test_a_thousand_guesses_at_once_are_a_thousand_counted_guesses(gate: Gate) -> None:
    answers = await asyncio.gather(
        *(gate.attempt(f"guess {n}") for n in range(1_000)), return_exceptions=True
    )
    assert sum(isinstance(answer, InvalidCredentials) for answer in answers) == 10
    assert sum(isinstance(answer, RateLimited) for answer in answers) == 990
    assert len(gate.passwords.asked) == 10


async def test_without_a_limit_no_login_is_limited() -> None:
    gate = Gate(limit=None)
    await gate.open_account()
    await gate.fail(200)
    await gate.attempt()
