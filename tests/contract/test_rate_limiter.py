import asyncio
from collections.abc import AsyncIterator

import pytest

from application.ports.limits import Limit, RateLimitResult
from tests.contract.bundles import Limiter
from tests.contract.conftest import LIMITERS
from tests.contract.redis_bundle import limited_in_redis

#: Three hits in six thousand seconds. The period is this long because Redis expires buckets by its
#: own clock.
LIMIT = Limit("orders", 3, 6_000)
KEY = "alice"


ADAPTERS = {**LIMITERS, "redis": limited_in_redis}


@pytest.fixture(params=ADAPTERS)
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    async with ADAPTERS[request.param](request) as made:
        yield made


async def hit(limiter: Limiter, times: int = 1, limit: Limit = LIMIT) -> list[bool]:
    return [(await limiter.limits.hit(limit, KEY)).allowed for _ in range(times)]


async def test_a_burst_is_limited_to_the_count(limiter: Limiter) -> None:
    assert await hit(limiter, 5) == [True, True, True, False, False]


async def test_each_result_has_the_remaining_count(limiter: Limiter) -> None:
    answers = [await limiter.limits.hit(LIMIT, KEY) for _ in range(4)]
    assert answers == [
        RateLimitResult(LIMIT, allowed=True, remaining=2, reset=2_000, retry_after=0),
        RateLimitResult(LIMIT, allowed=True, remaining=1, reset=4_000, retry_after=0),
        RateLimitResult(LIMIT, allowed=True, remaining=0, reset=6_000, retry_after=2_000),
        RateLimitResult(LIMIT, allowed=False, remaining=0, reset=6_000, retry_after=2_000),
    ]


async def test_seconds_are_rounded_up(limiter: Limiter) -> None:
    await hit(limiter, 2)
    await limiter.pass_time(0.5)
    answer = await limiter.limits.hit(LIMIT, KEY)
    assert (answer.reset, answer.retry_after) == (6_000, 2_000)


async def test_a_burst_is_refilled_one_by_one(limiter: Limiter) -> None:
    await hit(limiter, 3)
    await limiter.pass_time(1_500)
    assert await hit(limiter) == [False]
    await limiter.pass_time(700)
    assert await hit(limiter, 2) == [True, False]


async def test_one_request_is_allowed_after_retry_after(limiter: Limiter) -> None:
    await hit(limiter, 3)
    refused = await limiter.limits.hit(LIMIT, KEY)
    await limiter.pass_time(refused.retry_after)
    assert await hit(limiter) == [True]


async def test_the_whole_count_is_available_after_reset(limiter: Limiter) -> None:
    await hit(limiter, 3)
    refused = await limiter.limits.hit(LIMIT, KEY)
    await limiter.pass_time(refused.reset)
    assert (await limiter.limits.hit(LIMIT, KEY)).remaining == 2


async def test_an_idle_key_gets_no_more_than_the_whole_count(limiter: Limiter) -> None:
    await hit(limiter)
    await limiter.pass_time(2 * LIMIT.period)
    assert await hit(limiter, 4) == [True, True, True, False]


async def test_a_rejected_request_is_not_counted(limiter: Limiter) -> None:
    await hit(limiter, 50)
    await limiter.pass_time(2_100)
    assert await hit(limiter) == [True]


async def test_a_refunded_request_is_not_counted(limiter: Limiter) -> None:
    await hit(limiter, 3)
    await limiter.limits.refund(LIMIT, KEY)
    assert await hit(limiter, 2) == [True, False]


async def test_a_refund_leaves_no_more_than_the_whole_count(limiter: Limiter) -> None:
    await hit(limiter)
    await limiter.pass_time(LIMIT.period)
    await limiter.limits.refund(LIMIT, KEY)
    assert await hit(limiter, 4) == [True, True, True, False]


async def test_a_refund_without_a_hit_changes_nothing(limiter: Limiter) -> None:
    await limiter.limits.refund(LIMIT, KEY)
    assert await hit(limiter, 4) == [True, True, True, False]


async def test_each_key_has_its_own_count(limiter: Limiter) -> None:
    await hit(limiter, 3)
    assert (await limiter.limits.hit(LIMIT, "bob")).remaining == 2


async def test_each_limit_has_its_own_count(limiter: Limiter) -> None:
    await hit(limiter, 3)
    assert await hit(limiter, limit=Limit("logins", 3, 6_000)) == [True]


async def test_a_limit_of_one_admits_one_call(limiter: Limiter) -> None:
    once = Limit("once", 1, 5_000)
    assert await hit(limiter, 2, once) == [True, False]


async def test_a_count_that_does_not_divide_its_period_is_kept_exactly(limiter: Limiter) -> None:
    odd = Limit("odd", 7, 86_400)
    assert await hit(limiter, 8, odd) == [True] * 7 + [False]


async def test_a_large_limit_is_kept_exactly(limiter: Limiter) -> None:
    large = Limit("large", 1_200, 86_400)
    assert sum(await hit(limiter, 1_210, large)) == 1_200


async def test_concurrent_requests_are_limited_to_the_count(
    limiter: Limiter,
) -> None:
    limit = Limit("at-once", 10, 3_600)
    answers = await asyncio.gather(*(limiter.limits.hit(limit, KEY) for _ in range(100)))
    assert sum(answer.allowed for answer in answers) == 10
