-- Takes an entry out: its job has ended, or was not to be had. Gives 1 where it was there.
-- KEYS: stream, the job's key. ARGV: group, id.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.pcall('GET', KEYS[2]) == ARGV[2] then
  redis.call('DEL', KEYS[2])
end
return redis.call('XDEL', KEYS[1], ARGV[2])
