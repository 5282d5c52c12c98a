"""The generation of the cache: entries of an older one are unreachable.

A server that was restored from a snapshot, or promoted while it lagged, holds old entries. Its run
id or its replication id is another one then. So the generation is stored with the identity of the
server that it was begun on, and every process compares the two on each new connection and once a
second; the comparison and a new generation are one script, so that of many processes one begins it.
"""

from dataclasses import dataclass
from typing import Final

#: All scripts of the cache have the keys of `CacheKeys`, in this order.
PRELUDE: Final = """
local GENERATION, RECENT, LEASE, ENTRY = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function generation()
  return string.match(redis.call('GET', GENERATION) or '', '^(%S+) ')
end

local function begin_generation(name, identity)
  redis.call('SET', GENERATION, name .. ' ' .. identity)
  redis.call('DEL', RECENT)
  redis.call('ZADD', RECENT, '+inf', name)
  return name
end
"""

#: ARGV: a name for a new generation, the server's identity, 1 to begin one in any case.
#: Return the generation, and the server's time in seconds and microseconds.
GREET: Final = (
    PRELUDE
    + """
local name, identity = string.match(redis.call('GET', GENERATION) or '', '^(%S+) (.*)$')
if not name or identity ~= ARGV[2] or ARGV[3] == '1' then
  name = begin_generation(ARGV[1], ARGV[2])
end
local time = redis.call('TIME')
return {name, tonumber(time[1]), tonumber(time[2])}
"""
)


@dataclass(frozen=True, slots=True)
class CacheKeys:
    """The keys of the cache; all of them are in one slot of a Redis Cluster."""

    #: The generation's name, a blank and the identity of its server.
    generation: str
    #: A sorted set: orders of which a revision above 1 was cached or written, by the time in
    #: milliseconds; and the generation's name, by which one sees that the set was not evicted.
    recent: str

    def of_order(self, lease: str, entry: str) -> tuple[str, str, str, str]:
        """Return the keys that a script about one order is given."""
        return self.generation, self.recent, lease, entry
