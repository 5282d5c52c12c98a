"""Limits on failed logins."""

from dataclasses import replace
from typing import Final

from application.errors import RateLimited
from application.ports.limits import Limit, RateLimiter

#: The limit of an account over all addresses, and of an address over all accounts, as a multiple
#: of the limit of one account from one address.
_OVER_ALL: Final = 10


class LoginLimits:
    """Limits failed logins of one account from one address, of one account, and of one address.

    An attempt is counted before the password is verified, and refunded if the password is right. So
    a thousand concurrent guesses are a thousand counted guesses.
    """

    def __init__(self, limiter: RateLimiter, limit: Limit | None) -> None:
        self._limiter = limiter
        self._limit = limit

    async def hit(self, email: str, address: str) -> None:
        """Count an attempt.

        Raises:
            RateLimited: one of the three limits is exhausted; none of them counts the attempt.
        """
        taken: list[tuple[Limit, str]] = []
        for limit, key in self._buckets(email, address):
            result = await self._limiter.hit(limit, key)
            if not result.allowed:
                await self._refund(taken)
                raise RateLimited(result.retry_after)
            taken.append((limit, key))

    async def refund(self, email: str, address: str) -> None:
        """Refund an attempt with the right password."""
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
