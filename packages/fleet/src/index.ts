export type { FleetAddress } from './connection.ts';
export { checkRedis, shownAddress } from './connection.ts';
export { RedisTooOld, RedisUnreachable, RedisUnsafe } from './errors.ts';
export { SCRIPTS } from './scripts.ts';
export type { RedisStore } from './store.ts';
export { redisStore } from './store.ts';
export type { TransportSettings } from './transport.ts';
export { bullTransport } from './transport.ts';
