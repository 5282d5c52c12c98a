"""The rate limiter that is shared by all processes."""

from collections.abc import Awaitable
from hashlib import blake2b
from typing import Any, Final

from application.ports.limits import Limit, RateLimiter, RateLimitResult
from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable
from libraries.redis_client.script import Script

#: A bucket consists of a fill level and the time at which it was measured. The level is in
#: microseconds multiplied by the limit's count. This way, requests add whole numbers and each
#: microsecond removes a whole number, which Lua can represent exactly up to 2^53. We use the
#: server's clock because it's the same for all processes.
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

_HIT: Final = (
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
    """Implements GCRA (ITU-T I.371) in one script. If Redis is unavailable, `fallback` is used.

    Redis and the fallback don't share their counts. This means that a limit can be used up twice
    when Redis becomes unavailable or available again.
    """

    def __init__(self, client: RedisClient, fallback: RateLimiter) -> None:
        self._client = client
        self._fallback = fallback
        self._hit = Script(client, _HIT)
        self._refund = Script(client, _REFUND)

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count a request for `key`, unless it isn't allowed."""
        reply = self._hit.submit([self._bucket(limit, key)], limit.count, limit.period)
        return self._result(limit, key, reply)

    async def _result(self, limit: Limit, key: str, reply: Awaitable[Any]) -> RateLimitResult:
        try:
            allowed, remaining, reset, retry_after = await reply
        except RedisUnavailable:
            return await self._fallback.hit(limit, key)
        return RateLimitResult(
            limit=limit,
            allowed=allowed == 1,
            remaining=remaining,
            reset=reset,
            retry_after=retry_after,
        )

    async def refund(self, limit: Limit, key: str) -> None:
        """Take back a request that was allowed by `hit`."""
        try:
            await self._refund([self._bucket(limit, key)], limit.count, limit.period)
        except RedisUnavailable:
            await self._fallback.refund(limit, key)

    def _bucket(self, limit: Limit, key: str) -> str:
        # Hash the key, because it may be an e-mail address, which is private and can be very long.
        digest = blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        return self._client.key(f"limit:{limit.name}:{limit.count}/{limit.period}:{digest}")
