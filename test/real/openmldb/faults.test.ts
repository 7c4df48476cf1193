/** What goes wrong in the middle of an operation on OpenMLDB: ops, tablets, nameservers, answers. Nothing is left half done, and it says what is so. */
import type { Json, OperationHeader } from '@longshore/core';
import type { OpState } from '@longshore/sandbox';
import { afterAll, describe, expect, test } from 'vitest';
import { realServer } from '../../servers/real.ts';
import { type OpenmldbFleet, startOpenmldbFleet } from '../../support/openmldb-fleet.ts';
import { clusterWith, placementsOf, wrongWith } from '../../support/openmldb-scenarios.ts';

const zookeeper = await realServer('zookeeper');
afterAll(async () => {
  if (zookeeper.there) await zookeeper.stop();
});

const THREE = ['t1:1', 't2:1', 't3:1'];
const LEADER_LEAVES = { 'db1.t/0': ['t1:1', 't2:1'] };
const LONE = { 'db1.t/0': ['t1:1'] };

const start = (placements: Record<string, string[]>, nameservers: string[] = ['ns1:6527']): Promise<OpenmldbFleet> =>
  startOpenmldbFleet(zookeeper.there ? zookeeper.url : '', { recorded: clusterWith(THREE, placements), tickMs: 5, nameservers });
const run = (fleet: OpenmldbFleet, kind: string, params: { [key: string]: Json } = {}): Promise<OperationHeader> =>
  fleet.run(kind, { cluster: fleet.address, unsettledMs: 50, ...params });
const scaleIn = (fleet: OpenmldbFleet, params: { [key: string]: Json } = {}): Promise<OperationHeader> =>
  run(fleet, 'openmldb.scale-in', { endpoints: ['t1:1'], ...params });
const preUpgrade = (fleet: OpenmldbFleet, params: { [key: string]: Json } = {}): Promise<OperationHeader> =>
  run(fleet, 'openmldb.pre-upgrade', { endpoint: 't1:1', ...params });
const wrong = (fleet: OpenmldbFleet): string[] => wrongWith(fleet.cluster, { autoFailover: true });
const doing =
  (type: string) =>
  ({ type: own, status }: OpState): boolean =>
    own === type && status === 'kDoing';

