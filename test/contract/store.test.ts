/** One suite, two stores. Each test has a fleet of its own on the one Redis. */
import { ManualClock, memoryStore, systemClock, systemRandom } from '@longshore/core';
import { redisStore } from '@longshore/fleet';
import { afterAll, describe, expect, test } from 'vitest';
import { realServer } from '../servers/real.ts';
import { storeContract } from './store-contract.ts';

storeContract('in memory', async () => {
  const clock = new ManualClock();
  const store = memoryStore(clock);
  return { store, other: store, pass: () => clock.advance(10), now: () => clock.now(), close: () => store.close() };
});

const redis = await realServer('redis');

describe.skipIf(!redis.there)('with a real Redis', () => {
  if (!redis.there) return;
  afterAll(() => redis.stop());

  storeContract('on Redis', async () => {
    const address = { url: redis.url, fleet: `contract-${systemRandom.id(8)}` };
    const store = redisStore(address);
    const other = redisStore(address);
    return {
      store,
      other,
      pass: () => undefined,
      now: () => systemClock.now(),
      close: async () => {
        await store.close();
        await other.close();
      },
    };
  });

  test.each(['always', 'everysec'] as const)('a store on a Redis with appendfsync %s says so', async (appendfsync) => {
    const own = await realServer('redis', { own: true, appendfsync });
    if (!own.there) throw new Error(own.reason);
    await using _server = own;
    const store = redisStore({ url: own.url, fleet: 'contract' });
    expect(await store.durability()).toBe(appendfsync);
    await store.close();
  });
});
