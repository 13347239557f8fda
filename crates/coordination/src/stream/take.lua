-- Hands one entry to a reader: one that another left for too long, else the next.
-- KEYS: stream, aside, readers. ARGV: group, reader, left after ms, cursor, deliveries at most, aside at most,
-- aside for ms, what every job's key begins with, entries without a job at most.
-- Gives: cursor, entries dropped, entries set aside, then id, job and deliveries of the entry, empty where there is none.
-- What is no job never leaves Redis, however large it is.
local stream, aside, group, reader = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local time = redis.call('TIME')
redis.call('ZADD', KEYS[3], time[1] * 1000 + math.floor(time[2] / 1000), reader)
redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
local dropped, set_aside = 0, 0

local function job_in(fields)
  if type(fields) ~= 'table' or #fields ~= 2 or fields[1] ~= 'job' or #fields[2] > 160 then
    return nil
  end
  return string.match(fields[2], '^[a-z0-9/-]+$')
end

local function take_out(id)
  redis.call('XACK', stream, group, id)
  redis.call('XDEL', stream, id)
end

local function answer(cursor, id, job, deliveries)
  return {cursor, dropped, set_aside, id, job, deliveries}
end

local left = redis.call('XAUTOCLAIM', stream, group, reader, ARGV[3], ARGV[4], 'COUNT', 1)
local cursor = left[1]
for _, entry in ipairs(left[2]) do
  local id, job = entry[1], job_in(entry[2])
  local deliveries = redis.call('XPENDING', stream, group, id, id, 1)[1][4]
  if job and deliveries <= tonumber(ARGV[5]) then
    return answer(cursor, id, job, deliveries)
  end
  take_out(id)
  if job then
    redis.call('XADD', aside, 'MAXLEN', ARGV[6], '*', 'job', job)
    redis.call('SET', ARGV[8] .. job, 'aside', 'PX', ARGV[7])
    set_aside = set_aside + 1
  else
    dropped = dropped + 1
  end
end

while dropped < tonumber(ARGV[9]) do
  local read = redis.call('XREADGROUP', 'GROUP', group, reader, 'COUNT', 1, 'STREAMS', stream, '>')
  if not read then
    break
  end
  local id, job = read[1][2][1][1], job_in(read[1][2][1][2])
  if job then
    return answer(cursor, id, job, 1)
  end
  take_out(id)
  dropped = dropped + 1
end
return answer(cursor, '', '', 0)
