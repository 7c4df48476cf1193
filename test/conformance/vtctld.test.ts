/**
 * What the client asks of a vtctld about its topology, of the stand-in and, where it was asked for (`LONGSHORE_VTCTLD`), of the real one on a real
 * ZooKeeper. Neither has tablets that live here: what needs them was seen elsewhere, and is said in docs/vitess.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Target } from '@longshore/core';
import { seededRandom, systemClock } from '@longshore/core';
import { Cluster, startLegacy, startVtctld } from '@longshore/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandFailed, VtctlClient } from '../../packages/vitess/src/client/commands.ts';
import { Connection } from '../../packages/vitess/src/client/connection.ts';
import { VTCTLD } from '../../packages/vitess/src/client/protocol.ts';
import { VtctldClient } from '../../packages/vitess/src/client/vtctld.ts';
import { realServer } from '../servers/real.ts';
import { startRealVtctld, vtctldProgram } from '../servers/vtctld.ts';
import { until } from '../support/until.ts';

const deps = { clock: systemClock, random: seededRandom(1), signal: new AbortController().signal };
const target = (address: string): Target => ({ name: 'vt', system: 'vitess', address, settings: {}, secrets: {} });

interface Side {
  client: VtctldClient;
  vtctl: VtctlClient;
  raw: Connection;
  stop(): Promise<void>;
}

function sideOf(vtctld: string, vtctl: string, stop: () => Promise<void>): Side {
  return {
    client: new VtctldClient(target(vtctld), deps),
    vtctl: new VtctlClient(target(vtctl), deps),
    raw: new Connection(target(vtctld), deps),
    stop,
  };
}

async function standIn(): Promise<Side> {
  const cluster = new Cluster({ keyspaces: { customer: { shards: ['-80', '80-'], tables: { orders: 0 } } } });
  const vtctld = await startVtctld(cluster);
  const legacy = await startLegacy(cluster);
  return sideOf(vtctld.address, legacy.address, async () => {
    await legacy.close();
    await vtctld.close();
    cluster[Symbol.dispose]();
  });
}

async function call(raw: Connection, method: string, request: object): Promise<unknown> {
  return raw.unary(VTCTLD[method]!, request, 20_000);
}

/** The topology that the stand-in begins with, made by the calls of a person. */
async function real(program: string): Promise<Side> {
  const zooKeeper = await realServer('zookeeper', { own: true });
  if (!zooKeeper.there) throw new Error(zooKeeper.reason);
  const dir = await mkdtemp(join(tmpdir(), 'longshore-vtctld-'));
  const server = await startRealVtctld(program, zooKeeper.url, dir);
  const side = sideOf(server.address, server.address, async () => {
    await server.stop();
    await zooKeeper.stop();
    await rm(dir, { recursive: true, force: true });
  });
  // It listens before its session with the ZooKeeper is there.
  const connected = async (): Promise<boolean> =>
    side.client.cells().then(
      () => true,
      () => false,
    );
  await until(connected, 'vtctld has found its topology');
  await call(side.raw, 'AddCellInfo', { name: 'zone1', cell_info: { server_address: zooKeeper.url, root: '/vitess/zone1' } });
  await call(side.raw, 'CreateKeyspace', { name: 'customer', durability_policy: 'none' });
  for (const shard of ['-80', '80-']) await call(side.raw, 'CreateShard', { keyspace: 'customer', shard_name: shard });
  const orders = { column_vindexes: [{ column: 'id', name: 'hash' }] };
  await call(side.raw, 'ApplyVSchema', {
    keyspace: 'customer',
    v_schema: { sharded: true, vindexes: { hash: { type: 'hash' } }, tables: { orders } },
  });
  await call(side.raw, 'RebuildKeyspaceGraph', { keyspace: 'customer', cells: ['zone1'] });
  return side;
}

const program = await vtctldProgram();
if (program === undefined) console.info('the real vtctld was not asked for: LONGSHORE_VTCTLD=1 builds and runs it (minutes)');

