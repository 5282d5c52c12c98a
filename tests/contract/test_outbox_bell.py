import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.memory.outbox import MemoryOutboxBell
from application.ports.events import OutboxBell
from tests.contract.redis_bundle import bell_over_redis, distant_bell_over_redis
from tests.support.patience import LONG

#: A test waits so long (in seconds) for what should not happen,
SHORT = 0.05
#: and would wait so long for a bell that it has missed.
FOR_EVER = 10 * LONG

OVER_REDIS = {"redis": bell_over_redis, "redis, another process": distant_bell_over_redis}


@pytest.fixture(params=["memory", *OVER_REDIS])
async def bell(request: pytest.FixtureRequest) -> AsyncIterator[OutboxBell]:
    if request.param == "memory":
        yield MemoryOutboxBell()
        return
    async with OVER_REDIS[request.param](request) as made:
        yield made


async def is_heard(bell: OutboxBell) -> None:
    async with asyncio.timeout(LONG):
        await bell.wait(FOR_EVER)


async def is_not_heard(bell: OutboxBell) -> None:
    waiting = asyncio.create_task(bell.wait(FOR_EVER))
    heard, _ = await asyncio.wait([waiting], timeout=SHORT)
    assert not heard
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_bell_that_rang_before_the_wait_is_heard(bell: OutboxBell) -> None:
    bell.ring()
    await is_heard(bell)


async def test_a_bell_that_rings_during_the_wait_ends_it(bell: OutboxBell) -> None:
    asyncio.get_running_loop().call_later(SHORT, bell.ring)
    await is_heard(bell)


async def test_without_the_bell_the_wait_ends_in_time(bell: OutboxBell) -> None:
    await is_not_heard(bell)
    async with asyncio.timeout(LONG):
        await bell.wait(SHORT)


async def test_a_ring_is_heard_once_however_often_the_bell_rang(bell: OutboxBell) -> None:
    bell.ring()
    bell.ring()
    await is_heard(bell)
    await is_not_heard(bell)


async def test_a_ring_after_a_wait_that_ran_out_is_not_lost(bell: OutboxBell) -> None:
    await bell.wait(0)
    bell.ring()
    await is_heard(bell)


async def test_a_wait_of_no_time_hears_a_bell_that_rang(bell: OutboxBell) -> None:
    bell.ring()
    await has_arrived(bell)
    await bell.wait(0)
    await is_not_heard(bell)


async def has_arrived(bell: OutboxBell) -> None:
    """Return when the ring has come from its process to this one, still to be heard."""
    rung: asyncio.Event = vars(bell)["_rung"]
    async with asyncio.timeout(LONG):
        await rung.wait()
