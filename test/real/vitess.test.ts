/** Vitess on a fleet of processes: the old API as an automation_client finds it, and workers that are killed. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Writer } from '@longshore/sandbox';
import { Cluster, keepWriting, startLegacy, startVtctld } from '@longshore/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../../apps/cli/src/client.ts';
import { openClient } from '../../apps/cli/src/client.ts';
import { realServer } from '../servers/real.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';

const redis = await realServer('redis', { own: true });
const MAIN = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** As a shell would run it. */
function automationClient(args: string[]): Promise<{ code: number; out: string; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'automation_client', ...args], (error, out, said) =>
      resolve({ code: Number(error?.code ?? 0), out, said }),
    );
  });
}

async function expectServed(writer: Writer): Promise<void> {
  await writer.reached(writer.acknowledged + 20);
  await writer.pause();
  expect(writer.problems()).toEqual([]);
  writer.resume();
}

describe.skipIf(!redis.there)(`Vitess on real processes${redis.there ? '' : ` (${redis.reason})`}`, () => {
  let dir: string;
  let fleet: Fleet;
  let api: Client;
  let server: string;

  beforeAll(async () => {
    if (!redis.there) throw new Error(redis.reason);
    dir = await mkdtemp(join(tmpdir(), 'longshore-vitess-'));
    server = `127.0.0.1:${await freePort()}`;
    const listen = `unix:${join(dir, 'api.sock')}`;
    const counts = { dumpers: 0, restorers: 0, migrators: 2 };
    fleet = await startFleet({ dir, redisUrl: redis.url, ...counts, lockMs: 2_000, sweepMs: 500, listen, api: { automation: server } });
    api = openClient(listen);
  });
  afterAll(async () => {
    await api?.[Symbol.asyncDispose]();
    await fleet?.stop();
    if (redis.there) await redis.stop();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  test('an automation_client reshards a keyspace, is told in its words and exit codes, and is refused likewise', async () => {
    using cluster = new Cluster({ keyspaces: { ks: { shards: ['0'], targets: ['-80', '80-'], tables: { t1: 60 } } } });
    const legacy = await startLegacy(cluster);
    const writer = keepWriting(cluster, 'ks', 't1');
    const endpoint = legacy.address.replace('grpc://', '');
    const params = {
      keyspace: 'ks',
      source_shard_list: '0',
      dest_shard_list: '-80,80-',
      vtctld_endpoint: endpoint,
      vtworker_endpoint: endpoint,
    };
    const given = (own: Record<string, string>): string[] => Object.entries(own).flatMap(([key, value]) => ['--param', `${key}=${value}`]);
    const ask = ['--server', server, '--task', 'HorizontalReshardingTask'];
    try {
      const refused = await automationClient([...ask, '--param', 'keyspace=ks']);
      expect([refused.code, refused.said]).toEqual([4, expect.stringContaining('required parameters are missing: [source_shard_list')]);
      const done = await automationClient([...ask, ...given(params)]);
      expect([done.said, done.code]).toEqual(['', 0]);
      expect(done.out).toContain('state: CLUSTER_OPERATION_DONE');
      expect(done.out.trimEnd().endsWith('SUCCESS: ClusterOperation finished.')).toBe(true);
      expect(cluster.topology.keyspace('ks').served.get('PRIMARY')?.toSorted()).toEqual(['-80', '80-']);
      await expectServed(writer);
      const failed = await automationClient([...ask, ...given({ ...params, source_shard_list: '7' })]);
      expect([failed.code, failed.said]).toEqual([5, expect.stringContaining('ERROR: ClusterOperation failed.')]);
    } finally {
      await writer.stop();
      await legacy.close();
    }
  });

  test('a reshard whose worker is killed in the middle of the copy is gone on with by another', async () => {
    using cluster = new Cluster({
      keyspaces: { customer: { shards: ['-'], targets: ['-80', '80-'], tables: { orders: 120 } } },
      copyRowsPerTick: 0,
    });
    const vtctld = await startVtctld(cluster);
    const writer = keepWriting(cluster, 'customer', 'orders');
    try {
      const id = await api.submit({
        kind: 'vitess.reshard',
        params: {
          cluster: vtctld.address,
          keyspace: 'customer',
          sourceShards: ['-'],
          targetShards: ['-80', '80-'],
          vtgates: [vtctld.address],
          watchMs: 0,
          pollMs: 20,
        },
      });
      const worker = async (): Promise<string | undefined> =>
        [...((await fleet.store.load(id))?.attempts ?? [])].find(([task]) => task === 'copy')?.[1].worker;
      while ((await worker()) === undefined) await cluster.nextTick();
      const first = await worker();
      const pid = (await fleet.store.workers()).find(({ worker: name }) => name === first)?.pid;
      expect(pid).toEqual(expect.any(Number));
      process.kill(pid!, 'SIGKILL');
      cluster.settings.copyRowsPerTick = 40;
      // It ends a minute later, when nothing that the dead worker had sent can take effect any more: that is not waited for here.
      const { error, stages } = await fleet.finished(
        id,
        (header) => header.endedAt !== undefined || header.stages.at(-1)?.state === 'done',
      );
      expect([error?.code, ...stages.map(({ state }) => state)]).toEqual([undefined, ...stages.map(() => 'done')]);
      expect(vtctld.calls.filter(({ method }) => method === 'ReshardCreate')).toHaveLength(1);
      expect([...cluster.topology.keyspace('customer').shards.keys()]).toEqual(['-80', '80-']);
      await expectServed(writer);
    } finally {
      await writer.stop();
      await vtctld.close();
    }
  });
});
