"""The cache asks the issuer seldom, and outlives its outages and rotations."""

import asyncio
import json
import logging

import pytest

from adapters.security.issuer_client import IssuerError
from adapters.security.issuer_keys import (
    FRESH_SECONDS,
    RETRY_SECONDS,
    USABLE_SECONDS,
    IssuerKeys,
)
from adapters.security.jwk_set import KeySet, parse_key_set
from application.errors import IssuerUnavailable, NotAuthenticated
from tests.support.oidc_issuer import IssuerKey, a_key
from tests.support.time import MovableClock

OLD, NEW = a_key("EdDSA", "old"), a_key("EdDSA", "new")


class Source:
    """The issuer's keys, which can be unreachable or slow. `count` is the number of attempts."""

    def __init__(self) -> None:
        self.keys: list[IssuerKey] = [OLD]
        self.is_reachable = True
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.count = 0

    async def fetch(self) -> KeySet:
        self.count += 1
        await self.is_open.wait()
        if not self.is_reachable:
            raise IssuerError("connection refused")
        return parse_key_set(json.dumps({"keys": [each.jwk for each in self.keys]}).encode())


class Harness:
    def __init__(self, wait_seconds: float = 30) -> None:
        self.clock, self.source = MovableClock(), Source()
        self.keys = IssuerKeys(self.source.fetch, self.clock.monotonic, wait_seconds)

    async def find(self, kid: str | None = "old") -> object:
        return await self.keys.find(kid, "EdDSA")

    async def attempt_ends(self) -> None:
        """Wait until the attempt in the background has ended."""
        if self.keys._attempt is not None:
            await asyncio.wait([self.keys._attempt])


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def test_nothing_is_fetched_before_the_first_token(harness: Harness) -> None:
    assert harness.source.count == 0
    assert await harness.find()
    assert harness.source.count == 1


async def test_concurrent_requests_share_an_attempt(harness: Harness) -> None:
    harness.source.is_open.clear()
    requests = [asyncio.create_task(harness.find()) for _ in range(20)]
    await asyncio.sleep(0)
    harness.source.is_open.set()
    assert all(await asyncio.gather(*requests))
    assert harness.source.count == 1


async def test_fresh_keys_are_used_without_another_attempt(harness: Harness) -> None:
    await harness.find()
    await harness.clock.advance(FRESH_SECONDS - 1)
    await harness.find()
    assert harness.source.count == 1


async def test_older_keys_are_used_while_they_are_fetched_again(harness: Harness) -> None:
    await harness.find()
    await harness.clock.advance(FRESH_SECONDS)
    harness.source.is_open.clear()
    assert await harness.find()  # would wait forever otherwise
    harness.source.is_open.set()
    await harness.attempt_ends()
    assert harness.source.count == 2


async def test_a_removed_key_is_refused_after_the_next_attempt(harness: Harness) -> None:
    await harness.find()
    harness.source.keys = [NEW]
    await harness.clock.advance(FRESH_SECONDS)
    await harness.find()
    await harness.attempt_ends()
    await harness.clock.advance(RETRY_SECONDS)
    with pytest.raises(NotAuthenticated):
        await harness.find("old")
    assert await harness.find("new")


async def test_an_unknown_key_is_fetched_at_once(harness: Harness) -> None:
    await harness.find()
    harness.source.keys = [OLD, NEW]
    await harness.clock.advance(RETRY_SECONDS)
    assert await harness.find("new")
    assert await harness.find("old")
    assert harness.source.count == 2


async def test_forged_ids_cause_few_attempts(harness: Harness) -> None:
    await harness.find()
    for number in range(100):
        await harness.clock.advance(0.1)
        with pytest.raises(NotAuthenticated):
            await harness.find(f"forged {number}")
    assert harness.source.count == 1 + 10 // RETRY_SECONDS


async def test_a_known_key_does_not_wait_for_an_unknown_one(harness: Harness) -> None:
    await harness.find()
    await harness.clock.advance(RETRY_SECONDS)
    harness.source.is_open.clear()
    waiting = asyncio.create_task(harness.find("forged"))
    await asyncio.sleep(0)
    assert await harness.find("old")
    assert not waiting.done()
    harness.source.is_open.set()
    with pytest.raises(NotAuthenticated):
        await waiting


async def test_a_key_of_another_algorithm_causes_no_attempt(harness: Harness) -> None:
    await harness.find()
    await harness.clock.advance(RETRY_SECONDS)
    with pytest.raises(NotAuthenticated):
        await harness.keys.find("old", "RS256")
    assert harness.source.count == 1


async def test_keys_are_used_for_a_day_while_the_issuer_is_unreachable(harness: Harness) -> None:
    await harness.find()
    harness.source.is_reachable = False
    await harness.clock.advance(USABLE_SECONDS - 1)
    assert await harness.find()
    await harness.attempt_ends()
    await harness.clock.advance(1)
    with pytest.raises(IssuerUnavailable):
        await harness.find()


async def test_without_keys_tokens_cannot_be_judged(harness: Harness) -> None:
    harness.source.is_reachable = False
    for _ in range(10):
        with pytest.raises(IssuerUnavailable):
            await harness.find()
    assert harness.source.count == 1
    harness.source.is_reachable = True
    await harness.clock.advance(RETRY_SECONDS)
    assert await harness.find()


async def test_an_unknown_key_cannot_be_judged_during_an_outage(harness: Harness) -> None:
    await harness.find()
    harness.source.is_reachable = False
    await harness.clock.advance(RETRY_SECONDS)
    for _ in range(2):
        with pytest.raises(IssuerUnavailable):
            await harness.find("new")
    assert await harness.find("old")


async def test_a_slow_issuer_is_not_waited_for_but_its_keys_are_used_later() -> None:
    harness = Harness(wait_seconds=0.01)
    harness.source.is_open.clear()
    with pytest.raises(IssuerUnavailable):
        await harness.find()
    harness.source.is_open.set()
    await harness.attempt_ends()
    assert await harness.find()
    assert harness.source.count == 1


async def test_a_canceled_request_does_not_cancel_the_attempt(harness: Harness) -> None:
    harness.source.is_open.clear()
    request = asyncio.create_task(harness.find())
    other = asyncio.create_task(harness.find())
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    harness.source.is_open.set()
    assert await other
    assert harness.source.count == 1


async def test_closing_cancels_the_attempt() -> None:
    harness = Harness(wait_seconds=0)
    await harness.keys.close()
    harness.source.is_open.clear()
    with pytest.raises(IssuerUnavailable):
        await harness.find()
    await harness.keys.close()
    assert harness.keys._attempt is None


async def test_an_outage_is_logged_once_with_its_reason(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    harness.source.is_reachable = False
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await harness.find()
        await harness.clock.advance(RETRY_SECONDS)
    harness.source.is_reachable = True
    await harness.find()
    assert caplog.messages == [
        "the outside issuer is unreachable: connection refused",
        "the outside issuer is reachable again",
    ]
