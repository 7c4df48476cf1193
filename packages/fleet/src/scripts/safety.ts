/** Scripts around what is changed outside: the journal, guards, and leases. The layout of the keys stands in `../scripts.ts`. */
import { GENERATION, ORDER } from './attempt.ts';

/**
 * journal: an entry, from the last generation of the task that writes. An intent never replaces what is there, unless it is made again.
 * KEYS op, journal   ARGV task, generation, field, state (or 'again'), entry json
 * → nil when superseded, the line that is there and stays, or '' when written
 */
export const journal: string = `${GENERATION}
if generation(KEYS[1], ARGV[1]) ~= ARGV[2] then return false end
local known = redis.call('HGET', KEYS[2], ARGV[3])
if known and ARGV[4] == 'intent' then return known end
local place = known and string.match(known, '^%d+') or redis.call('HLEN', KEYS[2])
redis.call('HSET', KEYS[2], ARGV[3], place .. ' ' .. ARGV[5])
return ''
`;

/**
 * openGuard: a guard, from the last generation, while no order stops the task and the operation holds a lease on the target that is not
 * quiet. One that is open stays as it is. Another may be ended in the same step.
 * KEYS op, leases
 * ARGV task, generation, how the fields of the operation's leases on the target begin, key, line, key of the other or '', its line
 * → 'superseded', 'ordered', 'lease', the line that is open already, or '' when opened
 */
export const openGuard: string = `${GENERATION}${ORDER}
if generation(KEYS[1], ARGV[1]) ~= ARGV[2] then return 'superseded' end
if ordered(KEYS[1], ARGV[1]) then return 'ordered' end
local leases = redis.call('HGETALL', KEYS[2])
local held = false
for at = 1, #leases, 2 do
  held = held or string.sub(leases[at], 1, #ARGV[3]) == ARGV[3] and not string.find(leases[at + 1], ' ', 1, true)
end
if not held then return 'lease' end
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], 'g:' .. ARGV[6], ARGV[7]) end
local known = redis.call('HGET', KEYS[1], 'g:' .. ARGV[4])
if known and string.match(known, '^%S+') == 'open' then return known end
redis.call('HSET', KEYS[1], 'g:' .. ARGV[4], ARGV[5])
return ''
`;

/**
 * endGuard: how a guard has ended, from the last generation.
 * KEYS op   ARGV task, generation, key, line
 * → 1 or 0
 */
export const endGuard: string = `${GENERATION}
if generation(KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'g:' .. ARGV[3], ARGV[4])
return 1
`;

/**
 * mayAct: whether this is the last generation, it is not being cancelled (a pause lets what runs come to its end), and these leases are
 * held and not quiet.
 * KEYS op, leases   ARGV task, generation, then field, token …
 * → 1 or 0
 */
export const mayAct: string = `${GENERATION}${ORDER}
if generation(KEYS[1], ARGV[1]) ~= ARGV[2] or ordered(KEYS[1], ARGV[1]) == 'cancel' then return 0 end
for at = 3, #ARGV, 2 do
  if redis.call('HGET', KEYS[2], ARGV[at]) ~= ARGV[at + 1] then return 0 end
end
return 1
`;

/**
 * acquire: leases, all or none; scopes conflict when one begins with the other. Those that were quiet and are free by now go first.
 * Tokens only grow, and survive a failover that loses the counter, since they are never below the server's time.
 * KEYS leases, token, what was given to the operation, given of each target in ARGV…
 * ARGV operation, now, then of each lease: field, target, scope, place of the target's `given` in KEYS, field there
 * → {1, operation, target, scope and token of the last lease of another (or four times ''), token…}
 *   or {0, holder, target, scope, free at or ''}: of several in the way of the first that cannot be had, the oldest
 */
export const acquire: string = `
local id, now = ARGV[1], tonumber(ARGV[2])
local function conflict(a, b) return string.sub(a, 1, #b) == b or string.sub(b, 1, #a) == a end
local mine, others = {}, {}
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local token, freeAt = string.match(all[at + 1], '^(%d+) ?(%S*)$')
  if freeAt ~= '' and tonumber(freeAt) <= now then
    redis.call('HDEL', KEYS[1], all[at])
  else
    local name = cjson.decode(all[at])
    if name[1] == id then mine[all[at]] = token
    else others[#others + 1] = {operation = name[1], target = name[2], scope = name[3], token = tonumber(token), freeAt = freeAt} end
  end
end
for w = 3, #ARGV, 5 do
  local first
  for _, other in ipairs(others) do
    if other.target == ARGV[w + 1] and conflict(other.scope, ARGV[w + 2]) and (not first or other.token < first.token) then first = other end
  end
  if first then return {0, first.operation, first.target, first.scope, first.freeAt} end
end
local time = redis.call('TIME')
local server = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local answer, newest = {1, '', '', '', ''}, 0
for w = 3, #ARGV, 5 do
  local given = redis.call('HGETALL', KEYS[tonumber(ARGV[w + 3])])
  for at = 1, #given, 2 do
    local token = tonumber(given[at + 1])
    if token > newest then
      local name = cjson.decode(given[at])
      if name[2] ~= id and conflict(name[1], ARGV[w + 2]) then
        newest = token
        answer = {1, name[2], ARGV[w + 1], name[1], given[at + 1]}
      end
    end
  end
end
for w = 3, #ARGV, 5 do
  local field = ARGV[w]
  local token = mine[field]
  if not token then
    token = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, server))
    redis.call('SET', KEYS[2], token)
    redis.call('HSET', KEYS[tonumber(ARGV[w + 3])], ARGV[w + 4], token)
    redis.call('SADD', KEYS[3], field)
    mine[field] = token
  end
  redis.call('HSET', KEYS[1], field, token)
  answer[#answer + 1] = token
end
return answer
`;

/** Gives back every lease of an operation; with a time in the future they stay until then and are nobody's, and that never grows shorter. */
export const RELEASE: string = `
local function release(key, prefix, now, until_)
  local quiet = tonumber(until_) or 0
  local all = redis.call('HGETALL', key)
  for at = 1, #all, 2 do
    if string.sub(all[at], 1, #prefix) == prefix then
      local token, freeAt = string.match(all[at + 1], '^(%d+) ?(%S*)$')
      local known = tonumber(freeAt) or 0
      if quiet > now then
        if quiet > known then redis.call('HSET', key, all[at], token .. ' ' .. until_) end
      elseif known <= now then
        redis.call('HDEL', key, all[at])
      end
    end
  end
end
`;

/**
 * release: every lease of an operation, where no commit gives them back.
 * KEYS leases   ARGV how the fields of the operation's leases begin, now, quiet until or ''
 */
export const release: string = `${RELEASE}
release(KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3])
return 1
`;
