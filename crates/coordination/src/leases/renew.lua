-- Renews one host's shares: that of every scope which it does not claim, and those of the scopes that it claims.
-- KEYS: the unclaimed share's key, then each scope's. ARGV: host, lease in ms, reserve, hosts at most, demand at most,
-- what the host holds unclaimed; then for each scope its demand, and what the host holds of it.
-- Gives: the unclaimed share, then each scope's beside it; parts per million.
--
-- A key is a hash. Of each host it holds 'counted demand expires': what counts as the host's until then. '*', which no
-- host is called, holds the same for all together: the sums, and when the first of them expires; until then they are right.
-- Never do all hosts' shares of a scope, with their unclaimed ones, count for more than the whole. What a host is to
-- give up counts as its own until it says that it holds no more.
local WHOLE = 1000000
local host, lease, reserve = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local hosts_max, demand_max = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- What is not of our form is nobody's.
local function parsed(text)
  if type(text) ~= 'string' or #text > 64 then
    return nil
  end
  local counted, demand, expires = string.match(text, '^(%d+) (%d+) (%d+)$')
  counted, demand, expires = tonumber(counted), tonumber(demand), tonumber(expires)
  if not counted or counted > WHOLE or demand > demand_max * hosts_max or expires <= now or expires > now + lease then
    return nil
  end
  return counted, demand, expires
end

-- Adds up what counts of a key, and takes out what does not. One with more hosts than a fleet has is not ours.
local function added_up(key)
  local length = redis.pcall('HLEN', key)
  if type(length) ~= 'number' or length > hosts_max + 1 then
    redis.call('UNLINK', key)
    return 0, 0, now + lease
  end
  local counted, demands, first = 0, 0, now + lease
  local rows = redis.call('HGETALL', key)
  for at = 1, #rows, 2 do
    if rows[at] ~= '*' then
      local of_one, demand, expires = parsed(rows[at + 1])
      -- What a damaged row adds beyond the whole is not believed.
      if of_one and counted + of_one <= WHOLE then
        counted, demands, first = counted + of_one, demands + demand, math.min(first, expires)
      else
        redis.call('HDEL', key, rows[at])
      end
    end
  end
  return counted, demands, first
end

-- Others' part of a key, the host's own demand of the last time, and when the first row expires.
local function seen(key)
  local rows = redis.pcall('HMGET', key, host, '*')
  if rows.err then
    redis.call('UNLINK', key)
    rows = {false, false}
  end
  local counted, demands, first = parsed(rows[2])
  local own, was = parsed(rows[1])
  if not counted or (rows[1] and not own) or (own and (own > counted or was > demands)) then
    counted, demands, first = added_up(key)
    own, was = parsed(redis.call('HGET', key, host))
  end
  return counted - (own or 0), demands - (was or 0), was, first
end

local function write(key, others, demands, first, counted, demand)
  local expires = now + lease
  redis.call('HSET', key, host, string.format('%.0f %.0f %.0f', counted, demand, expires),
    '*', string.format('%.0f %.0f %.0f', others + counted, demands + demand, math.min(first, expires)))
  redis.call('PEXPIRE', key, lease)
end

-- Gives what the host gets of a key: its part of 'whole' by demand, out of what is free. What it holds beyond that goes on
-- counting, as far as there is room for it.
local function renewed(key, whole, free, room, others, demands, was, first, demand, held)
  -- Demand that falls is followed by halves, so that a pause of a second moves little.
  demand = math.max(1, math.min(demand, demand_max), math.floor((was or 0) / 2))
  local target = math.floor(whole * demand / (demands + demand))
  -- Nobody is known, yet this host holds something: Redis has forgotten, and the others come within a period.
  if not was and demands == 0 and held > 0 then
    target = math.min(target, held)
  end
  local share = math.max(0, math.min(target, free))
  write(key, others, demands, first, math.max(share, math.min(held, room)), demand)
  return share
end

-- Of what it does not claim, a fleet's only host has all; one of several has as much of the reserve as any other.
local others, hosts, was, first = seen(KEYS[1])
local whole = hosts == 0 and WHOLE or reserve
local unclaimed = renewed(KEYS[1], whole, whole - others, WHOLE - others, others, hosts, was, first, 1, tonumber(ARGV[6]))
-- What it has unclaimed it has of a claimed scope too; the rest is shared by demand.
local claimable = WHOLE - math.max(reserve, others + unclaimed)

local answer = {unclaimed}
for at = 2, #KEYS do
  local demand, held = tonumber(ARGV[2 * at + 3]), tonumber(ARGV[2 * at + 4])
  local others, demands, was, first = seen(KEYS[at])
  local free = math.max(0, claimable - others)
  answer[at] = renewed(KEYS[at], WHOLE - reserve, free, free, others, demands, was, first, demand, held)
end
return answer
