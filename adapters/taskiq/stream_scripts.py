"""The steps of the task queue that must be whole or not at all, in Lua.

Times are the server's own, in milliseconds: one clock for all processes. Nothing here has a time
to live, since a policy such as `volatile-ttl` would evict the first what is about to expire.
"""

from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function add(stream, delayed, payload, delay)
  if delay > 0 then
    redis.call('ZADD', delayed, now + delay, payload)
  else
    redis.call('XADD', stream, '*', 'task', payload)
  end
end
"""

#: KEYS stream, delayed; ARGV longest, payload, delay. 0 where the queue is full.
ADD: Final = (
    _NOW
    + """
if redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[1]) then
  return 0
end
add(KEYS[1], KEYS[2], ARGV[2], tonumber(ARGV[3]))
return 1
"""
)

#: KEYS stream, delayed; ARGV group, id, payload or nothing, delay.
SETTLE: Final = (
    _NOW
    + """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end
redis.call('XDEL', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then
  add(KEYS[1], KEYS[2], ARGV[3], tonumber(ARGV[4]))
end
return 1
"""
)

_BURY: Final = """
local function bury(stream, group, worker)
  repeat
    local held = redis.call('XPENDING', stream, group, '-', '+', 100, worker)
    for _, pending in ipairs(held) do
      local id = pending[1]
      local entry = redis.call('XRANGE', stream, id, id)[1]
      if entry then
        redis.call('XADD', stream, '*', unpack(entry[2]))
      end
      redis.call('XACK', stream, group, id)
      redis.call('XDEL', stream, id)
    end
  until #held == 0
  redis.call('XGROUP', 'DELCONSUMER', stream, group, worker)
end
"""

#: KEYS stream, delayed, workers; ARGV group, this worker, dead after, whether to bury.
TICK: Final = (
    _NOW
    + _BURY
    + """
redis.call('ZADD', KEYS[3], now, ARGV[2])
for _, payload in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('XADD', KEYS[1], '*', 'task', payload)
  redis.call('ZREM', KEYS[2], payload)
end

local members = ARGV[4] == '1' and redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1]) or {}
local dead_since = now - ARGV[3]
for _, member in ipairs(members) do
  local seen = redis.call('ZSCORE', KEYS[3], member[2])
  if not seen or tonumber(seen) < dead_since then
    bury(KEYS[1], ARGV[1], member[2])
    redis.call('ZREM', KEYS[3], member[2])
  end
end
"""
)

#: KEYS stream, workers; ARGV group, this worker.
LEAVE: Final = (
    _BURY
    + """
bury(KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[2])
"""
)
