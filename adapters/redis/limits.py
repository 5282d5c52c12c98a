"""The rate limiter that is shared by all processes."""

from collections.abc import Awaitable, Sequence
from hashlib import blake2b
from typing import Final

from application.ports.limits import Limit, RateLimiter, RateLimitResult
from libraries.redis_client.batched_script import BatchedScript
from libraries.redis_client.client import RedisClient
from libraries.redis_client.errors import RedisUnavailable
from libraries.redis_client.script import Script

#: A bucket consists of a fill level and the time at which it was measured. The level is in
#: microseconds multiplied by the limit's count. This way, requests add whole numbers and each
#: microsecond removes a whole number, which Lua can represent exactly up to 2^53. We use the
#: server's clock because it's the same for all processes.
#:
#: KEYS: the buckets. ARGV: the limit's count and its period in seconds.
_BUCKET: Final = """
local count, period = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000000
local one, whole = period, period * count
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function level(bucket)
  local filled, at = string.match(bucket or '', '^(%d+) (%d+)$')
  if not filled then
    return 0
  end
  return math.max(0, tonumber(filled) - math.max(0, now - tonumber(at)) * count)
end

local function keep(key, filled)
  if filled > 0 then
    local ttl = math.ceil(filled / count / 1000) + 1
    redis.call('SET', key, string.format('%.0f %.0f', filled, now), 'PX',
      string.format('%.0f', ttl))
  else
    redis.call('DEL', key)
  end
end
"""

#: Each key is a hit, and a bucket with several hits occurs several times. Everything is read before
#: anything is written, so an error means that no hit has been counted.
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

local buckets, levels, changed, results = redis.call('MGET', unpack(KEYS)), {}, {}, {}
for number, key in ipairs(KEYS) do
  local filled, allowed = levels[key] or level(buckets[number]), 0
  if filled + one <= whole then
    allowed, filled = 1, filled + one
    changed[key] = filled
  end
  levels[key] = filled
  local last = 4 * number
  results[last - 3] = allowed
  results[last - 2] = times(whole - filled, one)
  results[last - 1] = seconds(filled)
  results[last] = seconds(math.max(filled + one - whole, 0))
end
for key, filled in pairs(changed) do
  keep(key, filled)
end
return results
"""
)

_REFUND: Final = (
    _BUCKET
    + """
local filled = level(redis.call('GET', KEYS[1]))
if filled > 0 then
  keep(KEYS[1], filled - one)
end
"""
)


class RedisRateLimiter:
    """Implements GCRA (ITU-T I.371) in one script. If Redis is unavailable, `fallback` is used.

    Hits of the same limit and the same event loop iteration share a call of the script, which
    counts them one after another.

    Redis and the fallback don't share their counts. This means that a limit can be used up twice
    when Redis becomes unavailable or available again.
    """

    def __init__(self, client: RedisClient, fallback: RateLimiter) -> None:
        self._client = client
        self._fallback = fallback
        self._hits: dict[Limit, BatchedScript] = {}
        self._refund = Script(client, _REFUND)

    def hit(self, limit: Limit, key: str) -> Awaitable[RateLimitResult]:
        """Count a request for `key`, unless it isn't allowed."""
        return self._result(limit, key, self._hits_of(limit).submit([self._bucket(limit, key)]))

    async def _result(
        self, limit: Limit, key: str, result: Awaitable[Sequence[int]]
    ) -> RateLimitResult:
        try:
            allowed, remaining, reset, retry_after = await result
        except RedisUnavailable:
            return await self._fallback.hit(limit, key)
        return RateLimitResult(limit, allowed == 1, remaining, reset, retry_after)

    def _hits_of(self, limit: Limit) -> BatchedScript:
        """Return the script that counts the hits of a limit, of which there are only a handful."""
        script = self._hits.get(limit)
        if script is None:
            script = self._hits[limit] = BatchedScript(
                self._client, _HIT, shared_args=(limit.count, limit.period), results_per_call=4
            )
        return script

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
