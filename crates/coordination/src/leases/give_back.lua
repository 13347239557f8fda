-- Takes one host out of keys of shares: what it had is free at once.
-- KEYS: keys of shares. ARGV: host.
for _, key in ipairs(KEYS) do
  -- Without the sums they are added up anew. What is no hash is not ours, and renewing clears it away.
  redis.pcall('HDEL', key, ARGV[1], '*')
end
return #KEYS
