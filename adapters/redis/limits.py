"""How often somebody may ask, over all processes together."""

import logging
from collections.abc import Awaitable
from hashlib import blake2b
from typing import Any, Final

from application.ports.limits import Limit, RateLimiter, RateLimitResult
from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable

logger = logging.getLogger(__name__)

#: A bucket is how full it was and when. It is filled in microseconds multiplied by the limit's
#: count, so that what one request fills and what a moment drains are whole numbers, which Lua
#: keeps exactly up to 2^53; the clock is the server's, one for all processes.
_BUCKET: Final = """
local count, period = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000000
local one, whole = period, period * count
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local filled, at = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)$')
filled = tonumber(filled or 0)
if filled > 0 then
  filled = math.max(0, filled - math.max(0, now - tonumber(at)) * count)
end

local function keep()
  if filled > 0 then
    local ttl = math.ceil(filled / count / 1000) + 1
    redis.call('SET', KEYS[1], string.format('%.0f %.0f', filled, now), 'PX',
      string.format('%.0f', ttl))
  else
    redis.call('DEL', KEYS[1])
  end
end
"""

_TAKE: Final = (
    _BUCKET
    + """
local function times(amount, part)
  return (amount - math.fmod(amount, part)) / part
end

local function seconds(amount)
  local second = count * 1000000
  return times(amount + second - 1, second)
end

local allowed = 0
if filled + one <= whole then
  allowed, filled = 1, filled + one
  keep()
end
return {allowed, times(whole - filled, one), seconds(filled),
  seconds(math.max(filled + one - whole, 0))}
"""
)

_REFUND: Final = (
    _BUCKET
    + """
if filled > 0 then
  filled = filled - one
  keep()
end
"""
)


class RedisRateLimiter:
    """GCRA (ITU-T I.371) in one script; while Redis is out of reach, `otherwise` counts instead.

    What one of the two has counted the other does not know: a limit may be used twice when Redis
    goes, or comes back, and no more than that.
    """

    def __init__(self, link: RedisClient, otherwise: RateLimiter) -> None:
        self._link = link
        self._otherwise = otherwise
        self._take = link.script(_TAKE)
        self._refund = link.script(_REFUND)

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count one request of `key`; one that is not allowed is not counted."""
        asked = self._take.begin([self._bucket(limit, key)], limit.count, limit.period)
        return self._answer(limit, key, asked)

    async def _answer(self, limit: Limit, key: str, asked: Awaitable[Any]) -> RateLimitResult:
        try:
            allowed, remaining, reset, retry_after = await asked
        except RedisUnavailable:
            return await self._otherwise.hit(limit, key)
        return RateLimitResult(
            limit=limit,
            allowed=allowed == 1,
            remaining=remaining,
            reset=reset,
            retry_after=retry_after,
        )

    async def refund(self, limit: Limit, key: str) -> None:
        """Uncount one request that `hit` allowed."""
        try:
            await self._refund([self._bucket(limit, key)], limit.count, limit.period)
        except RedisUnavailable:
            await self._otherwise.refund(limit, key)

    def _bucket(self, limit: Limit, key: str) -> str:
        # A key holds what somebody typed as an address: of any length, and nobody else's business.
        who = blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        return self._link.key(f"limit:{limit.name}:{limit.count}/{limit.period}:{who}")
