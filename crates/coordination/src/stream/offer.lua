-- Adds a job to the stream, unless it is there or set aside.
-- KEYS: stream, the job's key. ARGV: group, job, waiting at most, entries at most, the key's time in ms.
-- The job's key holds the id of its entry; an entry that is gone, with the stream or without it, is added anew.
local known = redis.pcall('GET', KEYS[2])
if known == 'aside' then
  return 'aside'
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', ARGV[4])
if type(known) == 'string' and #known <= 64 then
  local found = redis.pcall('XRANGE', KEYS[1], known, known)
  if not found.err and #found == 1 then
    redis.call('PEXPIRE', KEYS[2], ARGV[5])
    return 'there'
  end
end
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
local in_hand = redis.call('XPENDING', KEYS[1], ARGV[1])[1]
if redis.call('XLEN', KEYS[1]) - in_hand >= tonumber(ARGV[3]) then
  return 'full'
end
local id = redis.call('XADD', KEYS[1], '*', 'job', ARGV[2])
redis.call('SET', KEYS[2], id, 'PX', ARGV[5])
return 'added'