describe.each([
  { side: 'stand-in', start: standIn },
  ...(program === undefined ? [] : [{ side: 'vtctld of Vitess 24', start: () => real(program) }]),
])('$side', ({ start }) => {
  let it: Side;
  beforeAll(async () => {
    it = await start();
  });
  afterAll(async () => {
    await it?.client[Symbol.asyncDispose]();
    await it?.vtctl[Symbol.asyncDispose]();
    await it?.raw[Symbol.asyncDispose]();
    await it?.stop();
  });

  const printed = async (...args: string[]): Promise<string> => {
    let text = '';
    for await (const { level, value } of it.vtctl.run(args, 20_000)) if (level === 'CONSOLE') text += value;
    return text;
  };

  test('tells cells, keyspaces and shards with their key ranges', async () => {
    expect(await it.client.cells()).toEqual(['zone1']);
    expect(await it.client.keyspaces()).toEqual(['customer']);
    const shards = await it.client.shards('customer');
    expect(Object.keys(shards ?? {}).sort()).toEqual(['-80', '80-']);
    expect(shards?.['-80']?.shard?.key_range).toEqual({ start: '', end: Buffer.from([0x80]).toString('base64') });
    expect(shards?.['80-']?.shard?.is_primary_serving).toBe(true);
  });

  test('has no keyspace that is not there', async () => {
    expect(await it.client.shards('nope')).toBeUndefined();
    expect(await it.client.vschema('nope')).toBeUndefined();
  });

  test('tells which columns find the shard of a row', async () => {
    const vschema = await it.client.vschema('customer');
    expect(vschema?.sharded).toBe(true);
    expect(vschema?.tables.orders?.column_vindexes).toMatchObject([{ column: 'id', name: 'hash' }]);
  });

  test('tells who serves what, in every cell', async () => {
    const { zone1 } = await it.client.served('customer');
    const served = zone1?.partitions.map(({ served_type, shard_references }) => [served_type, shard_references.map(({ name }) => name)]);
    expect(served?.sort()).toEqual([
      ['PRIMARY', ['-80', '80-']],
      ['RDONLY', ['-80', '80-']],
      ['REPLICA', ['-80', '80-']],
    ]);
    expect((await it.client.routes('zone1'))?.routing_rules?.rules).toEqual([]);
  });

  test('runs commands of old and streams what they print', async () => {
    expect((await printed('GetCellInfoNames')).trim()).toBe('zone1');
    expect(Object.keys(JSON.parse(await printed('FindAllShardsInKeyspace', 'customer')) as object).sort()).toEqual(['-80', '80-']);
    const served = JSON.parse(await printed('GetSrvKeyspace', 'zone1', 'customer')) as { partitions: { served_type: number }[] };
    expect(served.partitions.map(({ served_type }) => served_type).sort()).toEqual([1, 2, 3]);
  });

  test('ends a command that it does not know with code 2 and these words', async () => {
    const failed = await printed('NoSuchCommand').catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(CommandFailed);
    expect((failed as CommandFailed).message).toMatch(/^remote error: rpc error: code = Unknown desc = unknown command/);
  });
});

describe.skipIf(program === undefined)('the real one alone', () => {
  let it: Side;
  beforeAll(async () => {
    it = await real(program ?? '');
  });
  afterAll(async () => {
    await it?.client[Symbol.asyncDispose]();
    await it?.vtctl[Symbol.asyncDispose]();
    await it?.raw[Symbol.asyncDispose]();
    await it?.stop();
  });

  test('says every error with code 2', async () => {
    await expect(call(it.raw, 'CreateKeyspace', { name: 'customer' })).rejects.toMatchObject({
      code: 2,
      details: 'node already exists: /vitess/global/keyspaces/customer/Keyspace',
    });
    await expect(call(it.raw, 'GetShard', { keyspace: 'customer', shard_name: 'nope' })).rejects.toMatchObject({
      code: 2,
      details: "node doesn't exist: /vitess/global/keyspaces/customer/shards/nope/Shard",
    });
  });

  test('answers nothing about workflows while a shard has no primary, which has a name of its own', async () => {
    await expect(it.client.workflows('customer')).rejects.toMatchObject({ code: 'LSH_VITESS_NO_PRIMARY' });
    await expect(it.client.status({ keyspace: 'customer', workflow: 'nope' })).rejects.toMatchObject({ code: 'LSH_VITESS_NO_PRIMARY' });
  });

  test('keeps what is set of its throttler in the keyspace', async () => {
    await it.client.enableThrottler('customer', true);
    await it.client.throttleCopy('customer', 0.5, systemClock.now() + 60_000);
    const reply = (await call(it.raw, 'GetKeyspace', { keyspace: 'customer' })) as { keyspace: { keyspace: { throttler_config: object } } };
    expect(reply.keyspace.keyspace.throttler_config).toMatchObject({ enabled: true, throttled_apps: { vreplication: { ratio: 0.5 } } });
  });
});
