"""Rate limits."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """Allows `count` requests per `period` seconds at a steady rate, with bursts up to `count`."""

    name: str
    count: int
    period: int


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """The state of a limit after counting a request.

    `reset` is the number of seconds until the full limit is available again. `retry_after` is the
    number of seconds until one more request is allowed.
    """

    limit: Limit
    allowed: bool
    remaining: int
    reset: int
    retry_after: int


class RateLimiter(Protocol):
    """Limits request rates with GCRA (ITU-T I.371)."""

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count a request for `key`, unless it isn't allowed. Never raises.

        Callers must await the result, but the command may be sent before they do.
        """

    async def refund(self, limit: Limit, key: str) -> None:
        """Take back a request that was allowed by `hit`. Never raises."""
