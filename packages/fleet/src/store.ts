/** The store on Redis. What each step may do stands in `scripts.ts`; here and in `store/` are only keys and conversions. */
import type { Clock, Store } from '@longshore/core';
import { systemClock } from '@longshore/core';
import { redisDurability } from './check.ts';
import type { FleetAddress } from './connection.ts';
import { connect } from './connection.ts';
import { accessCalls } from './store/access.ts';
import { attemptCalls } from './store/attempts.ts';
import { openBase } from './store/base.ts';
import { eventCalls } from './store/events.ts';
import { leaseCalls } from './store/leases.ts';
import { operationCalls } from './store/operations.ts';
import { fleetCalls, roomCalls } from './store/shared.ts';

export interface RedisStore extends Store {
  ping(): Promise<void>;
  /** What time it is at the server, ms since the epoch. */
  time(): Promise<number>;
}

/** `clock`: what quiet times are compared with; in a fleet the server's (`serverClock`). */
export function redisStore({ url, fleet }: FleetAddress, clock: Clock = systemClock): RedisStore {
  const redis = connect(url);
  const base = openBase(redis, fleet);
  const { disconnect, ...events } = eventCalls(base, () => connect(url));
  return {
    ...operationCalls(base, clock),
    ...attemptCalls(base),
    ...leaseCalls(base, clock),
    ...roomCalls(base),
    ...fleetCalls(base),
    ...accessCalls(base),
    ...events,
    durability: () => redisDurability(url),
    async ping() {
      await redis.ping();
    },
    async time() {
      const [seconds, microseconds] = await redis.time();
      return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
    },
    async close() {
      redis.disconnect();
      disconnect();
    },
  };
}
