/**
 * The points at which a process may die, on the store's own scripts: the same operation as in the simulation, with a real Redis under it.
 * Every one, before and after; the rest of the world is simulated, its time with it.
 */
import type { ManualClock, Store } from '@longshore/core';
import { memoryTransport } from '@longshore/core';
import { redisStore, SCRIPTS } from '@longshore/fleet';
import { afterAll, describe, expect, test } from 'vitest';
import type { Ports } from '../../packages/operations/test/crash-points.ts';
import { dieAt, pointsOf, SCENARIOS } from '../../packages/operations/test/crash-points.ts';
import { STORE_METHODS } from '../../packages/operations/test/store-writes.ts';
import { realServer } from '../servers/real.ts';

// The server itself does not die here: what it keeps through that is tried elsewhere.
const redis = await realServer('redis', { own: true, appendfsync: 'everysec' });

/** The method of the store that a script stands behind. */
const METHOD: Record<keyof typeof SCRIPTS, keyof Store> = {
  create: 'create',
  commit: 'commit',
  event: 'addEvent',
  remove: 'remove',
  claim: 'claim',
  beat: 'beat',
  shut: 'shut',
  finish: 'finish',
  checkpoint: 'saveCheckpoint',
  show: 'show',
  sample: 'sample',
  journal: 'writeJournal',
  openGuard: 'openGuard',
  endGuard: 'endGuard',
  mayAct: 'mayAct',
  acquire: 'acquireLeases',
  release: 'releaseLeases',
  reserve: 'reserve',
  permit: 'takePermit',
  agree: 'agree',
  exhume: 'exhume',
};

test('every script stands behind a method whose points are known', () => {
  expect(Object.keys(METHOD).sort()).toEqual(Object.keys(SCRIPTS).sort());
  const reading = Object.values(METHOD).filter((method) => STORE_METHODS[method] === 'reads');
  expect(reading).toEqual(['mayAct']);
});

describe.skipIf(!redis.there)(`deaths on a real Redis${redis.there ? '' : ` (${redis.reason})`}`, () => {
  const stores: Store[] = [];
  let worlds = 0;
  afterAll(async () => {
    for (const store of stores) await store.close();
    if (redis.there) await redis.stop();
  });

  /**
   * A world's own keys, and waiting until no call is under way before its time goes on. One call at a time, in the order in which they
   * were made: answers that come in another order each time would make another run of it, with other points.
   */
  function onRedis(): Ports {
    if (!redis.there) throw new Error(redis.reason);
    worlds += 1;
    let underWay = 0;
    let last: Promise<void> = Promise.resolve();
    const { url } = redis;
    return {
      ports: (clock: ManualClock) => {
        const real = redisStore({ url, fleet: `crash-${process.pid}-${worlds}` }, clock);
        stores.push(real);
        const store = new Proxy(real, {
          get(target, method, receiver) {
            const found: unknown = Reflect.get(target, method, receiver);
            if (typeof found !== 'function') return found;
            if (method === 'durability') return async () => 'always';
            return async (...args: unknown[]) => {
              underWay += 1;
              const before = last;
              const { promise, resolve } = Promise.withResolvers<void>();
              last = promise;
              await before;
              try {
                return await Reflect.apply(found, target, args);
              } finally {
                underWay -= 1;
                resolve();
              }
            };
          },
        });
        return { store, transport: memoryTransport(clock) };
      },
      idle: async () => {
        for (let calm = 0; calm < 2; calm = underWay === 0 ? calm + 1 : 0) await new Promise((resolve) => setImmediate(resolve));
      },
    };
  }

  for (const scenario of SCENARIOS)
    test(`an operation that ${scenario.name} comes to its end through a death before and after a script`, {
      timeout: 900_000,
    }, async () => {
      const points = (await pointsOf(scenario, onRedis())).filter(({ call }) => call.startsWith('store.'));
      for (const { at } of points) for (const when of ['before', 'after'] as const) await dieAt(scenario, { at, when }, onRedis());
      console.log(`${scenario.name}: ${points.length} points of the store, ${2 * points.length} deaths on Redis`);
    });
});
