/**
 * The Lua scripts of the store: each is one step that happens wholly or not at all.
 *
 * An operation is the hash `op:<id>` with the fields
 *   header, version, intent   written by `commit` only
 *   notesDropped              written by `commit` only
 *   t:<task>                  the task record, JSON, written by `commit` only
 *   generation                the last generation given, over all tasks
 *   a:<task>                  `round generation startedAt worker` of the last attempt
 *   s:<task>                  when it was last seen, ms
 *   p:<task>  w:<task>        its progress, and the gate it waits for, JSON
 *   o:<task>                  its outcome, JSON
 *   c:<task>                  its checkpoint
 * Beside it lie `op:<id>:plan` (a string: large and seldom read), `:done`, `:rows` (hashes), `:notes` (a list), `:events` (a stream).
 * Records are never re-encoded in Lua (an empty list would come back as an object), only looked into.
 */

/** Shared by the scripts of workers: the attempt's round and generation, or nil. */
const ATTEMPT = `
local function attempt(key, task)
  local line = redis.call('HGET', key, 'a:' .. task)
  if not line then return nil end
  local round, generation = string.match(line, '^(%d+) (%d+) ')
  return tonumber(round), tonumber(generation)
end
`;

/**
 * commit: compare-and-set on the version, with all that belongs to one decision.
 * KEYS op, done, rows, notes, events, live, plan
 * ARGV version, header, intent or '', id, at rest ('1' when no sweep is to look at it), plan or '', notes kept, events kept, createdAt,
 *      then counted lists: drops (task)…, puts (task, json)…, done (id, json)…, tallies (row, column, by)…, notes (json)…, events (json)…
 * → 1, or 0 when the version is another one or the operation is gone
 */
const commit = `
local version = redis.call('HGET', KEYS[1], 'version')
if not version or version ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'header', ARGV[2], 'version', tonumber(version) + 1, 'intent', ARGV[3])
if ARGV[5] == '1' then redis.call('ZREM', KEYS[6], ARGV[4]) else redis.call('ZADD', KEYS[6], ARGV[9], ARGV[4]) end
if ARGV[6] ~= '' then redis.call('SET', KEYS[7], ARGV[6]) end
local at = 10
local function each(width, act)
  local count = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, count do
    act(ARGV[at], ARGV[at + 1], ARGV[at + 2])
    at = at + width
  end
end
each(1, function(task)
  redis.call('HDEL', KEYS[1], 't:' .. task, 'a:' .. task, 's:' .. task, 'p:' .. task, 'w:' .. task, 'o:' .. task, 'c:' .. task)
end)
each(2, function(task, json) redis.call('HSET', KEYS[1], 't:' .. task, json) end)
each(2, function(id, json) redis.call('HSET', KEYS[2], id, json) end)
each(3, function(row, column, by) redis.call('HINCRBY', KEYS[3], row .. '\\31' .. column, by) end)
each(1, function(json)
  if redis.call('LLEN', KEYS[4]) < tonumber(ARGV[7]) then redis.call('RPUSH', KEYS[4], json)
  else redis.call('HINCRBY', KEYS[1], 'notesDropped', 1) end
end)
each(1, function(json) redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[8], '*', 'event', json) end)
return 1
`;

/**
 * create: a new operation, once per id and per idempotency key.
 * KEYS op, live, all, key of the idempotency key (or op again)
 * ARGV id, header, createdAt, '1' when there is an idempotency key, its life in seconds
 * → {id, 1 when created}
 */
const create = `
if ARGV[4] == '1' then
  local known = redis.call('GET', KEYS[4])
  if known then return {known, 0} end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {ARGV[1], 0} end
redis.call('HSET', KEYS[1], 'header', ARGV[2], 'version', 0, 'intent', '', 'generation', 0)
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
if ARGV[4] == '1' then redis.call('SET', KEYS[4], ARGV[1], 'EX', ARGV[5]) end
return {ARGV[1], 1}
`;

/**
 * claim: takes a task under a new generation.
 * KEYS op   ARGV task, round, worker, now
 * → {'yours', generation, task json, header json} or {'ended'} or {'unwanted'}
 */
const claim = `
local json = redis.call('HGET', KEYS[1], 't:' .. ARGV[1])
if not json then return {'unwanted'} end
local task = cjson.decode(json)
if task.state ~= 'queued' or task.round ~= tonumber(ARGV[2]) then return {'unwanted'} end
local outcome = redis.call('HGET', KEYS[1], 'o:' .. ARGV[1])
if outcome and cjson.decode(outcome).round == task.round then return {'ended'} end
local intent = redis.call('HGET', KEYS[1], 'intent')
if intent == 'pause' or intent == 'cancel' then return {'unwanted'} end
local generation = redis.call('HINCRBY', KEYS[1], 'generation', 1)
redis.call('HSET', KEYS[1], 'a:' .. ARGV[1], ARGV[2] .. ' ' .. generation .. ' ' .. ARGV[4] .. ' ' .. ARGV[3], 's:' .. ARGV[1], ARGV[4])
redis.call('HDEL', KEYS[1], 'p:' .. ARGV[1])
return {'yours', generation, json, redis.call('HGET', KEYS[1], 'header')}
`;

/**
 * beat: sign of life of an attempt.
 * KEYS op   ARGV task, generation, now, progress json or ''
 * → {'superseded'} or {'go', intent or ''}
 */
