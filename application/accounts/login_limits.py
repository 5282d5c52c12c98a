"""How often somebody may get a password wrong."""

from dataclasses import replace
from typing import Final

from application.errors import RateLimited
from application.ports.limits import Limit, RateLimiter

#: How much more one account, or one address, may fail over all than the one from the other.
_OVER_ALL: Final = 10


class LoginLimits:
    """Failed logins: of one account from one address, of one account, and of one address.

    An attempt is counted before the password is looked at, and given back when it is right; so a
    thousand guesses at once are a thousand counted guesses.
    """

    def __init__(self, limiter: RateLimiter, limit: Limit | None) -> None:
        self._limiter = limiter
        self._limit = limit

    async def hit(self, email: str, address: str) -> None:
        """Count an attempt.

        Raises:
            RateLimited: one of the three limits is used up; none of them counts the attempt.
        """
        taken: list[tuple[Limit, str]] = []
        for limit, key in self._buckets(email, address):
            result = await self._limiter.hit(limit, key)
            if not result.allowed:
                await self._refund(taken)
                raise RateLimited(result.retry_after)
            taken.append((limit, key))

    async def refund(self, email: str, address: str) -> None:
        """Uncount an attempt whose password was right."""
        await self._refund(self._buckets(email, address))

    async def _refund(self, buckets: list[tuple[Limit, str]]) -> None:
        for limit, key in buckets:
            await self._limiter.refund(limit, key)

    def _buckets(self, email: str, address: str) -> list[tuple[Limit, str]]:
        if self._limit is None:
            return []
        over_all = replace(self._limit, count=self._limit.count * _OVER_ALL)
        return [
            (self._limit, f"{address} {email}"),
            (replace(over_all, name=f"{self._limit.name}-account"), email),
            (replace(over_all, name=f"{self._limit.name}-address"), address),
        ]
