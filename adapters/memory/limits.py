"""Rate limits within a single process."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from application.ports.limits import Limit, RateLimitResult

_NANOSECONDS: Final = 10**9
_FIRST_CLEANING: Final = 1_024


class MemoryRateLimiter:
    """Implements GCRA (ITU-T I.371) with integers.

    A bucket is represented by the time at which it will be empty again. The unit is a nanosecond
    divided by the limit's count. This makes the interval between two requests an integer as well,
    and nothing has to be rounded.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._empty_at: dict[tuple[Limit, str], int] = {}
        self._clean_at = _FIRST_CLEANING

    async def hit(self, limit: Limit, key: str) -> RateLimitResult:
        """Count a request for `key`, unless it isn't allowed."""
        now = self._now(limit)
        filled = max(self._empty_at.get((limit, key), 0) - now, 0)
        capacity, increment = _capacity(limit), _increment(limit)
        allowed = filled + increment <= capacity
        if allowed:
            filled += increment
            self._keep(limit, key, now + filled)
        return RateLimitResult(
            limit=limit,
            allowed=allowed,
            remaining=(capacity - filled) // increment,
            reset=_seconds(limit, filled),
            retry_after=_seconds(limit, max(filled + increment - capacity, 0)),
        )

    async def refund(self, limit: Limit, key: str) -> None:
        """Take back a request that was allowed by `hit`."""
        empty_at = self._empty_at.get((limit, key))
        if empty_at is not None:
            self._empty_at[limit, key] = empty_at - _increment(limit)

    def _now(self, limit: Limit) -> int:
        return round(self._clock() * _NANOSECONDS) * limit.count

    def _keep(self, limit: Limit, key: str, empty_at: int) -> None:
        self._empty_at[limit, key] = empty_at
        if len(self._empty_at) >= self._clean_at:
            self._drop_idle()

    def _drop_idle(self) -> None:
        """Drop empty buckets. This runs each time the number of buckets has doubled."""
        self._empty_at = {
            bucket: empty_at
            for bucket, empty_at in self._empty_at.items()
            if empty_at > self._now(bucket[0])
        }
        self._clean_at = max(2 * len(self._empty_at), _FIRST_CLEANING)


def _increment(limit: Limit) -> int:
    """Return how much a request adds to the bucket."""
    return limit.period * _NANOSECONDS


def _capacity(limit: Limit) -> int:
    """Return the bucket's capacity."""
    return _increment(limit) * limit.count


def _seconds(limit: Limit, filled: int) -> int:
    """Return how many seconds it takes to drain `filled`, rounded up."""
    return -(-filled // (limit.count * _NANOSECONDS))
