-- Trims the stream, forgets readers that are gone, and counts.
-- KEYS: stream, aside, readers. ARGV: group, entries at most, readers gone after ms.
-- Gives: readers, entries that wait, entries in hand, entries set aside.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
redis.call('XTRIM', KEYS[1], 'MAXLEN', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[3])
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local of = {}
  for at = 1, #info, 2 do
    of[info[at]] = info[at + 1]
  end
  -- One that has entries is kept: they are claimed from it.
  if of.pending == 0 and not redis.call('ZSCORE', KEYS[3], of.name) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of.name)
  end
end
local in_hand = redis.call('XPENDING', KEYS[1], ARGV[1])[1]
local waiting = math.max(0, redis.call('XLEN', KEYS[1]) - in_hand)
return {redis.call('ZCARD', KEYS[3]), waiting, in_hand, redis.call('XLEN', KEYS[2])}
