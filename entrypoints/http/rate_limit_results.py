"""The rate limit results of a request, recorded for the headers of its response."""

from collections.abc import Awaitable, Iterable
from contextvars import ContextVar
from typing import Final

from application.ports.limits import Limit, RateLimiter, RateLimitResult

#: The results of the current request so far; None outside of a request.
rate_limit_results: Final[ContextVar[list[RateLimitResult] | None]] = ContextVar(
    "rate_limit_results", default=None
)


class RecordedRateLimiter:
    """`RateLimiter` that adds the result of each hit to the results of the current request."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count one request of `key`, and record the result."""
        return _recorded(self._limiter.hit(limit, key))

    async def refund(self, limit: Limit, key: str) -> None:
        """Uncount one request that `hit` allowed."""
        await self._limiter.refund(limit, key)


async def _recorded(hit: Awaitable[RateLimitResult]) -> RateLimitResult:
    result = await hit
    results = rate_limit_results.get()
    if results is not None:
        results.append(result)
    return result


def tightest(results: Iterable[RateLimitResult]) -> RateLimitResult | None:
    """Return the result with the fewest requests left; among equal ones, the latest reset."""
    return min(results, key=lambda each: (each.remaining, -each.reset), default=None)