const beat = `${ATTEMPT}
local _, generation = attempt(KEYS[1], ARGV[1])
if generation ~= tonumber(ARGV[2]) then return {'superseded'} end
redis.call('HSET', KEYS[1], 's:' .. ARGV[1], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'p:' .. ARGV[1], ARGV[4])
  redis.call('HDEL', KEYS[1], 'w:' .. ARGV[1])
end
return {'go', redis.call('HGET', KEYS[1], 'intent')}
`;

/**
 * shut: the attempt waits for a gate; since when is kept while it is the same gate.
 * KEYS op   ARGV task, generation, gate, reason, since
 * → 1 or 0
 */
const shut = `${ATTEMPT}
local _, generation = attempt(KEYS[1], ARGV[1])
if generation ~= tonumber(ARGV[2]) then return 0 end
local since = tonumber(ARGV[5])
local before = redis.call('HGET', KEYS[1], 'w:' .. ARGV[1])
if before then
  local known = cjson.decode(before)
  if known.gate == ARGV[3] then since = known.since end
end
redis.call('HSET', KEYS[1], 'w:' .. ARGV[1], cjson.encode({gate = ARGV[3], reason = ARGV[4], since = since}), 's:' .. ARGV[1], 0)
return 1
`;

/**
 * finish: the outcome, from the last generation of the wanted round only.
 * KEYS op   ARGV task, round, generation, outcome json
 * → 1 or 0
 */
const finish = `${ATTEMPT}
local json = redis.call('HGET', KEYS[1], 't:' .. ARGV[1])
if not json or cjson.decode(json).round ~= tonumber(ARGV[2]) then return 0 end
local _, generation = attempt(KEYS[1], ARGV[1])
if generation ~= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'o:' .. ARGV[1], ARGV[4])
return 1
`;

/**
 * checkpoint: small state of a task, from its last generation only.
 * KEYS op   ARGV task, generation, value
 * → 1 or 0
 */
const checkpoint = `${ATTEMPT}
local _, generation = attempt(KEYS[1], ARGV[1])
if generation ~= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'c:' .. ARGV[1], ARGV[3])
return 1
`;

/**
 * event: a line in the log of an operation that is there.
 * KEYS op, events   ARGV events kept, event json
 * → 1, or 0 when the operation is gone
 */
const event = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'event', ARGV[2])
return 1
`;

/**
 * acquire: leases, all or none; scopes conflict when one begins with the other. Tokens only grow, and survive a failover that
 * loses the counter, since they are never below the time.
 * KEYS leases, token   ARGV operation, now, then target, scope …
 * → {1, token…} or {0, holder, target, scope}
 */
const acquire = `
local all = redis.call('HGETALL', KEYS[1])
local mine = {}
for i = 1, #all, 2 do
  local lease = cjson.decode(all[i + 1])
  for w = 3, #ARGV, 2 do
    if lease.target == ARGV[w] then
      local a, b = lease.scope, ARGV[w + 1]
      if lease.operation == ARGV[1] then
        if a == b then mine[all[i]] = lease.token end
      elseif string.sub(a, 1, #b) == b or string.sub(b, 1, #a) == a then
        return {0, lease.operation, lease.target, lease.scope}
      end
    end
  end
end
local tokens = {1}
for w = 3, #ARGV, 2 do
  local field = ARGV[1] .. '\\31' .. ARGV[w] .. '\\31' .. ARGV[w + 1]
  local token = mine[field]
  if not token then
    token = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, tonumber(ARGV[2]))
    redis.call('SET', KEYS[2], string.format('%.0f', token))
    redis.call('HSET', KEYS[1], field, cjson.encode({operation = ARGV[1], target = ARGV[w], scope = ARGV[w + 1], token = token}))
    mine[field] = token
  end
  tokens[#tokens + 1] = string.format('%.0f', token)
end
return tokens
`;

/**
 * release: every lease of an operation.
 * KEYS leases   ARGV operation
 */
const release = `
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, #ARGV[1] + 1) == ARGV[1] .. '\\31' then redis.call('HDEL', KEYS[1], field) end
end
return 1
`;

/**
 * reserve: room in a spool, if what all hold fits the capacity.
 * KEYS reservations   ARGV holder, bytes, inodes, capacity bytes, capacity inodes
 * → {1 or 0, bytes of others, inodes of others, others}
 */
const reserve = `
local all = redis.call('HGETALL', KEYS[1])
local bytes, inodes, others = 0, 0, 0
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then
    local b, n = string.match(all[i + 1], '^(%d+) (%d+)$')
    bytes, inodes, others = bytes + tonumber(b), inodes + tonumber(n), others + 1
  end
end
local ok = bytes + tonumber(ARGV[2]) <= tonumber(ARGV[4]) and inodes + tonumber(ARGV[3]) <= tonumber(ARGV[5])
if ok then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3]) end
return {ok and 1 or 0, string.format('%.0f', bytes), inodes, others}
`;

/**
 * permit: a place among at most so many holders.
 * KEYS permits   ARGV holder, limit, now, until
 * → 1 or 0
 */
const permit = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 3600000)
return 1
`;

export const SCRIPTS: Readonly<Record<ScriptName, string>> = {
  commit,
  create,
  claim,
  beat,
  shut,
  finish,
  checkpoint,
  event,
  acquire,
  release,
  reserve,
  permit,
};

export type ScriptName =
  | 'commit'
  | 'create'
  | 'claim'
  | 'beat'
  | 'shut'
  | 'finish'
  | 'checkpoint'
  | 'event'
  | 'acquire'
  | 'release'
  | 'reserve'
  | 'permit';
