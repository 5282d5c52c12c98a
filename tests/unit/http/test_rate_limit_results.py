"""Rate limit results, recorded for the response to the request that hit the limits."""

from adapters.memory.limits import MemoryRateLimiter
from application.ports.limits import Limit, RateLimitResult
from entrypoints.http.rate_limits import RecordedRateLimiter, rate_limit_results, tightest

LIMIT = Limit("any", 10, 60)


def a_result(remaining: int, reset: int = 1) -> RateLimitResult:
    return RateLimitResult(LIMIT, remaining > 0, remaining, reset, 0)


async def test_each_hit_of_a_request_is_recorded() -> None:
    limiter = RecordedRateLimiter(MemoryRateLimiter(lambda: 0))
    results: list[RateLimitResult] = []
    token = rate_limit_results.set(results)
    returned = [await limiter.hit(LIMIT, "key"), await limiter.hit(LIMIT, "key")]
    rate_limit_results.reset(token)
    assert results == returned
    assert [each.remaining for each in results] == [9, 8]


async def test_outside_of_a_request_nothing_is_recorded() -> None:
    limiter = RecordedRateLimiter(MemoryRateLimiter(lambda: 0))
    assert (await limiter.hit(LIMIT, "key")).remaining == 9
    assert rate_limit_results.get() is None


async def test_a_refund_reaches_the_limiter() -> None:
    limiter = RecordedRateLimiter(MemoryRateLimiter(lambda: 0))
    await limiter.hit(LIMIT, "key")
    await limiter.refund(LIMIT, "key")
    assert (await limiter.hit(LIMIT, "key")).remaining == 9


def test_the_tightest_result_has_the_least_left_and_the_latest_reset() -> None:
    slow, fast = a_result(1, reset=50), a_result(1, reset=2)
    assert tightest([a_result(3), fast, slow]) == slow
    assert tightest([]) is None
