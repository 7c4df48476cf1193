export type { ClusterAddress, RedisAddress, RedisEndpoint, RedisLogin, SentinelAddress } from './address.ts';
export { formatRedisAddress, parseEndpoint, parseRedisAddress, REDIS_PORT, SENTINEL_PORT, shownAddress } from './address.ts';
export type { RedisDurability, RedisReport } from './check.ts';
export { awaitRedis, checkRedis, inspectRedis, redisDurability } from './check.ts';
export type { FleetAddress } from './connection.ts';
export {
  BadRedisAddress,
  ClusterNodeUnnamed,
  RedisDenied,
  RedisReadOnly,
  RedisTooOld,
  RedisUnreachable,
  RedisUnsafe,
  RedisWrongMode,
} from './errors.ts';
export { SCRIPTS } from './scripts.ts';
export type { ServerClock } from './server-clock.ts';
export { serverClock } from './server-clock.ts';
export type { RedisStore } from './store.ts';
export { redisStore } from './store.ts';
export type { TransportSettings } from './transport.ts';
export { bullTransport } from './transport.ts';
