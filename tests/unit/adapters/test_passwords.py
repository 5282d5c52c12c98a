import asyncio
import threading
import time
from collections.abc import Iterator
from statistics import median

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.security.passwords import Argon2Passwords

WEAK = argon2.PasswordHasher(1, 8 * 1024, 1).hash("correct horse")

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


class Most:
    """How many calls there were, and how many at once at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.seen = 0
        self.calls = 0

    def __enter__(self) -> None:
        with self._lock:
            self.calls += 1
            self._now += 1
            self.seen = max(self.seen, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Most:
    """Makes hashing take 50 ms, and says how often it was done."""
    most = Most()

    def hash_slowly(_hasher: argon2.PasswordHasher, _password: bytes) -> str:
        with most:
            time.sleep(0.05)
        return "hashed"

    monkeypatch.setattr(argon2.PasswordHasher, "hash", hash_slowly)
    return most


async def seconds(passwords: Argon2Passwords, stored: str | None) -> float:
    before = time.perf_counter()
    assert not await passwords.verify(stored, "a wrong password")
    return time.perf_counter() - before


def test_the_parameters_are_owasps_and_stand_in_the_hash(passwords: Argon2Passwords) -> None:
    stored = asyncio.run(passwords.hash("correct horse"))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("password", ["correct horse", "\u540d" * 128, "", "\0", "a\ud800b"])
def test_the_right_password_is_right_and_any_other_is_wrong(
    passwords: Argon2Passwords, password: str
) -> None:
    async def scenario() -> None:
        stored = await passwords.hash(password)
        assert await passwords.verify(stored, password)
        assert not await passwords.verify(stored, f"{password}x")

    asyncio.run(scenario())


def test_one_password_never_gives_the_same_hash_twice(passwords: Argon2Passwords) -> None:
    async def scenario() -> list[str]:
        return [await passwords.hash("same") for _ in range(2)]

    first, second = asyncio.run(scenario())
    assert first != second


def test_an_unknown_account_has_no_right_password_and_takes_as_long_as_a_wrong_one(
    passwords: Argon2Passwords,
) -> None:
    async def scenario() -> tuple[float, float]:
        stored = await passwords.hash("correct horse")
        await seconds(passwords, None)  # the one that also makes nobody's hash
        known, unknown = [], []
        for _ in range(15):
            known.append(await seconds(passwords, stored))
            unknown.append(await seconds(passwords, None))
        return median(known), median(unknown)

    known, unknown = asyncio.run(scenario())
    assert 0.5 < unknown / known < 2


@pytest.mark.parametrize("stored", BROKEN)
def test_a_stored_text_that_is_no_hash_matches_nothing_and_wants_replacing(
    passwords: Argon2Passwords, stored: str
) -> None:
    assert not asyncio.run(passwords.verify(stored, "correct horse"))
    assert passwords.is_outdated(stored)


def test_a_hash_of_weaker_parameters_still_opens_and_is_outdated(
    passwords: Argon2Passwords,
) -> None:
    assert asyncio.run(passwords.verify(WEAK, "correct horse"))
    assert passwords.is_outdated(WEAK)
    assert not passwords.is_outdated(asyncio.run(passwords.hash("correct horse")))


@given(st.text())
def test_no_stored_text_makes_the_question_whether_it_is_outdated_fail(stored: str) -> None:
    passwords = Argon2Passwords()
    assert passwords.is_outdated(stored)
    assert passwords.is_outdated(f"$argon2id$v=19$m=19456,t=2,p=1{stored}")


def test_the_event_loop_goes_on_while_passwords_are_hashed(passwords: Argon2Passwords) -> None:
    async def scenario() -> int:
        turns = 0
        hashing = asyncio.gather(*(passwords.hash("x") for _ in range(8)))
        while not hashing.done():
            await asyncio.sleep(0.001)
            turns += 1
        await hashing
        return turns

    assert asyncio.run(scenario()) > 8


def test_no_more_of_them_run_at_once_than_allowed_and_every_other_waits(slow: Most) -> None:
    passwords = Argon2Passwords(at_once=2)

    async def scenario() -> None:
        await asyncio.gather(*(passwords.hash("x") for _ in range(10)))

    asyncio.run(scenario())
    passwords.close()
    assert (slow.seen, slow.calls) == (2, 10)


def test_one_that_is_cancelled_while_it_waits_is_never_begun_and_takes_no_place(slow: Most) -> None:
    passwords = Argon2Passwords(at_once=1)

    async def scenario() -> None:
        waiting = [asyncio.ensure_future(passwords.hash("x")) for _ in range(10)]
        await asyncio.sleep(0.01)
        for task in waiting[1:]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await passwords.hash("x") == "hashed"

    asyncio.run(scenario())
    passwords.close()
    assert slow.calls == 2


def test_closing_lets_what_was_begun_come_to_its_end() -> None:
    async def scenario() -> None:
        passwords = Argon2Passwords()
        begun = [asyncio.ensure_future(passwords.hash("x")) for _ in range(4)]
        await asyncio.sleep(0)
        passwords.close()
        assert all(text.startswith("$argon2id$") for text in await asyncio.gather(*begun))

    asyncio.run(scenario())
