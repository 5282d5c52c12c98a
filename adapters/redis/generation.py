"""The generation of the cache: entries of an older generation are unreachable.

A server that was restored from a snapshot, or promoted while it lagged, holds old entries. Its run
id or its replication id then differs. So the generation is stored with the id of the server on
which it began, and every process compares the two in each handshake. The comparison and the start
of a new generation are one script, so only one of many processes starts it.
"""

import asyncio
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from libraries.redis_client.errors import RedisUnavailable, translated_errors
from libraries.redis_client.handshake import Execute

#: The start of every script of the cache. Its keys are those of `CacheKeys`, in this order.
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

#: ARGV: a name for a new generation, the server's id, 1 to start a generation in any case.
#: Return the generation, and the server's time in seconds and microseconds.
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
    """Return the prefix of all keys; its hash tag puts them in one slot of a Redis Cluster."""
    return f"{prefix}{{orders}}:"


@dataclass(frozen=True, slots=True)
class CacheKeys:
    """The keys of the cache; all of them are in one slot of a Redis Cluster."""

    #: The generation's name, a blank and the id of its server.
    generation: str
    #: A sorted set: orders of which a revision above 1 was cached or written, by the time in
    #: milliseconds; and the generation's name, whose absence shows that the set was evicted.
    recent: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation, the server that it belongs to, and that server's clock."""

    name: str
    server_id: str
    #: The server's clock minus the event loop's; an estimate that is never too high.
    clock_offset_seconds: float


class CacheGeneration:
    """The current generation; `check` is the cache's part of the handshake."""

    def __init__(self, prefix: str = "") -> None:
        tagged = key_prefix(prefix)
        self.keys = CacheKeys(f"{tagged}cache:generation", f"{tagged}cache:recent")
        #: None before the first handshake.
        self.current: Generation | None = None

    async def check(self, execute: Execute, server_id: str) -> None:
        """Start a new generation if the server is another one than before.

        Raises:
            RedisUnavailable: no reply in time, or an error reply.
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
