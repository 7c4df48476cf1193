/**
 * The points at which a process may die, on the store's own scripts: the same operation as in the simulation, with a real Redis under it.
 * A sample of them here (every one with CRASH_POINTS=all); the rest of the world is simulated, its time with it.
 */
import type { ManualClock, Store } from '@longshore/core';
import { memoryTransport } from '@longshore/core';
import { redisStore, SCRIPTS } from '@longshore/fleet';
import { afterAll, describe, expect, test } from 'vitest';
import type { Ports } from '../../packages/operations/test/crash-points.ts';
import { dieAt, NEVER_CAME, pointsOf, SCENARIOS } from '../../packages/operations/test/crash-points.ts';
import { STORE_METHODS } from '../../packages/operations/test/store-writes.ts';
import { realServer } from '../servers/real.ts';

// The server itself does not die here: what it keeps through that is tried elsewhere.
const redis = await realServer('redis', { own: true, appendfsync: 'everysec' });
/** Points of each scenario that are tried; all of them take minutes. */
const SAMPLE = process.env.CRASH_POINTS === 'all' ? Number.POSITIVE_INFINITY : 30;

/** Of the points chosen so many may not come: the last ones of a run. */
const MISSED = 0.02;

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

  /** A world's own keys, and waiting until no call is under way before its time goes on. */
  function onRedis(): Ports {
    if (!redis.there) throw new Error(redis.reason);
    worlds += 1;
    let underWay = 0;
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
              try {
                return await Reflect.apply(found, target, args);
              } finally {
                underWay -= 1;
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
      const step = Math.max(1, Math.floor(points.length / SAMPLE));
      const chosen = points.filter((_, at) => at % step === 0);
      // Answers of a real server come in another order each time, so that a run may end a call or two before its last point.
      let missed = 0;
      for (const { at } of chosen)
        for (const when of ['before', 'after'] as const)
          await dieAt(scenario, { at, when }, onRedis()).catch((error: Error) => {
            if (error.message !== NEVER_CAME) throw error;
            missed += 1;
          });
      expect(missed).toBeLessThanOrEqual(Math.ceil(chosen.length * MISSED));
      console.log(`${scenario.name}: ${points.length} points of the store, ${2 * chosen.length - missed} deaths on Redis`);
    });
});
