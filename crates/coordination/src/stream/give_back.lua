-- Puts an entry back for whoever asks next. Gives 1 where it was in this reader's hands.
-- KEYS: stream, the job's key. ARGV: group, reader, id, job, the key's time in ms.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then
  return 0
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
-- One that was trimmed is offered again by a registry.
if redis.call('XDEL', KEYS[1], ARGV[3]) == 1 then
  redis.call('SET', KEYS[2], redis.call('XADD', KEYS[1], '*', 'job', ARGV[4]), 'PX', ARGV[5])
end
return 1
