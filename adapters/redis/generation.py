"""The cache's generation. Entries from older generations are ignored.

If a server is restored from a snapshot, or promoted while lagging behind, it contains outdated
entries. In both cases, its run id or its replication id changes. Therefore we store the generation
together with the id of the server where it started, and every process compares this id during each
handshake. Comparing ids and starting a new generation happen in a single script, which makes sure
that only one process can start it.
"""

import asyncio
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from libraries.redis_client.errors import RedisUnavailable, translated_errors
from libraries.redis_client.handshake import Execute

#: The beginning of all cache scripts. The keys come from `CacheKeys`, in this order.
PRELUDE: Final = """
local GENERATION, RECENT, LEASE, ENTRY = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function generation()
  return string.match(redis.call('GET', GENERATION) or '', '^(%S+) ')
end

local function begin_generation(name, server_id)
  redis.call('SET', GENERATION, name .. ' ' .. server_id)
  redis.call('DEL', RECENT)
  redis.call('ZADD', RECENT, '+inf', name)
  return name
end
"""

#: ARGV: a name for a new generation, the server's id, and 1 to always start a new generation.
#: Returns the generation, and the server's time in seconds and microseconds.
CHECK_GENERATION: Final = (
    PRELUDE
    + """
local name, server_id = string.match(redis.call('GET', GENERATION) or '', '^(%S+) (.*)$')
if not name or server_id ~= ARGV[2] or ARGV[3] == '1' then
  name = begin_generation(ARGV[1], ARGV[2])
end
local time = redis.call('TIME')
return {name, tonumber(time[1]), tonumber(time[2])}
"""
)


def key_prefix(prefix: str) -> str:
    """Return the prefix of all keys. Its hash tag puts them into one slot of a Redis Cluster."""
    return f"{prefix}{{orders}}:"


@dataclass(frozen=True, slots=True)
class CacheKeys:
    """The cache's keys, which are all in the same slot of a Redis Cluster."""

    #: Contains the generation's name, a space, and the server's id.
    generation: str
    #: A sorted set of orders for which a revision above 1 was cached or written, sorted by time in
    #: milliseconds. It also contains the generation's name. If the name is missing, the set has
    #: been evicted.
    recent: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation, and the id and clock of the server it belongs to."""

    name: str
    server_id: str
    #: The server's clock minus the event loop's clock. This is an estimate, but never too high.
    clock_offset_seconds: float


class CacheGeneration:
    """The current generation. `check` is the cache's part of the handshake."""

    def __init__(self, prefix: str = "") -> None:
        tagged = key_prefix(prefix)
        self.keys = CacheKeys(f"{tagged}cache:generation", f"{tagged}cache:recent")
        #: None before the first handshake.
        self.current: Generation | None = None

    async def check(self, execute: Execute, server_id: str) -> None:
        """Start a new generation if the server's id has changed.

        Raises:
            RedisUnavailable: Redis didn't respond in time or returned an error.
        """
        keys = self.keys.generation, self.keys.recent
        try:
            reply = await execute(
                "EVAL", CHECK_GENERATION, len(keys), *keys, token_hex(8), server_id, 0
            )
        except RedisUnavailable as error:
            if "WRONGTYPE" in str(error):
                raise RedisUnavailable(f"{error} (keys {' and '.join(keys)})") from error
            raise
        now = asyncio.get_running_loop().time()
        with translated_errors():
            name, seconds, microseconds = reply
            offset_seconds = seconds + microseconds / 1e6 - now
            self.current = Generation(name.decode(), server_id, offset_seconds)
