"""The task queue's atomic operations, as Lua scripts.

Times are the server's time in milliseconds, so all processes use the same clock. Keys don't have a
time to live, because policies such as `volatile-ttl` would evict those first.

`delayed` is a sorted set of task ids by due time. `known` is a hash that maps a task's id to its
place: `s` and the id of its stream entry, or `d` and its payload if it is in `delayed`. This hash
is only an index and may be outdated, because the stream could have been trimmed, evicted or flushed
separately. The scripts therefore check each place.
"""

from enum import IntEnum
from typing import Final


class Added(IntEnum):
    """The result of `ADD`."""

    FULL = 0
    NEW = 1
    KNOWN = 2


#: The KEYS of all scripts: stream, delayed, known, workers.
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

#: ARGV: max tasks, then an id, a payload and a delay for each task. Returns an `Added` for each.
ADD: Final = (
    _KEYS
    + """
local room = ARGV[1] - redis.call('XLEN', stream) - redis.call('ZCARD', delayed)
local added = {}
for index = 2, #ARGV, 3 do
  local result = 1
  if is_queued(ARGV[index]) then
    result = 2
  elseif room <= 0 then
    result = 0
  else
    put(ARGV[index], ARGV[index + 1], tonumber(ARGV[index + 2]))
    room = room - 1
  end
  added[#added + 1] = result
end
return added
"""
)

#: ARGV: group, then an entry, an id, a payload or an empty string, and a delay for each task.
SETTLE: Final = (
    _KEYS
    + """
for index = 2, #ARGV, 4 do
  local entry, id, payload = ARGV[index], ARGV[index + 1], ARGV[index + 2]
  if redis.call('XACK', stream, ARGV[1], entry) == 1 then
    redis.call('XDEL', stream, entry)
    if redis.call('HGET', known, id) == 's' .. entry then
      redis.call('HDEL', known, id)
    end
    if payload ~= '' and not is_queued(id) then
      put(id, payload, tonumber(ARGV[index + 3]))
    end
  end
end
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

#: ARGV: group, this worker, dead after, whether to reclaim. Returns the number of queued tasks.
#:
#: A worker is dead if it holds tasks but hasn't read or sent a heartbeat for too long. Idle workers
#: don't send heartbeats, so workers that don't hold any tasks are kept ten times longer.
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

#: ARGV: group, this worker.
LEAVE: Final = (
    _KEYS
    + _RECLAIM
    + """
reclaim(ARGV[1], ARGV[2])
redis.call('ZREM', workers, ARGV[2])
"""
)
