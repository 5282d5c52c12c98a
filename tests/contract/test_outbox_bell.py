import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from adapters.memory.outbox import MemoryOutboxBell
from application.ports.events import OutboxBell
from tests.contract.redis_bundle import bell_over_redis, distant_bell_over_redis

#: A test waits so long (in seconds) for what should not happen, or should happen at once.
SHORT, LONG = 0.05, 10.0
#: So long, at most, a ring is on its way from one process to another.
TRAVEL = 0.3

OVER_REDIS = {"redis": bell_over_redis, "redis, another process": distant_bell_over_redis}


@pytest.fixture(params=["memory", *OVER_REDIS])
async def bell(request: pytest.FixtureRequest) -> AsyncIterator[OutboxBell]:
    if request.param == "memory":
        yield MemoryOutboxBell()
        return
    async with OVER_REDIS[request.param](request) as made:
        yield made


async def waited(bell: OutboxBell, at_most: float) -> float:
    begun = monotonic()
    await bell.wait(at_most)
    return monotonic() - begun


async def test_a_bell_that_rang_before_the_wait_is_heard_at_once(bell: OutboxBell) -> None:
    bell.ring()
    assert await waited(bell, LONG) < 1


async def test_a_bell_that_rings_during_the_wait_ends_it(bell: OutboxBell) -> None:
    asyncio.get_running_loop().call_later(SHORT, bell.ring)
    assert await waited(bell, LONG) < 1


async def test_without_the_bell_the_wait_ends_in_time(bell: OutboxBell) -> None:
    assert SHORT * 0.9 <= await waited(bell, SHORT) < 1


async def test_a_ring_is_heard_once_however_often_the_bell_rang(bell: OutboxBell) -> None:
    bell.ring()
    bell.ring()
    await bell.wait(LONG)
    assert await waited(bell, SHORT) >= SHORT * 0.9


async def test_a_ring_after_a_wait_that_ran_out_is_not_lost(bell: OutboxBell) -> None:
    await bell.wait(0)
    bell.ring()
    assert await waited(bell, LONG) < 1


async def test_a_wait_of_no_time_hears_a_bell_that_rang(bell: OutboxBell) -> None:
    bell.ring()
    await asyncio.sleep(TRAVEL)
    await bell.wait(0)
    assert await waited(bell, SHORT) >= SHORT * 0.9
