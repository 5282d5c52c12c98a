"""How often somebody may ask."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` requests in `period` seconds, evenly, with bursts of up to the whole count."""

    name: str
    count: int
    period: int


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """What is left of a limit after a request was counted.

    `reset` and `retry_after` are seconds: until all is left again, until one more is allowed.
    """

    limit: Limit
    allowed: bool
    remaining: int
    reset: int
    retry_after: int


class RateLimiter(Protocol):
    """GCRA (ITU-T I.371): a steady rate with bursts up to the whole count."""

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count one request of `key`; one that is not allowed is not counted. Never raises.

        The question may be on its way before anybody awaits the answer; somebody must.
        """

    async def refund(self, limit: Limit, key: str) -> None:
        """Uncount one request that `hit` allowed. Never raises."""
