"""The atomic steps of the task queue, in Lua.

Times are the server's own, in milliseconds: one clock for all processes. No key has a time to
live, because a policy such as `volatile-ttl` would evict it first.

`known` is a hash from a task's id to its place: `s` and the id of its entry in the stream, or `d`
and its payload while it is in `delayed`, a sorted set of ids by the time when they are due. The
hash is only an index, and each place is checked: the stream may have been trimmed, evicted or
flushed without it.
"""

from enum import IntEnum
from typing import Final


class Added(IntEnum):
    """The result of `ADD`."""

    FULL = 0
    NEW = 1
    KNOWN = 2


#: KEYS of every script: stream, delayed, known, workers.
_KEYS: Final = """
local stream, delayed, known, workers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function field(entry, name)
  for index = 1, #entry[2], 2 do
    if entry[2][index] == name then return entry[2][index + 1] end
  end
end

local function is_queued(id)
  local place = redis.call('HGET', known, id)
  if not place then
    return false
  elseif place:sub(1, 1) == 'd' then
    return redis.call('ZSCORE', delayed, id) and true
  end
  local entry = redis.call('XRANGE', stream, place:sub(2), place:sub(2))[1]
  return entry ~= nil and field(entry, 'id') == id
end

local function put(id, payload, delay)
  if delay > 0 then
    redis.call('ZADD', delayed, now + delay, id)
    redis.call('HSET', known, id, 'd' .. payload)
  else
    local entry = redis.call('XADD', stream, '*', 'task', payload, 'id', id)
    redis.call('HSET', known, id, 's' .. entry)
  end
end
"""

#: ARGV max tasks, id, payload, delay. An `Added`.
ADD: Final = (
    _KEYS
    + """
if is_queued(ARGV[2]) then
  return 2
elseif redis.call('XLEN', stream) + redis.call('ZCARD', delayed) >= tonumber(ARGV[1]) then
  return 0
end
put(ARGV[2], ARGV[3], tonumber(ARGV[4]))
return 1
"""
)

#: ARGV group, entry, id, payload or nothing, delay.
SETTLE: Final = (
    _KEYS
    + """
if redis.call('XACK', stream, ARGV[1], ARGV[2]) == 0 then
  return 0
end
redis.call('XDEL', stream, ARGV[2])
if redis.call('HGET', known, ARGV[3]) == 's' .. ARGV[2] then
  redis.call('HDEL', known, ARGV[3])
end
if ARGV[4] ~= '' and not is_queued(ARGV[3]) then
  put(ARGV[3], ARGV[4], tonumber(ARGV[5]))
end
return 1
"""
)

_RECLAIM: Final = """
local function reclaim(group, worker)
  repeat
    local held = redis.call('XPENDING', stream, group, '-', '+', 100, worker)
    for _, pending in ipairs(held) do
      local entry = redis.call('XRANGE', stream, pending[1], pending[1])[1]
      if entry then
        local id, again = field(entry, 'id'), redis.call('XADD', stream, '*', unpack(entry[2]))
        if id and redis.call('HGET', known, id) == 's' .. pending[1] then
          redis.call('HSET', known, id, 's' .. again)
        end
      end
      redis.call('XACK', stream, group, pending[1])
      redis.call('XDEL', stream, pending[1])
    end
  until #held == 0
  redis.call('XGROUP', 'DELCONSUMER', stream, group, worker)
end
"""

#: ARGV group, this worker, dead after, whether to reclaim. The number of tasks in the queue.
#:
#: An idle worker sends no heartbeat. A worker is dead if it holds tasks, and has neither read nor
#: sent a heartbeat for too long; the name of one that holds nothing is kept ten times as long.
HEARTBEAT: Final = (
    _KEYS
    + _RECLAIM
    + """
redis.call('ZADD', workers, now, ARGV[2])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 100)) do
  local place = redis.call('HGET', known, id)
  redis.call('ZREM', delayed, id)
  if place and place:sub(1, 1) == 'd' then
    put(id, place:sub(2), 0)
  end
end

local members = ARGV[4] == '1' and redis.pcall('XINFO', 'CONSUMERS', stream, ARGV[1]) or {}
local dead_since = now - ARGV[3]
for _, member in ipairs(members) do
  local name, held, silent = member[2], member[4], member[6]
  if silent > (held > 0 and 1 or 10) * ARGV[3] then
    local seen = redis.call('ZSCORE', workers, name)
    if not seen or tonumber(seen) < dead_since then
      reclaim(ARGV[1], name)
      redis.call('ZREM', workers, name)
    end
  end
end

local queued = redis.call('XLEN', stream) + redis.call('ZCARD', delayed)
if queued == 0 then
  redis.call('DEL', known) -- the queue was lost without its index
end
return queued
"""
)

#: ARGV group, this worker.
LEAVE: Final = (
    _KEYS
    + _RECLAIM
    + """
reclaim(ARGV[1], ARGV[2])
redis.call('ZREM', workers, ARGV[2])
"""
)
