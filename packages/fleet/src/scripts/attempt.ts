/** Scripts of workers: an attempt begins, lives and ends. The layout of an operation's keys stands in `../scripts.ts`. */

/** The generation of the last attempt of a task, as text, or nil. */
export const GENERATION: string = `
local function generation(key, task)
  local line = redis.call('HGET', key, 'a:' .. task)
  return line and string.match(line, '^%d+ (%d+) ')
end
`;

/** The order a task is under, or nil: one that closes a guard is under none. The task must be there. */
export const ORDER: string = `
local function ordered(key, task)
  local found = redis.call('HMGET', key, 'order', 't:' .. task)
  return found[1] ~= '' and string.match(found[2], '^%l+ %d+ ([01])') == '0' and found[1] or nil
end
`;

/**
 * claim: takes a task under a new generation. An attempt of this round that neither ended nor gave the task back is a death.
 * KEYS op   ARGV task, round, worker, now
 * → {'yours', generation, task line, header json, deaths, carried json or ''} or {'ended'} or {'unwanted'}
 */
export const claim: string = `
local task, round = ARGV[1], ARGV[2]
local found = redis.call('HMGET', KEYS[1], 't:' .. task, 'o:' .. task, 'order', 'a:' .. task, 's:' .. task, 'd:' .. task, 'y:' .. task, 'header')
local line, outcome, before = found[1], found[2], found[4]
if not line then return {'unwanted'} end
local state, wanted, closes = string.match(line, '^(%l+) (%d+) ([01])')
if state ~= 'queued' or wanted ~= round then return {'unwanted'} end
if outcome and string.match(outcome, '^%d+') == round then return {'ended'} end
if found[3] ~= '' and closes == '0' then return {'unwanted'} end
local deaths = tonumber(found[6] or 0)
if before and found[5] ~= '0' and string.match(before, '^%d+') == round then
  deaths = deaths + 1
  redis.call('HSET', KEYS[1], 'd:' .. task, deaths)
end
local generation = redis.call('HINCRBY', KEYS[1], 'generation', 1)
redis.call('HSET', KEYS[1], 'a:' .. task, round .. ' ' .. generation .. ' ' .. ARGV[4] .. ' ' .. ARGV[3], 's:' .. task, ARGV[4])
if before then redis.call('HDEL', KEYS[1], 'p:' .. task) end
return {'yours', generation, line, found[8], deaths, found[7] or ''}
`;

/**
 * beat: sign of life of an attempt. Progress opens its gate.
 * KEYS op   ARGV task, generation, now, progress json or ''
 * → {'superseded'} or {'go', order or ''}
 */
export const beat: string = `
local task = ARGV[1]
local found = redis.call('HMGET', KEYS[1], 'a:' .. task, 'order')
if not found[1] or string.match(found[1], '^%d+ (%d+) ') ~= ARGV[2] then return {'superseded'} end
if ARGV[4] == '' then
  redis.call('HSET', KEYS[1], 's:' .. task, ARGV[3])
else
  redis.call('HSET', KEYS[1], 's:' .. task, ARGV[3], 'p:' .. task, ARGV[4])
  redis.call('HDEL', KEYS[1], 'w:' .. task)
end
if found[2] == '' then return {'go', ''} end
local closes = string.match(redis.call('HGET', KEYS[1], 't:' .. task), '^%l+ %d+ ([01])')
return {'go', closes == '0' and found[2] or ''}
`;

/**
 * shut: the attempt gives its task back, and with it what it had counted. Since when it waits is kept while it is the same gate.
 * KEYS op   ARGV task, generation, carried json, gate or '', since, gate json
 * → 1 or 0
 */
export const shut: string = `${GENERATION}
local task = ARGV[1]
if generation(KEYS[1], task) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 's:' .. task, 0, 'y:' .. task, ARGV[3])
if ARGV[4] == '' then return 1 end
local since = ARGV[5]
local before = redis.call('HGET', KEYS[1], 'w:' .. task)
if before then
  local gate, known = string.match(before, '^(%S+) (%S+) ')
  if gate == ARGV[4] then since = known end
end
redis.call('HSET', KEYS[1], 'w:' .. task, ARGV[4] .. ' ' .. since .. ' ' .. ARGV[6])
return 1
`;

/**
 * finish: the outcome, from the last generation, in the wanted round.
 * KEYS op   ARGV task, round, generation, outcome line
 * → 1 or 0
 */
export const finish: string = `
local found = redis.call('HMGET', KEYS[1], 't:' .. ARGV[1], 'a:' .. ARGV[1])
if not found[1] or string.match(found[1], '^%l+ (%d+) ') ~= ARGV[2] then return 0 end
if not found[2] or string.match(found[2], '^%d+ (%d+) ') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'o:' .. ARGV[1], ARGV[4])
return 1
`;

/**
 * checkpoint: small state of a task, from its last generation.
 * KEYS op, checkpoints   ARGV task, generation, value
 * → 1 or 0
 */
export const checkpoint: string = `${GENERATION}
if generation(KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1
`;

/**
 * show: an exhibit, from the last generation of a task.
 * KEYS op, picture   ARGV task, generation, name, json
 * → 1 or 0
 */
export const show: string = `${GENERATION}
if generation(KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'e:' .. ARGV[3], ARGV[4])
return 1
`;

/**
 * sample: a number of a series, from the last generation of a task. Where as many are there as are kept, every second one goes first.
 * KEYS op, picture   ARGV task, generation, series, `at:value`, how many are kept
 * → 1 or 0
 */
export const sample: string = `${GENERATION}
if generation(KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
local field = 's:' .. ARGV[3]
local count, line = string.match(redis.call('HGET', KEYS[2], field) or '0', '^(%d+)(.*)$')
count = tonumber(count)
if count >= tonumber(ARGV[5]) then
  local kept, place = {}, 0
  for one in string.gmatch(line, '%S+') do
    place = place + 1
    if place % 2 == 1 then kept[#kept + 1] = one end
  end
  count = #kept
  line = ' ' .. table.concat(kept, ' ')
end
redis.call('HSET', KEYS[2], field, (count + 1) .. line .. ' ' .. ARGV[4])
return 1
`;
