/** The store and the transport on a Redis Cluster: everything they promise on one server, where a key outside the hash tag is an error. */
import { systemClock, systemRandom } from '@longshore/core';
import { bullTransport, inspectRedis, redisStore } from '@longshore/fleet';
import { silentLog } from '@longshore/host';
import { afterAll, describe, expect, test } from 'vitest';
import { storeContract } from '../contract/store-contract.ts';
import { transportContract } from '../contract/transport-contract.ts';
import { askRedis } from '../faults/raw-redis.ts';
import { redisHouse } from '../servers/redis-topology.ts';
import { signsOfLife } from '../support/signs-of-life.ts';

const house = await redisHouse();

describe.skipIf(!house)('with a Redis Cluster', async () => {
  if (!house) return;
  afterAll(() => house[Symbol.asyncDispose]());
  const node = await house.cluster();
  const url = `redis+cluster://127.0.0.1:${node.port}`;
  const address = (): { url: string; fleet: string } => ({ url, fleet: `contract-${systemRandom.id(8)}` });

  test('it is found to be one', async () => {
    expect(await inspectRedis(url)).toMatchObject({ mode: 'cluster', durability: 'always', unchecked: [] });
  });

  test('its password is used for every node', async () => {
    const locked = await house.cluster();
    await askRedis(locked.url, 'CONFIG', 'SET', 'requirepass', 'p@ss');
    await expect(inspectRedis(`redis+cluster://127.0.0.1:${locked.port}`)).rejects.toMatchObject({ data: { code: 'LSH_REDIS_DENIED' } });
    const withPassword = `redis+cluster://:p%40ss@127.0.0.1:${locked.port}`;
    expect(await inspectRedis(withPassword)).toMatchObject({ mode: 'cluster' });
    await using life = signsOfLife({ url: withPassword, fleet: 'locked' });
    await life.everythingComes('a');
  });

  test('the fleet goes on after the node was killed and started again', async () => {
    await using life = signsOfLife(address());
    await life.everythingComes('before');
    await life.keep('before');
    await node.kill();
    await node.restart();
    expect(await life.kept()).toBe('before');
    await life.everythingComes('after');
  });

  storeContract('on a Redis Cluster', async () => {
    const fleet = address();
    const store = redisStore(fleet);
    const other = redisStore(fleet);
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

  transportContract('on BullMQ on a Redis Cluster', async () => {
    const fleet = address();
    const transport = bullTransport(fleet, silentLog);
    const other = bullTransport(fleet, silentLog);
    return {
      transport,
      other,
      pass: () => undefined,
      close: async () => {
        await transport.close();
        await other.close();
      },
    };
  });
});
