/** A Redis on which work could be lost is refused, and what the refusal says to do mends it: it is done here, to the letter. */
import { systemRandom } from '@longshore/core';
import { bullTransport, checkRedis, inspectRedis, redisDurability, redisStore } from '@longshore/fleet';
import { silentLog } from '@longshore/host';
import { afterAll, describe, expect, test } from 'vitest';
import { job } from '../contract/transport-contract.ts';
import { askRedis } from '../faults/raw-redis.ts';
import { redisHouse } from '../servers/redis-topology.ts';
import { until } from '../support/until.ts';

const house = await redisHouse();

async function refusal(url: string): Promise<{ code: string; message: string; fix: string }> {
  try {
    await checkRedis(url);
  } catch (error) {
    return (error as { data: { code: string; message: string; fix: string } }).data;
  }
  throw new Error(`${url} was taken`);
}

/** The commands for redis-cli in a remedy, as it would send them. */
function commands(fix: string): { port: string; words: string[] }[] {
  return [...fix.matchAll(/`redis-cli -h 127\.0\.0\.1 -p (\d+) ([^`]+)`/g)].map(([, port, words]) => ({
    port: port!,
    words: words!.split(' '),
  }));
}

describe.skipIf(!house)('a Redis', () => {
  if (!house) return;
  afterAll(() => house[Symbol.asyncDispose]());

  test.each([
    ['that evicts', { 'maxmemory-policy': 'allkeys-lru' }],
    ['without an append-only file', { appendonly: 'no' }],
  ])('%s is taken after the commands of its refusal were run', async (_, settings) => {
    const { url, port } = await house.node(settings);
    const { code, fix } = await refusal(url);
    expect(code).toBe('LSH_REDIS_UNSAFE');
    const [set, rewrite] = commands(fix);
    expect([set?.port, rewrite?.words]).toEqual([String(port), ['CONFIG', 'REWRITE']]);
    await askRedis(url, ...set!.words);
    expect(await inspectRedis(url)).toMatchObject({ mode: 'single', durability: 'always', unchecked: [] });
  });

  test('that is a replica is refused with its master, and taken when it is none any more', async () => {
    const master = await house.node();
    const replica = await house.node({ replicaof: `127.0.0.1 ${master.port}` });
    const { code, fix } = await refusal(replica.url);
    expect(code).toBe('LSH_REDIS_REPLICA');
    expect(fix).toContain(`redis://127.0.0.1:${master.port},`);
    await askRedis(replica.url, ...commands(fix)[0]!.words);
    await checkRedis(replica.url);
  });

  test('behind the wrong kind of address is taken under the one that the refusal names', async () => {
    const alone = await house.node();
    const clustered = await house.cluster();
    for (const wrong of [`redis+cluster://127.0.0.1:${alone.port}`, clustered.url]) {
      const { code, fix } = await refusal(wrong);
      expect(code).toBe('LSH_REDIS_MODE');
      await checkRedis(/REDIS_URL to (\S+),/.exec(fix)![1]!);
    }
  });

  test('behind a Sentinel is found; the Sentinel itself, and a name that it does not know, are not taken', async () => {
    const master = await house.node();
    const replica = await house.node({ replicaof: `127.0.0.1 ${master.port}` });
    const inSync = async (): Promise<boolean> => /master_link_status:up/.test(String(await askRedis(replica.url, 'INFO', 'replication')));
    await until(inSync, 'the replica was in step');
    const sentinel = await house.sentinel(master, 'main');
    const { code, fix } = await refusal(sentinel.url);
    expect(code).toBe('LSH_REDIS_MODE');
    const address = /REDIS_URL to (\S+),/.exec(fix)![1]!;
    expect(address).toBe(`redis+sentinel://127.0.0.1:${sentinel.port}/main`);
    await checkRedis(address);
    expect(await refusal(`${address}-other`)).toMatchObject({
      code: 'LSH_REDIS_UNREACHABLE',
      message: expect.stringContaining(`127.0.0.1:${sentinel.port}`),
    });
    // The refusal of what lies behind the Sentinel names the master, where the command must be run.
    await askRedis(master.url, 'CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl');
    const [set] = commands((await refusal(address)).fix);
    expect(set?.port).toBe(String(master.port));
    await askRedis(master.url, ...set!.words);
    await checkRedis(address);
  });

  test('whose cluster does not know an address of its own is refused, with the command that tells it', async () => {
    const node = await house.cluster({ 'cluster-announce-ip': '' });
    const url = `redis+cluster://127.0.0.1:${node.port}`;
    const { code, fix } = await refusal(url);
    expect(code).toBe('LSH_REDIS_CLUSTER_NODE');
    await askRedis(node.url, ...commands(fix)[0]!.words);
    await checkRedis(url);
  });

  test('that forbids CONFIG is judged by INFO', async () => {
    const managed = { 'rename-command': 'CONFIG ""' };
    const safe = await house.node(managed);
    expect(await inspectRedis(safe.url)).toMatchObject({ durability: 'unknown', unchecked: ['appendfsync'] });
    const unsafe = await house.node({ ...managed, appendonly: 'no' });
    expect(await refusal(unsafe.url)).toMatchObject({
      code: 'LSH_REDIS_UNSAFE',
      fix: expect.stringContaining('CONFIG is forbidden there'),
    });
  });

  test.each(['always', 'everysec', 'no'] as const)('with appendfsync %s says so', async (appendfsync) => {
    const { url } = await house.node({ appendfsync });
    expect(await redisDurability(url)).toBe(appendfsync);
  });

  test('with a password lets in who has it, with no more rights than the refusal names', async () => {
    const { url, port } = await house.node();
    const secret = systemRandom.id(16);
    await askRedis(url, 'CONFIG', 'SET', 'requirepass', systemRandom.id(16));
    const nobody = await refusal(url);
    expect(nobody.code).toBe('LSH_REDIS_DENIED');
    expect(await refusal(`redis://longshore:wrong@127.0.0.1:${port}`)).toMatchObject({ code: 'LSH_REDIS_DENIED' });

    const other = await house.node();
    const rights = /`redis-cli (ACL SETUSER [^`]+)`/.exec(nobody.fix)![1]!.split(' ');
    await askRedis(other.url, ...rights, `>${secret}`);
    const address = { url: `redis://longshore:${secret}@127.0.0.1:${other.port}`, fleet: 'rights' };
    expect(await inspectRedis(address.url)).toMatchObject({ unchecked: [] });
    const store = redisStore(address);
    const transport = bullTransport(address, silentLog);
    const seen: string[] = [];
    const consumer = transport.consume('q', 1, async ({ data }) => {
      seen.push(data.task);
      return 'done';
    });
    await store.setShared('a', 'b');
    expect(await store.getShared('a')).toBe('b');
    await transport.add('q', [job('a')]);
    await until(() => seen.length === 1, 'the job came');
    await consumer.stop(0);
    await transport.close();
    await store.close();
  });
});
