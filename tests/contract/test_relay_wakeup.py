import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.memory.outbox import MemoryRelayWakeup
from application.ports.events import RelayWakeup
from tests.contract.redis_bundle import distant_wakeup_over_redis, wakeup_over_redis
from tests.support.deadlines import LONG

#: How long a test waits for an event that must not happen, in seconds.
SHORT = 0.05
#: How long `wait` takes if there is no notification, in seconds. Tests never wait that long.
FOR_EVER = 10 * LONG

OVER_REDIS = {"redis": wakeup_over_redis, "redis, another process": distant_wakeup_over_redis}


@pytest.fixture(params=["memory", *OVER_REDIS])
async def relay_wakeup(request: pytest.FixtureRequest) -> AsyncIterator[RelayWakeup]:
    if request.param == "memory":
        yield MemoryRelayWakeup()
        return
    async with OVER_REDIS[request.param](request) as made:
        yield made


async def is_woken(relay_wakeup: RelayWakeup) -> None:
    async with asyncio.timeout(LONG):
        await relay_wakeup.wait(FOR_EVER)


async def is_not_woken(relay_wakeup: RelayWakeup) -> None:
    waiting = asyncio.create_task(relay_wakeup.wait(FOR_EVER))
    woken, _ = await asyncio.wait([waiting], timeout=SHORT)
    assert not woken
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_notification_before_the_wait_ends_it(relay_wakeup: RelayWakeup) -> None:
    relay_wakeup.notify()
    await is_woken(relay_wakeup)


async def test_a_notification_during_the_wait_ends_it(relay_wakeup: RelayWakeup) -> None:
    asyncio.get_running_loop().call_later(SHORT, relay_wakeup.notify)
    await is_woken(relay_wakeup)


async def test_without_a_notification_the_wait_ends_in_time(relay_wakeup: RelayWakeup) -> None:
    await is_not_woken(relay_wakeup)
    async with asyncio.timeout(LONG):
        await relay_wakeup.wait(SHORT)


async def test_notifications_before_a_wait_are_one(relay_wakeup: RelayWakeup) -> None:
    relay_wakeup.notify()
    relay_wakeup.notify()
    await is_woken(relay_wakeup)
    await is_not_woken(relay_wakeup)


async def test_a_notification_after_a_timeout_is_not_lost(relay_wakeup: RelayWakeup) -> None:
    await relay_wakeup.wait(0)
    relay_wakeup.notify()
    await is_woken(relay_wakeup)


async def test_a_wait_of_zero_seconds_takes_a_notification(relay_wakeup: RelayWakeup) -> None:
    relay_wakeup.notify()
    await has_arrived(relay_wakeup)
    await relay_wakeup.wait(0)
    await is_not_woken(relay_wakeup)


async def has_arrived(relay_wakeup: RelayWakeup) -> None:
    """Wait until the notification has arrived in this process, without consuming it."""
    notified: asyncio.Event = vars(relay_wakeup)["_notified"]
    async with asyncio.timeout(LONG):
        await notified.wait()