describe.skipIf(!zookeeper.there).concurrent('ops that go wrong', () => {
  test.each(['kAddReplicaOP', 'kChangeLeaderOP', 'kRecoverTableOP'])(
    '%s fails: the partition is put back, then a retry goes on',
    async (type) => {
      await using fleet = await start(LONE);
      fleet.cluster.faults.failing.set(type, { times: 1 });
      const header = await preUpgrade(fleet);
      expect([header.state, header.error?.code]).toEqual(['failed', 'LSH_OPENMLDB_OP_FAILED']);
      expect(wrong(fleet)).toEqual([]);
      expect(placementsOf(fleet.cluster)).toEqual(LONE);
      await fleet.service.retry(header.id, 'somebody');
      expect((await fleet.finished(header.id, ({ state, endedAt }) => endedAt !== undefined && state !== 'failed')).state).toBe(
        'succeeded',
      );
      expect(placementsOf(fleet.cluster)).toEqual({ 'db1.t/0': ['t2:1', 't1:1'] });
    },
  );

  test('one that fails half way leaves nobody without snapshots', async () => {
    await using fleet = await start(LONE);
    fleet.cluster.faults.failing.set('kAddReplicaOP', { times: 1, task: 'kSendSnapshot' });
    expect((await preUpgrade(fleet)).error?.code).toBe('LSH_OPENMLDB_OP_FAILED');
    expect(wrong(fleet)).toEqual([]);
    expect(placementsOf(fleet.cluster)).toEqual(LONE);
  });

  test('a follower that is behind does not lead before it has what its leader has', async () => {
    await using fleet = await start(LEADER_LEAVES);
    fleet.cluster.state.tablet('t2:1')!.slow = true;
    fleet.cluster.write('db1', 't', 0, 7n);
    const had = fleet.cluster.state.loaded('t1:1', 40, 0)!.offset;
    // It catches up only after it was looked at more often than a change that does not wait takes.
    let looks = 0;
    const isSixth = (): boolean => {
      looks += 1;
      return looks === 6;
    };
    const { log } = fleet.cluster.servers.get('t2:1')!;
    void log.seen(isSixth).then(() => {
      fleet.cluster.state.tablet('t2:1')!.slow = false;
    });
    expect((await preUpgrade(fleet)).state).toBe('succeeded');
    expect(wrong(fleet)).toEqual([]);
    expect(placementsOf(fleet.cluster)).toEqual({ 'db1.t/0': ['t2:1', 't1:1'] });
    expect(fleet.cluster.state.loaded('t2:1', 40, 0)!.offset).toBe(had);
  });

  test('one that does not end is cancelled and told', async () => {
    await using fleet = await start(LEADER_LEAVES);
    fleet.cluster.faults.stuck.add('kChangeLeaderOP');
    const header = await scaleIn(fleet, { opDeadlineMs: 500 });
    expect([header.state, header.error?.code]).toEqual(['failed', 'LSH_OPENMLDB_OP_STUCK']);
    expect(fleet.cluster.state.allOps().map(({ status }) => status)).toEqual(['kCanceled']);
    expect(wrong(fleet)).toEqual([]);
    expect(placementsOf(fleet.cluster)).toEqual(LEADER_LEAVES);
  });

  test('one that somebody cancels is no success', async () => {
    await using fleet = await start(LEADER_LEAVES);
    fleet.cluster.faults.stuck.add('kMigrateOP');
    void fleet.cluster.seen(doing('kMigrateOP')).then((op) => {
      op.cancelled = true;
    });
    const header = await scaleIn(fleet);
    expect([header.state, header.error?.code]).toEqual(['failed', 'LSH_OPENMLDB_OP_CANCELLED']);
    expect(wrong(fleet)).toEqual([]);
    expect(placementsOf(fleet.cluster)).toEqual(LEADER_LEAVES);
  });

  test('an op of somebody else is waited for, or refused', async () => {
    await using fleet = await start({ ...LEADER_LEAVES, 'db1.other/0': ['t2:1'] });
    fleet.cluster.faults.stuck.add('kAddReplicaOP');
    const add = await fetch(`http://127.0.0.1:${fleet.cluster.servers.get('ns1:6527')!.port}/NameServer/AddReplicaNS`, {
      method: 'POST',
      headers: { authorization: 'somebody', 'content-type': 'application/json' },
      body: '{"name":"other","pid":0,"endpoint":"t3:1","db":"db1"}',
    });
    expect(await add.json()).toMatchObject({ code: 0 });
    await fleet.cluster.seen(doing('kAddReplicaOP'));
    const refused = await scaleIn(fleet, { foreign: 'refuse' });
    expect(refused.error).toMatchObject({ code: 'LSH_OPENMLDB_BUSY', exitCode: 4 });
    expect(fleet.cluster.changes).toHaveLength(1);
    const { id } = await fleet.service.submit({
      owner: 'tester',
      kind: 'openmldb.scale-in',
      params: { cluster: fleet.address, endpoints: ['t1:1'], unsettledMs: 50 },
    });
    await fleet.finished(id, ({ stages }) => stages[0]?.state === 'running');
    fleet.cluster.faults.stuck.clear();
    expect((await fleet.finished(id)).state).toBe('succeeded');
    const [first, second] = fleet.cluster.state.allOps();
    expect([first?.type, second?.type]).toEqual(['kAddReplicaOP', 'kChangeLeaderOP']);
    expect(second!.startTime >= first!.endTime).toBe(true);
  });
});

