/** One suite, two stores. Each test has a fleet of its own on the one Redis. */
import { ManualClock, memoryStore, systemClock, systemRandom } from '@longshore/core';
import { redisStore } from '@longshore/fleet';
import { afterAll, describe, expect, test } from 'vitest';
import { askRedis } from '../faults/raw-redis.ts';
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

  test('many who ask at once how durable it is take one connection, and one that was not good enough is asked again', async () => {
    const own = await realServer('redis', { own: true, appendfsync: 'everysec' });
    if (!own.there) throw new Error(own.reason);
    await using _server = own;
    const connections = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(String(await askRedis(own.url, 'INFO', 'stats')))?.[1]);
    const store = redisStore({ url: own.url, fleet: 'contract' });
    await store.ping();
    expect(await store.durability()).toBe('everysec');
    await askRedis(own.url, 'CONFIG', 'SET', 'appendfsync', 'always');
    const before = await connections();
    const answers = await Promise.all(Array.from({ length: 50 }, () => store.durability()));
    expect([new Set(answers), await connections()]).toEqual([new Set(['always']), before + 2]);
    await store.close();
  });
});
