"""Rate limits."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` requests in `period` seconds, as a steady rate with bursts of up to `count`."""

    name: str
    count: int
    period: int


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """The state of a limit after a request was counted.

    `reset` is the number of seconds until the whole limit is available again, and `retry_after`
    until one more request is allowed.
    """

    limit: Limit
    allowed: bool
    remaining: int
    reset: int
    retry_after: int


class RateLimiter(Protocol):
    """Limits the rate of requests by GCRA (ITU-T I.371)."""

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count one request of `key`; one that is not allowed is not counted. Never raises.

        The command may be sent before the result is awaited. The caller must await the result.
        """

    async def refund(self, limit: Limit, key: str) -> None:
        """Uncount one request that `hit` allowed. Never raises."""
