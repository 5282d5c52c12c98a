import asyncio

import pytest

from adapters.postgres.keys_in_flight import KeysInFlight
from application.errors import IdempotencyInProgress
from domain.ids import UserId
from tests.support.orders import a_user_id

LONG = 3_600.0


@pytest.fixture
def owner() -> UserId:
    return a_user_id()


async def test_calls_with_a_key_run_one_after_the_other(owner: UserId) -> None:
    keys, running, peak = KeysInFlight(), 0, 0

    async def call() -> None:
        nonlocal running, peak
        async with keys.hold(owner, "key", LONG):
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(call() for _ in range(10)))
    assert peak == 1
    assert not keys._waiting


async def test_other_keys_and_other_users_do_not_wait(owner: UserId) -> None:
    keys = KeysInFlight()
    async with (
        keys.hold(owner, "key", 0),
        keys.hold(owner, "another", 0),
        keys.hold(a_user_id(), "key", 0),
    ):
        assert len(keys._waiting) == 3


async def test_a_call_does_not_wait_for_ever(owner: UserId) -> None:
    keys = KeysInFlight()
    async with keys.hold(owner, "key", LONG):
        with pytest.raises(IdempotencyInProgress):
            async with keys.hold(owner, "key", 0):
                pytest.fail("two calls hold the key")
    assert not keys._waiting


async def test_a_failed_call_releases_its_key(owner: UserId) -> None:
    keys = KeysInFlight()
    with pytest.raises(ValueError, match="failed"):
        async with keys.hold(owner, "key", LONG):
            raise ValueError("failed")
    async with keys.hold(owner, "key", 0):
        pass


async def test_a_canceled_call_releases_its_key(owner: UserId) -> None:
    keys = KeysInFlight()

    async def call() -> None:
        async with keys.hold(owner, "key", LONG):
            await asyncio.sleep(LONG)

    calls = [asyncio.create_task(call()) for _ in range(3)]
    await asyncio.sleep(0)
    for each in calls:
        each.cancel()
    await asyncio.wait(calls)
    assert not keys._waiting


async def test_a_call_that_is_canceled_when_its_turn_comes_passes_the_key_on(
    owner: UserId,
) -> None:
    keys, passed = KeysInFlight(), asyncio.Event()

    async def call() -> None:
        async with keys.hold(owner, "key", LONG):
            passed.set()

    async with keys.hold(owner, "key", LONG):
        calls = [asyncio.create_task(call()) for _ in range(2)]
        await asyncio.sleep(0)
    calls[0].cancel()
    await asyncio.wait(calls)
    assert passed.is_set()
    assert not keys._waiting


async def test_calls_get_their_turn_in_order_of_arrival(owner: UserId) -> None:
    keys, order = KeysInFlight(), list[int]()

    async def call(number: int) -> None:
        async with keys.hold(owner, "key", LONG):
            await asyncio.sleep(0)
            order.append(number)

    await asyncio.gather(*map(call, range(5)))
    assert order == [0, 1, 2, 3, 4]
