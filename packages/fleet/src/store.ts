/** The store on Redis. What each step may do stands in `scripts.ts`; here and in `store/` are only keys and conversions. */
import type { Clock, Durability, Store } from '@longshore/core';
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

/** Asking takes a connection of its own, and many may submit at once: an answer is good for so long. */
const DURABILITY_MS = 5_000;

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
    durability: remembered(() => redisDurability(url)),
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

/** Whoever asks in the meantime gets the answer that is there, or is on its way. One that keeps people waiting is asked for anew. */
function remembered(ask: () => Promise<Durability>): () => Promise<Durability> {
  let known: { until: number; answer: Promise<Durability> } | undefined;
  return () => {
    if (known && performance.now() < known.until) return known.answer;
    const mine = { until: performance.now() + DURABILITY_MS, answer: ask() };
    const forget = (): void => {
      if (known === mine) known = undefined;
    };
    mine.answer.then((durability) => {
      if (durability !== 'always') forget();
    }, forget);
    known = mine;
    return mine.answer;
  };
}
