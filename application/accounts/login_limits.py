"""Limits on failed logins."""

from dataclasses import replace
from typing import Final

from application.errors import RateLimited
from application.ports.limits import Limit, RateLimiter

#: The limits for an account (from any address) and for an address (with any account) are this many
#: times higher than the limit for one account from one address.
_OVER_ALL: Final = 10


class LoginLimits:
    """Limits failed logins per account and address, per account, and per address.

    An attempt is counted before the password is verified, and it's refunded if the password is
    correct. This makes sure that a thousand concurrent guesses are all counted.
    """

    def __init__(self, limiter: RateLimiter, limit: Limit | None) -> None:
        self._limiter = limiter
        self._limit = limit

    async def hit(self, email: str, address: str) -> None:
        """Count an attempt.

        Raises:
            RateLimited: one of the three limits is exhausted. The attempt doesn't count towards
                any of them.
        """
        taken: list[tuple[Limit, str]] = []
        for limit, key in self._buckets(email, address):
            result = await self._limiter.hit(limit, key)
            if not result.allowed:
                await self._refund(taken)
                raise RateLimited(result.retry_after)
            taken.append((limit, key))

    async def refund(self, email: str, address: str) -> None:
        """Refund an attempt because its password was correct."""
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
