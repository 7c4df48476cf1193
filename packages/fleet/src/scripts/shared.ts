/** Scripts for what operations share: room in spools, permits, dead letters. */

/**
 * reserve: room in a spool, if what all hold fits the capacity.
 * KEYS reservations   ARGV holder, bytes, inodes, capacity bytes, capacity inodes
 * → {1 or 0, bytes of others, inodes of others, others}
 */
export const reserve: string = `
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
export const permit: string = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
redis.call('PEXPIRE', KEYS[1], 3600000)
return 1
`;

/**
 * agree: of each fact what was given first; nothing is kept of an operation that is gone.
 * KEYS op, agreed   ARGV fact, value, …
 * → values that stand, in order
 */
export const agree: string = `
local values = {}
local kept = redis.call('EXISTS', KEYS[1]) == 1
for i = 1, #ARGV, 2 do
  if kept then redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) end
  values[#values + 1] = redis.call('HGET', KEYS[2], ARGV[i])
end
return values
`;

/**
 * exhume: takes a dead letter off the list; of several callers one gets it.
 * KEYS letters   ARGV id
 * → letter json, or nil
 */
export const exhume: string = `
local letter = redis.call('HGET', KEYS[1], ARGV[1])
if letter then redis.call('HDEL', KEYS[1], ARGV[1]) end
return letter
`;
