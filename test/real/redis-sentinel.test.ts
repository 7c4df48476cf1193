/** A master that dies under the fleet, with a Sentinel that makes its replica the next one. */
import { systemRandom } from '@longshore/core';
import { checkRedis, inspectRedis } from '@longshore/fleet';
import { afterAll, describe, expect, test } from 'vitest';
import { askRedis } from '../faults/raw-redis.ts';
import type { RedisNode } from '../servers/redis-topology.ts';
import { redisHouse } from '../servers/redis-topology.ts';
import { KEPT_KEY, signsOfLife } from '../support/signs-of-life.ts';
import { until } from '../support/until.ts';

const house = await redisHouse();

/** Whether INFO says so now. A Sentinel that gives a server another role ends its connections, this one too. */
async function replicates(node: RedisNode, what: RegExp): Promise<boolean> {
  try {
    return what.test(String(await askRedis(node.url, 'INFO', 'replication')));
  } catch (error) {
    if (!/closed the connection|ECONNRESET/.test((error as Error).message)) throw error;
    return false;
  }
}

describe.skipIf(!house)('with a master, a replica and a Sentinel', () => {
  if (!house) return;
  afterAll(() => house[Symbol.asyncDispose]());

  test('passwords of the servers and of the Sentinels are used, each for its own', async () => {
    const master = await house.node();
    const replica = await house.node({ replicaof: `127.0.0.1 ${master.port}` });
    await until(() => replicates(replica, /master_link_status:up/), 'the replica was in step');
    await askRedis(replica.url, 'CONFIG', 'SET', 'masterauth', 'p@ss');
    const sentinel = await house.sentinel(master, 'locked');
    await askRedis(sentinel.url, 'SENTINEL', 'SET', 'locked', 'auth-pass', 'p@ss');
    await askRedis(master.url, 'CONFIG', 'SET', 'requirepass', 'p@ss');
    await askRedis(sentinel.url, 'ACL', 'SETUSER', 'default', 'resetpass', '>s/cret');
    const address = (login: string, query: string): string => `redis+sentinel://${login}127.0.0.1:${sentinel.port}/locked${query}`;
    for (const [login, query] of [
      ['', '?sentinel-password=s%2Fcret'],
      [':p%40ss@', ''],
    ] as const)
      await expect(checkRedis(address(login, query))).rejects.toMatchObject({ data: { code: 'LSH_REDIS_DENIED' } });
    const url = address(':p%40ss@', '?sentinel-password=s%2Fcret');
    await checkRedis(url);
    await using life = signsOfLife({ url, fleet: 'locked' });
    await life.everythingComes('a');
  });

  test('the fleet goes on after the master was killed: jobs, rings, sweeps, intents and the store', async () => {
    const master = await house.node();
    const replica = await house.node({ replicaof: `127.0.0.1 ${master.port}` });
    await until(() => replicates(replica, /master_link_status:up/), 'the replica was in step');
    const sentinel = await house.sentinel(master, 'fleet-master');
    const url = `redis+sentinel://127.0.0.1:${sentinel.port}/fleet-master`;
    expect(await inspectRedis(url)).toMatchObject({ mode: 'sentinel', durability: 'always' });
    const fleet = `failover-${systemRandom.id(8)}`;
    await using life = signsOfLife({ url, fleet });

    await life.everythingComes('before');
    await life.keep('before');
    // Only what the replica has can be there after the failover.
    await until(async () => (await askRedis(replica.url, 'EXISTS', `{${fleet}}:${KEPT_KEY}`)) === 1, 'the replica had it too');

    await master.kill();
    await until(() => replicates(replica, /role:master/), 'the Sentinel made the replica the master');
    expect(await life.kept()).toBe('before');
    await life.everythingComes('after');

    // The old master comes back, is made a replica, and nobody is confused by it.
    await master.restart();
    await until(() => replicates(master, /role:slave/), 'the Sentinel made the old master a replica');
    await life.everythingComes('after its return');
  });
});