describe.skipIf(!zookeeper.there).concurrent('servers that go away', () => {
  test('a tablet dies while it gets a replica: it fails, auto_failover is set back, and a retry brings it to its end', async () => {
    await using fleet = await start(LONE);
    void fleet.cluster.seen(doing('kAddReplicaOP')).then(() => fleet.cluster.stopTablet('t2:1'));
    const header = await preUpgrade(fleet);
    expect(header.state).toBe('failed');
    expect(fleet.cluster.state.autoFailover).toBe(true);
    fleet.cluster.restartTablet('t2:1');
    await fleet.service.retry(header.id, 'somebody');
    expect((await fleet.finished(header.id, ({ state, endedAt }) => endedAt !== undefined && state !== 'failed')).state).toBe('succeeded');
    expect(wrong(fleet)).toEqual([]);
    expect(placementsOf(fleet.cluster)).toEqual({ 'db1.t/0': ['t2:1', 't1:1'] });
  });

  test('the leader of a partition dies and comes back: what it led is led by who had most, and it follows', async () => {
    await using fleet = await start({ 'db1.t/0': ['t1:1', 't2:1', 't3:1'], 'db1.t/1': ['t2:1', 't1:1'] });
    fleet.cluster.state.loaded('t2:1', 40, 0)!.offset -= 5n;
    fleet.cluster.stopTablet('t1:1');
    const away = await run(fleet, 'openmldb.recover-data');
    expect(away.error).toMatchObject({ code: 'LSH_OPENMLDB_INCOMPLETE', exitCode: 3 });
    expect(fleet.cluster.state.autoFailover).toBe(true);
    expect(placementsOf(fleet.cluster)).toEqual({ 'db1.t/0': ['t3:1', 't1:1 dead', 't2:1'], 'db1.t/1': ['t2:1', 't1:1 dead'] });
    fleet.cluster.restartTablet('t1:1');
    expect((await run(fleet, 'openmldb.recover-data')).error).toBeUndefined();
    expect(wrong(fleet)).toEqual([]);
    expect(placementsOf(fleet.cluster)).toEqual({ 'db1.t/0': ['t3:1', 't1:1', 't2:1'], 'db1.t/1': ['t2:1', 't1:1'] });
  });

  test('a recovery that is reverted keeps what it mended', async () => {
    await using fleet = await start(LEADER_LEAVES);
    fleet.cluster.stopTablet('t1:1');
    const { id } = await run(fleet, 'openmldb.recover-data');
    await fleet.service.revert(id, 'somebody');
    const over = await fleet.finished(id, ({ state, attention }) => state === 'reverted' || attention !== undefined);
    expect([over.state, over.attention]).toEqual(['reverted', undefined]);
    expect(fleet.cluster.state.autoFailover).toBe(true);
    expect(placementsOf(fleet.cluster)).toEqual({ 'db1.t/0': ['t2:1', 't1:1 dead'] });
  });

  test('a stale leader is never the truth', async () => {
    await using fleet = await start({ 'db1.t/0': ['t2:1', 't1:1'] });
    const [partition] = fleet.cluster.state.table('db1', 't')!.partitions;
    const [lead, stale] = partition!.metas;
    Object.assign(stale!, { isLeader: true, isAlive: false });
    fleet.cluster.state.loaded('t1:1', 40, 0)!.mode = 'kTableLeader';
    // Both went on: the new one by 20, the old one, not fenced, by 3.
    partition!.terms.push({ term: 3n, offset: lead!.offset! + 1n });
    fleet.cluster.state.loaded('t2:1', 40, 0)!.offset += 20n;
    fleet.cluster.state.loaded('t1:1', 40, 0)!.offset += 3n;
    const truth = fleet.cluster.state.loaded('t2:1', 40, 0)!.offset;
    expect((await run(fleet, 'openmldb.recover-data')).error).toBeUndefined();
    expect(wrong(fleet)).toEqual([]);
    expect(placementsOf(fleet.cluster)).toEqual({ 'db1.t/0': ['t2:1', 't1:1'] });
    for (const endpoint of ['t1:1', 't2:1']) expect(fleet.cluster.state.loaded(endpoint, 40, 0)!.offset).toBe(truth);
  });

  test.each([
    ['another nameserver leads', (fleet: OpenmldbFleet) => fleet.cluster.switchLeader()],
    ['the session of the leader expires', (fleet: OpenmldbFleet) => fleet.cluster.expireSession()],
  ])('%s in the middle, at every op', async (_name, strike) => {
    await using fleet = await start({ ...LEADER_LEAVES, 'db1.t/1': ['t1:1'] }, ['ns1:6527', 'ns2:6527']);
    let struck: Promise<void> = Promise.resolve();
    const seen = new Set<bigint>();
    const again = (): void =>
      void fleet.cluster
        .seen((op) => op.status === 'kDoing' && !seen.has(op.id))
        .then((op) => {
          seen.add(op.id);
          struck = struck.then(() => strike(fleet));
          again();
        });
    again();
    const header = await scaleIn(fleet);
    await struck;
    expect([header.state, header.error]).toEqual(['succeeded', undefined]);
    expect(wrong(fleet)).toEqual([]);
    expect(placementsOf(fleet.cluster)['db1.t/0']).toEqual(['t2:1', 't3:1']);
    expect(seen.size).toBeGreaterThan(3);
  });
});

describe.skipIf(!zookeeper.there).concurrent('answers that do not come', () => {
  test.each(['AddReplicaNS', 'ChangeLeader', 'RecoverTable', 'DelReplicaNS', 'ConfSet'])(
    '%s is done and its answer lost: it is looked up, not done again',
    async (method) => {
      await using fleet = await start(LONE);
      const fault = fleet.cluster.servers.get('ns1:6527')!.knobs.once(`/NameServer/${method}`, { kind: 'reset-after' });
      const header = await scaleIn(fleet);
      expect([header.state, header.error]).toEqual(['succeeded', undefined]);
      expect(fault.hits).toBe(1);
      expect(wrong(fleet)).toEqual([]);
      const calls = fleet.cluster.changes.filter((change) => change.startsWith(method));
      expect(calls).toHaveLength(method === 'ConfSet' ? 2 : 1);
    },
  );

  test('a nameserver that turns calls away for a while is asked again', async () => {
    await using fleet = await start(LEADER_LEAVES);
    fleet.cluster.servers.get('ns1:6527')!.knobs.times(4, '/NameServer', { kind: 'status', status: 503 });
    expect((await scaleIn(fleet)).state).toBe('succeeded');
    expect(wrong(fleet)).toEqual([]);
  });
});
