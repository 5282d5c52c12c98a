"""How often somebody may ask, as far as this process knows."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from application.ports.limits import Limit, RateLimitResult

_NANOSECONDS: Final = 10**9
_FIRST_CLEANING: Final = 1_024


class MemoryRateLimiter:
    """GCRA (ITU-T I.371) in whole numbers: a bucket is the time at which it will be empty again.

    Times are counted in nanoseconds divided by the limit's count, so that the interval between
    two requests is a whole number too, and nothing is ever rounded.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._empty_at: dict[tuple[Limit, str], int] = {}
        self._clean_at = _FIRST_CLEANING

    async def hit(self, limit: Limit, key: str) -> RateLimitResult:
        """Count one request of `key`; one that is not allowed is not counted."""
        now = self._now(limit)
        filled = max(self._empty_at.get((limit, key), 0) - now, 0)
        whole, one = _whole(limit), _one(limit)
        allowed = filled + one <= whole
        if allowed:
            filled += one
            self._keep(limit, key, now + filled)
        return RateLimitResult(
            limit=limit,
            allowed=allowed,
            remaining=(whole - filled) // one,
            reset=_seconds(limit, filled),
            retry_after=_seconds(limit, max(filled + one - whole, 0)),
        )

    async def refund(self, limit: Limit, key: str) -> None:
        """Uncount one request that `hit` allowed."""
        empty_at = self._empty_at.get((limit, key))
        if empty_at is not None:
            self._empty_at[limit, key] = empty_at - _one(limit)

    def _now(self, limit: Limit) -> int:
        return round(self._clock() * _NANOSECONDS) * limit.count

    def _keep(self, limit: Limit, key: str, empty_at: int) -> None:
        self._empty_at[limit, key] = empty_at
        if len(self._empty_at) >= self._clean_at:
            self._forget_the_idle()

    def _forget_the_idle(self) -> None:
        """An empty bucket is as good as none; to look so seldom costs next to nothing each time."""
        self._empty_at = {
            bucket: empty_at
            for bucket, empty_at in self._empty_at.items()
            if empty_at > self._now(bucket[0])
        }
        self._clean_at = max(2 * len(self._empty_at), _FIRST_CLEANING)


def _one(limit: Limit) -> int:
    """How much one request fills the bucket."""
    return limit.period * _NANOSECONDS


def _whole(limit: Limit) -> int:
    """How much the bucket holds."""
    return _one(limit) * limit.count


def _seconds(limit: Limit, filled: int) -> int:
    """How long so much takes to drain, rounded up."""
    return -(-filled // (limit.count * _NANOSECONDS))
