import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.memory.outbox import MemoryRelayWakeup
from application.ports.events import RelayWakeup
from tests.contract.redis_bundle import distant_wakeup_over_redis, wakeup_over_redis
from tests.support.deadlines import LONG

#: A test waits so long (in seconds) for what should not happen,
SHORT = 0.05
#: and would wait so long for a bell that it has missed.
FOR_EVER = 10 * LONG

OVER_REDIS = {"redis": wakeup_over_redis, "redis, another process": distant_wakeup_over_redis}


@pytest.fixture(params=["memory", *OVER_REDIS])
async def relay_wakeup(request: pytest.FixtureRequest) -> AsyncIterator[RelayWakeup]:
    if request.param == "memory":
        yield MemoryRelayWakeup()
        return
    async with OVER_REDIS[request.param](request) as made:
        yield made


async def is_heard(relay_wakeup: RelayWakeup) -> None:
    async with asyncio.timeout(LONG):
        await relay_wakeup.wait(FOR_EVER)


async def is_not_heard(relay_wakeup: RelayWakeup) -> None:
    waiting = asyncio.create_task(relay_wakeup.wait(FOR_EVER))
    heard, _ = await asyncio.wait([waiting], timeout=SHORT)
    assert not heard
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_bell_that_rang_before_the_wait_is_heard(relay_wakeup: RelayWakeup) -> None:
    relay_wakeup.notify()
    await is_heard(relay_wakeup)


async def test_a_bell_that_rings_during_the_wait_ends_it(relay_wakeup: RelayWakeup) -> None:
    asyncio.get_running_loop().call_later(SHORT, relay_wakeup.notify)
    await is_heard(relay_wakeup)


async def test_without_the_bell_the_wait_ends_in_time(relay_wakeup: RelayWakeup) -> None:
    await is_not_heard(relay_wakeup)
    async with asyncio.timeout(LONG):
        await relay_wakeup.wait(SHORT)


async def test_a_ring_is_heard_once_however_often_the_bell_rang(relay_wakeup: RelayWakeup) -> None:
    relay_wakeup.notify()
    relay_wakeup.notify()
    await is_heard(relay_wakeup)
    await is_not_heard(relay_wakeup)


async def test_a_ring_after_a_wait_that_ran_out_is_not_lost(relay_wakeup: RelayWakeup) -> None:
    await relay_wakeup.wait(0)
    relay_wakeup.notify()
    await is_heard(relay_wakeup)


async def test_a_wait_of_no_time_hears_a_bell_that_rang(relay_wakeup: RelayWakeup) -> None:
    relay_wakeup.notify()
    await has_arrived(relay_wakeup)
    await relay_wakeup.wait(0)
    await is_not_heard(relay_wakeup)


async def has_arrived(relay_wakeup: RelayWakeup) -> None:
    """Return when the ring has come from its process to this one, still to be heard."""
    rung: asyncio.Event = vars(relay_wakeup)["_notified"]
    async with asyncio.timeout(LONG):
        await rung.wait()
