"""The cache's scripts. Each of them is executed atomically.

An entry consists of `generation revision owner "v<version>[p]"`, a newline and the body. A lease
has the format `generation.token`. All scripts take the keys that are named in `PRELUDE`.
"""

from typing import Final

from adapters.redis.generation import PRELUDE

_ENTRY: Final = (
    PRELUDE
    + """
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A revision above 1 is noted for a while: an offer of revision 1 that is under way comes too late.
local function note(order, revision, keep_ms)
  if revision > 1 then
    local now = now_ms()
    redis.call('ZADD', RECENT, string.format('%.0f', now), order)
    redis.call('ZREMRANGEBYSCORE', RECENT, '-inf', string.format('%.0f', now - keep_ms))
  end
end

-- The revision of the entry; nil if there is none of this generation.
local function cached(entry, name)
  local begun, revision = string.match(redis.call('GETRANGE', entry, 0, 63), '^(%S+) (%d+) ')
  if begun == name then
    return tonumber(revision)
  end
end

local function store(entry, name, document, ttl_ms)
  redis.call('SET', entry, name .. ' ' .. document, 'PX', ttl_ms)
end
"""
)

#: ARGV: a token, the lease's duration in milliseconds, and a name and the server's id for starting
#: a new generation if there is none. Returns the lease, or nil if another reader has it.
TAKE_LEASE: Final = (
    PRELUDE
    + """
local name = generation() or begin_generation(ARGV[3], ARGV[4])
local held = redis.call('GET', LEASE)
if held and string.match(held, '^[^.]+') == name then
  return false
end
local lease = name .. '.' .. ARGV[1]
redis.call('SET', LEASE, lease, 'PX', ARGV[2])
return lease
"""
)

#: ARGV: the lease, the order, its revision, the document, its time to live in milliseconds, and for
#: how many milliseconds to remember the revision.
FILL: Final = (
    _ENTRY
    + """
local name, revision = generation(), tonumber(ARGV[3])
if redis.call('GET', LEASE) ~= ARGV[1] or string.match(ARGV[1], '^[^.]+') ~= name then
  return
end
redis.call('DEL', LEASE)
note(ARGV[2], revision, tonumber(ARGV[6]))
local known = cached(ENTRY, name)
if not known or known <= revision then
  store(ENTRY, name, ARGV[4], ARGV[5])
end
"""
)

#: ARGV: the same as above, but without a lease.
PUT: Final = (
    _ENTRY
    + """
local name, revision = generation(), tonumber(ARGV[2])
redis.call('DEL', LEASE)
note(ARGV[1], revision, tonumber(ARGV[5]))
local known = name and cached(ENTRY, name)
if not known then
  redis.call('DEL', ENTRY)
elseif known <= revision then
  store(ENTRY, name, ARGV[3], ARGV[4])
end
"""
)

#: KEYS: the generation, the recent revisions, and for each order its lease and its entry. ARGV: for
#: how many milliseconds to remember the revisions, and for each order its id and its revision.
DROP_OLDER: Final = (
    _ENTRY
    + """
local name, now, gone, notes = generation(), now_ms(), {}, {}
for index = 2, #ARGV, 2 do
  local lease, entry = KEYS[index + 1], KEYS[index + 2]
  local known = cached(entry, name)
  gone[#gone + 1] = lease
  if not known or known < tonumber(ARGV[index + 1]) then
    gone[#gone + 1] = entry
  end
  if tonumber(ARGV[index + 1]) > 1 then
    notes[#notes + 1] = string.format('%.0f', now)
    notes[#notes + 1] = ARGV[index]
  end
end
redis.call('DEL', unpack(gone))
if #notes > 0 then
  redis.call('ZADD', RECENT, unpack(notes))
  redis.call('ZREMRANGEBYSCORE', RECENT, '-inf', string.format('%.0f', now - ARGV[1]))
end
"""
)

#: KEYS: the generation, the recent revisions, and the entry of each order. ARGV: the time to live
#: in milliseconds, and for each order the generation and the offer's deadline in milliseconds (both
#: determined before the order was stored), its id and its document.
OFFER: Final = (
    _ENTRY
    + """
local name, now = generation(), now_ms()
local remembers = name and redis.call('ZSCORE', RECENT, name)

local function accept(entry, begun, deadline, order, document)
  if begun ~= name or now > tonumber(deadline) then
    return
  end
  if not remembers then
    redis.call('DEL', GENERATION) -- the notes were evicted: what they knew is not known any more
  elseif not redis.call('ZSCORE', RECENT, order) and not cached(entry, name) then
    store(entry, name, document, ARGV[1])
  end
end

for number = 1, #KEYS - 2 do
  accept(KEYS[number + 2], unpack(ARGV, 4 * number - 2, 4 * number + 1))
end
"""
)
