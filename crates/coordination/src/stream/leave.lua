-- Forgets a reader that has nothing in hand. What it has is claimed from it.
-- KEYS: stream, readers. ARGV: group, reader.
redis.call('ZREM', KEYS[2], ARGV[2])
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return 1
