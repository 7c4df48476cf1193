/** Scripts of the scheduler and of people: what is decided about an operation. The layout of its keys stands in `../scripts.ts`. */
import { RELEASE } from './safety.ts';

/**
 * create: a new operation, once per id and per idempotency key.
 * KEYS op, live or resting, all, key of the idempotency key (or op again)
 * ARGV id, header, version, createdAt, score in the list of live or resting ones, '1' when there is an idempotency key, its life in seconds
 * → {id, 1 when created}
 */
export const create: string = `
if ARGV[6] == '1' then
  local known = redis.call('GET', KEYS[4])
  if known then return {known, 0} end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {ARGV[1], 0} end
redis.call('HSET', KEYS[1], 'header', ARGV[2], 'version', ARGV[3], 'order', '', 'generation', 0)
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
if ARGV[6] == '1' then redis.call('SET', KEYS[4], ARGV[1], 'EX', ARGV[7]) end
return {ARGV[1], 1}
`;

/**
 * commit: compare-and-set on the version, with all that belongs to one decision. A task put for another round forgets its deaths and
 * what it carried.
 * KEYS op, checkpoints, done, rows, notes, events, live, resting, plan, leases
 * ARGV id, version, version to be, header, order or '', at rest ('1' when no sweep is to look at it), createdAt, updatedAt, plan or '',
 *      notes kept, events kept, channel of events, how the fields of its leases begin where they are given back or '', now, quiet until or '',
 *      then counted lists: drops (task)…, puts (task, round, line)…, guards (key, line)…, done (id, json)…, tallies (row, column, by)…,
 *      notes (json)…, events (json)…
 * → 1, or 0 when the version is another one or the operation is gone
 */
export const commit: string = `${RELEASE}
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'header', ARGV[4], 'version', ARGV[3], 'order', ARGV[5])
if ARGV[6] == '1' then
  redis.call('ZREM', KEYS[7], ARGV[1])
  redis.call('ZADD', KEYS[8], ARGV[8], ARGV[1])
else
  redis.call('ZREM', KEYS[8], ARGV[1])
  redis.call('ZADD', KEYS[7], ARGV[7], ARGV[1])
end
if ARGV[9] ~= '' then redis.call('SET', KEYS[9], ARGV[9]) end
if ARGV[13] ~= '' then release(KEYS[10], ARGV[13], tonumber(ARGV[14]), ARGV[15]) end
local at = 16
local function each(width, act)
  local count = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, count do
    act(ARGV[at], ARGV[at + 1], ARGV[at + 2])
    at = at + width
  end
  return count
end
each(1, function(task)
  redis.call('HDEL', KEYS[1], 't:' .. task, 'a:' .. task, 's:' .. task, 'p:' .. task, 'w:' .. task, 'o:' .. task, 'd:' .. task, 'y:' .. task)
  redis.call('HDEL', KEYS[2], task)
end)
each(3, function(task, round, line)
  local before = redis.call('HGET', KEYS[1], 't:' .. task)
  if before and string.match(before, '^%l+ (%d+) ') ~= round then redis.call('HDEL', KEYS[1], 'd:' .. task, 'y:' .. task) end
  redis.call('HSET', KEYS[1], 't:' .. task, line)
end)
each(2, function(key, line) redis.call('HSET', KEYS[1], 'g:' .. key, line) end)
each(2, function(id, json) redis.call('HSET', KEYS[3], id, json) end)
each(3, function(row, column, by) redis.call('HINCRBY', KEYS[4], row .. '\\31' .. column, by) end)
each(1, function(json)
  if redis.call('LLEN', KEYS[5]) < tonumber(ARGV[10]) then redis.call('RPUSH', KEYS[5], json)
  else redis.call('HINCRBY', KEYS[1], 'notesDropped', 1) end
end)
local told = each(1, function(json) redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[11], '*', 'event', json) end)
if told > 0 then redis.call('PUBLISH', ARGV[12], ARGV[1]) end
return 1
`;

/**
 * event: a line in the log of an operation that is there.
 * KEYS op, events   ARGV id, events kept, channel of events, event json
 * → 1, or 0 when the operation is gone
 */
export const event: string = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', 'event', ARGV[4])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1
`;

/**
 * remove: an operation with all it had. Leases it should hold still stay; that it has ever had some is forgotten.
 * KEYS live, resting, all, `given` of the target of each field in ARGV…, then the operation's own keys…
 * ARGV id, field…
 */
export const remove: string = `
for list = 1, 3 do redis.call('ZREM', KEYS[list], ARGV[1]) end
for at = 2, #ARGV do redis.call('HDEL', KEYS[2 + at], ARGV[at]) end
for at = 3 + #ARGV, #KEYS do redis.call('DEL', KEYS[at]) end
return 1
`;
