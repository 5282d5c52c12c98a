import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.security.passwords import Argon2Passwords
from application.errors import TooManyPasswords
from libraries.asyncio_tools.time_budget import storage_deadline

pytestmark = pytest.mark.usefixtures("with_generous_deadlines")

WEAK = argon2.PasswordHasher(1, 8 * 1024, 1).hash("correct horse")

#: How long to wait for an event, in seconds. The event only fails to arrive if the test fails.
LONG = 60.0

BROKEN = [
    "",
    "plain text",
    "$argon2id$",
    "$argon2id$v=19$m=19456,t=2,p=1$$",
    "$argon2id$v=19$m=lots,t=2,p=1$c29tZXNhbHQ$aGFzaA",
    "$argon2id$v=19$m=0,t=0,p=0$c29tZXNhbHQ$aGFzaA",
    "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
    "h\u00e4sh",
    "\ud800",
    "\0",
]


@pytest.fixture
def passwords() -> Iterator[Argon2Passwords]:
    made = Argon2Passwords()
    yield made
    made.close()


class CallCounts:
    """Counts all calls and the maximum number of concurrent ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.maximum = 0
        self.calls = 0

    def __enter__(self) -> None:
        with self._lock:
            self.calls += 1
            self._now += 1
            self.maximum = max(self.maximum, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


def hashing_is(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> CallCounts:
    """Replace hashing by `work`, and count its calls."""
    counts = CallCounts()

    def hashed(_hasher: argon2.PasswordHasher, _password: bytes) -> str:
        with counts:
            work()
        return "hashed"

    monkeypatch.setattr(argon2.PasswordHasher, "hash", hashed)
    return counts


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[argon2.Parameters]:
    """Record the parameters of all verifications."""
    parameters: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def recorded(hasher: argon2.PasswordHasher, stored: str, password: bytes) -> bool:
        parameters.append(argon2.extract_parameters(stored))
        return verify(hasher, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", recorded)
    return parameters


def test_a_hash_contains_the_parameters_of_owasp(passwords: Argon2Passwords) -> None:
    stored = asyncio.run(passwords.hash("correct horse"))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_hash_with_lower_parameters_than_the_current_ones_is_outdated() -> None:
    async def scenario(passwords: Argon2Passwords, stronger: Argon2Passwords) -> None:
        stored = await passwords.hash("correct horse")
        assert not passwords.is_outdated(stored)
        assert stronger.is_outdated(stored)
        assert await stronger.verify(stored, "correct horse")
        renewed = await stronger.hash("correct horse")
        assert renewed.startswith("$argon2id$v=19$m=20480,t=3,p=2$")
        assert not stronger.is_outdated(renewed)

    both = Argon2Passwords(), Argon2Passwords(time_cost=3, memory_cost=20_480, parallelism=2)
    asyncio.run(scenario(*both))
    for each in both:
        each.close()


def test_no_password_matches_an_unusable_hash(passwords: Argon2Passwords) -> None:
    unusable = passwords.unusable()
    for password in ("", "correct horse", unusable):
        assert not asyncio.run(passwords.verify(unusable, password))


def test_an_unusable_hash_is_made_without_hashing(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = hashing_is(monkeypatch, lambda: None)
    passwords.unusable()
    assert counts.calls == 0


@pytest.mark.parametrize("password", ["correct horse", "\u540d" * 128, "", "\0", "a\ud800b"])
def test_only_the_right_password_matches(passwords: Argon2Passwords, password: str) -> None:
    async def scenario() -> None:
        stored = await passwords.hash(password)
        assert await passwords.verify(stored, password)
        assert not await passwords.verify(stored, f"{password}x")

    asyncio.run(scenario())


def test_two_hashes_of_one_password_differ(passwords: Argon2Passwords) -> None:
    async def scenario() -> list[str]:
        return [await passwords.hash("same") for _ in range(2)]

    first, second = asyncio.run(scenario())
    assert first != second


def test_an_unknown_or_outside_account_costs_as_much_as_a_wrong_password(
    passwords: Argon2Passwords, verified: list[argon2.Parameters]
) -> None:
    stored = asyncio.run(passwords.hash("correct horse"))
    for account in (stored, None, passwords.unusable()):
        assert not asyncio.run(passwords.verify(account, "a wrong password"))
    known, unknown, unusable = verified
    assert known == unknown == unusable


@pytest.mark.parametrize("first", [WEAK, None], ids=["known", "unknown"])
def test_the_dummy_hash_is_made_once_before_the_first_result(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch, first: str | None
) -> None:
    counts = hashing_is(monkeypatch, lambda: None)
    for account in (first, WEAK, None):
        assert not asyncio.run(passwords.verify(account, "a wrong password"))
        assert counts.calls == 1


@pytest.mark.parametrize("stored", BROKEN)
def test_a_stored_string_that_is_not_a_hash_matches_nothing_and_is_outdated(
    passwords: Argon2Passwords, stored: str
) -> None:
    assert not asyncio.run(passwords.verify(stored, "correct horse"))
    assert passwords.is_outdated(stored)


def test_a_hash_of_weaker_parameters_still_matches_and_is_outdated(
    passwords: Argon2Passwords,
) -> None:
    assert asyncio.run(passwords.verify(WEAK, "correct horse"))
    assert passwords.is_outdated(WEAK)
    assert not passwords.is_outdated(asyncio.run(passwords.hash("correct horse")))


@given(st.text())
def test_any_malformed_hash_is_outdated(stored: str) -> None:
    passwords = Argon2Passwords()
    assert passwords.is_outdated(stored)
    assert passwords.is_outdated(f"$argon2id$v=19$m=19456,t=2,p=1{stored}")


def test_hashing_does_not_block_the_event_loop(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop_is_free = threading.Event()
    was_free: list[bool] = []
    hashing_is(monkeypatch, lambda: was_free.append(loop_is_free.wait(LONG)))

    async def scenario() -> None:
        hashing = asyncio.ensure_future(passwords.hash("x"))
        await asyncio.sleep(0)
        loop_is_free.set()
        await hashing

    asyncio.run(scenario())
    assert was_free == [True]


def test_at_most_the_allowed_number_of_calls_run_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Argon2Passwords(at_once=2)
    two = threading.Barrier(2, timeout=LONG)

    def wait_for_another() -> None:
        two.wait()
        time.sleep(0.05)  # gives a third call enough time to arrive here

    counts = hashing_is(monkeypatch, wait_for_another)

    async def scenario() -> None:
        await asyncio.gather(*(passwords.hash("x") for _ in range(10)))

    asyncio.run(scenario())
    passwords.close()
    assert (counts.maximum, counts.calls) == (2, 10)


def test_a_waiting_call_that_is_canceled_never_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Argon2Passwords(at_once=1)
    cancelled = threading.Event()
    counts = hashing_is(monkeypatch, lambda: cancelled.wait(LONG))

    async def scenario() -> None:
        waiting = [asyncio.ensure_future(passwords.hash("x")) for _ in range(10)]
        await asyncio.sleep(0)
        for task in waiting[1:]:
            task.cancel()
        await asyncio.gather(*waiting[1:], return_exceptions=True)
        cancelled.set()
        await waiting[0]
        assert await passwords.hash("x") == "hashed"

    asyncio.run(scenario())
    passwords.close()
    assert counts.calls == 2


def test_calls_beyond_the_bound_are_refused_until_others_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Argon2Passwords(at_once=1, max_pending=3)
    may_end = threading.Event()
    counts = hashing_is(monkeypatch, lambda: may_end.wait(LONG))

    async def scenario() -> None:
        pending = [asyncio.ensure_future(passwords.hash("x")) for _ in range(3)]
        await asyncio.sleep(0)
        for _ in range(1_000):
            with pytest.raises(TooManyPasswords):
                await passwords.hash("x")
            with pytest.raises(TooManyPasswords):
                await passwords.verify(None, "x")
        may_end.set()
        assert await asyncio.gather(*pending) == ["hashed"] * 3
        assert await passwords.hash("x") == "hashed"

    asyncio.run(scenario())
    passwords.close()
    assert counts.calls == 4


def test_a_call_that_has_waited_too_long_is_refused_without_hashing(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = hashing_is(monkeypatch, lambda: None)
    monkeypatch.setattr("adapters.security.passwords.MAX_WAIT_SECONDS", -1.0)
    with pytest.raises(TooManyPasswords):
        asyncio.run(passwords.hash("correct horse"))
    assert counts.calls == 0


def test_hashing_does_not_use_up_the_time_for_the_storage(
    passwords: Argon2Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = [], []

    def work() -> None:
        began.append(time.monotonic())
        while time.monotonic() == began[0]:
            pass
        ended.append(time.monotonic())

    async def scenario() -> None:
        storage_deadline.set(1_000.0)
        await passwords.hash("correct horse")
        deadline = storage_deadline.get()
        assert deadline is not None
        assert deadline >= 1_000.0 + ended[0] - began[0] > 1_000.0

    hashing_is(monkeypatch, work)
    asyncio.run(scenario())


def test_hashing_outside_a_request_has_no_storage_deadline(passwords: Argon2Passwords) -> None:
    async def scenario() -> None:
        await passwords.hash("correct horse")
        assert storage_deadline.get() is None

    asyncio.run(scenario())


def test_a_canceled_call_makes_room_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Argon2Passwords(at_once=1, max_pending=2)
    may_end = threading.Event()
    hashing_is(monkeypatch, lambda: may_end.wait(LONG))

    async def scenario() -> None:
        running = asyncio.ensure_future(passwords.hash("x"))
        waiting = asyncio.ensure_future(passwords.hash("x"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        another = asyncio.ensure_future(passwords.hash("x"))
        await asyncio.sleep(0)
        may_end.set()
        assert (await running, await another) == ("hashed", "hashed")

    asyncio.run(scenario())
    passwords.close()


def test_closing_waits_for_running_calls() -> None:
    async def scenario() -> None:
        passwords = Argon2Passwords()
        begun = [asyncio.ensure_future(passwords.hash("x")) for _ in range(4)]
        await asyncio.sleep(0)
        passwords.close()
        assert all(text.startswith("$argon2id$") for text in await asyncio.gather(*begun))

    asyncio.run(scenario())
