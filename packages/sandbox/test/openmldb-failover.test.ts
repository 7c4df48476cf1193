/** What the nameserver of the stand-in does by itself while auto_failover is on, which an operation holds off, and what it does when told to. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdingOf, type OpenmldbStandIn, restore, startOpenmldb } from '../src/index.ts';
import type { RecordedMeta } from '../src/openmldb/vector.ts';

const meta = (endpoint: string, leader: boolean): RecordedMeta => ({ endpoint, is_leader: leader, is_alive: true, offset: 10 });
const loaded = (leader: boolean) => ({ mode: leader ? ('kTableLeader' as const) : ('kTableFollower' as const), offset: 10 });
const ALONE = '19_1';
let cluster: OpenmldbStandIn;

beforeEach(async () => {
  cluster = await startOpenmldb({
    session: () => ({
      create: async (path) => path,
      getChildren: async () => ['lock_request0000000000'],
      get: async () => ({ data: Buffer.from('ns1:6527') }),
      close: async () => undefined,
    }),
    tickMs: 1,
    heartbeatTimeoutMs: 20,
  });
  await restore(cluster, {
    tablets: {
      't1:1': { state: 'kHealthy', loaded: { '19_0': loaded(true), [ALONE]: loaded(true) } },
      't2:1': { state: 'kHealthy', loaded: { '19_0': loaded(false) } },
    },
    dbs: { db1: { t: { tid: 19, partitions: { 0: [meta('t1:1', true), meta('t2:1', false)], 1: [meta('t1:1', true)] } } } },
    auto_failover: true,
  });
});
afterEach(() => cluster.close());

const flags = (name: string) =>
  holdingOf(cluster).partitions[name]!.map(
    ({ endpoint, isLeader, isAlive }) => `${endpoint} ${isLeader ? 'leads' : 'follows'}${isAlive ? '' : ' dead'}`,
  );
const ended = (type: string) => cluster.seen((op) => op.type === type && op.status === 'kDone');

async function call(method: string, body: object): Promise<{ code: number; [field: string]: unknown }> {
  const response = await fetch(`http://127.0.0.1:${cluster.servers.get('ns1:6527')!.port}/NameServer/${method}`, {
    method: 'POST',
    headers: { authorization: 'somebody', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as { code: number };
}

test('a tablet that stays away is taken over from, and recovered when it starts again', async () => {
  cluster.stopTablet('t1:1');
  await ended('kChangeLeaderOP');
  expect(flags('db1.t/0')).toEqual(['t1:1 leads dead', 't2:1 leads']);
  await ended('kUpdatePartitionStatusOP');
  expect(flags('db1.t/1')).toEqual(['t1:1 leads dead']);
  cluster.restartTablet('t1:1');
  await ended('kReAddReplicaNoSendOP');
  await ended('kReLoadTableOP');
  expect([flags('db1.t/0'), flags('db1.t/1')]).toEqual([['t1:1 follows', 't2:1 leads'], ['t1:1 leads']]);
});

test('one that is back in time is left alone', async () => {
  cluster.stopTablet('t1:1');
  cluster.reconnectTablet('t1:1');
  cluster.stopTablet('t2:1');
  await ended('kOfflineReplicaOP');
  expect(flags('db1.t/0')).toEqual(['t1:1 leads', 't2:1 follows dead']);
  expect(flags('db1.t/1')).toEqual(['t1:1 leads']);
});

test('with auto_failover off nothing is done, nor made up for when it is switched on', async () => {
  expect((await call('OfflineEndpoint', { endpoint: 't1:1' })).code).toBe(301);
  await call('ConfSet', { conf: { key: 'auto_failover', value: 'false' } });
  cluster.restartTablet('t1:1');
  await call('ConfSet', { conf: { key: 'auto_failover', value: 'true' } });
  cluster.stopTablet('t2:1');
  // What comes of the second tablet is all that comes; the leader that restarted has it in no memory to take it from.
  await cluster.seen(({ type }) => type === 'kOfflineReplicaOP');
  expect(cluster.state.allOps().map(({ type }) => type)).toEqual(['kOfflineReplicaOP']);
  expect(flags('db1.t/0')).toEqual(['t1:1 leads', 't2:1 follows dead']);
  expect(cluster.state.loaded('t1:1', 19, 0)).toBeUndefined();
});

test('told to, it takes an endpoint out and has it lead again', async () => {
  await call('ConfSet', { conf: { key: 'auto_failover', value: 'false' } });
  expect((await call('OfflineEndpoint', { endpoint: 't1:1', concurrency: 9 })).code).toBe(307);
  expect((await call('OfflineEndpoint', { endpoint: 'nobody:1' })).code).toBe(302);
  expect((await call('OfflineEndpoint', { endpoint: 't1:1', concurrency: 8 })).code).toBe(0);
  await ended('kChangeLeaderOP');
  expect((await call('RecoverEndpoint', { endpoint: 't1:1', need_restore: true })).code).toBe(0);
  await cluster.seen(
    (op) =>
      op.type === 'kReAddReplicaSimplifyOP' &&
      op.status === 'kDone' &&
      cluster.state.allOps().filter(({ type }) => type === 'kReAddReplicaSimplifyOP').length === 2,
  );
  expect(flags('db1.t/0')).toEqual(['t1:1 leads', 't2:1 follows']);
});

test('a partition is read and written as it stands', async () => {
  await call('ConfSet', { conf: { key: 'auto_failover', value: 'false' } });
  const { table_partition: partition } = await call('GetTablePartition', { name: 't', pid: 0, db: 'db1' });
  expect(partition).toMatchObject({
    pid: 0,
    partition_meta: [
      { endpoint: 't1:1', is_leader: true },
      { endpoint: 't2:1', is_leader: false },
    ],
  });
  const changed = { pid: 0, partition_meta: [{ endpoint: 't2:1', is_leader: true, is_alive: true }] };
  expect((await call('SetTablePartition', { name: 't', db: 'db1', table_partition: changed })).code).toBe(0);
  expect(flags('db1.t/0')).toEqual(['t2:1 leads']);
  expect((await call('GetTablePartition', { name: 't', pid: 7, db: 'db1' })).code).toBe(308);
});
