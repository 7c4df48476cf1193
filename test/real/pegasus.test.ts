/**
 * A live table moves between two clusters and its clients follow, by a real ZooKeeper: through deaths before and after every effect, with
 * ZooKeeper, the target and the metas failing, and with a worker that wakes up late. Whatever it comes to, nobody is denied for nothing, and
 * what the meta proxy says agrees with what the source does.
 */
import type { OperationHeader } from '@longshore/core';
import { connectZooKeeper, type ZooKeeper } from '@longshore/zookeeper';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { realServer } from '../servers/real.ts';
import { type PegasusFleet, startPegasusFleet, TENTH_PARAMS } from '../support/pegasus-fleet.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const server = await realServer('zookeeper', { own: true });
const ROOT = '/proxy';
/** ZooKeeper's number of the request that changes a node. */
const SET_DATA = 5;
const BEFORE = '{"cluster_name": "onebox", "meta_addrs": "127.0.0.1:24601"}';

describe.skipIf(!server.there)('pegasus.migrate-table', () => {
  const hosts = server.there ? server.url : '';
  let zk: ZooKeeper;
  let root = 0;
  let fleet: PegasusFleet;
  let proxy: TcpProxy;

  beforeAll(() => {
    zk = connectZooKeeper(hosts);
  });
  afterAll(async () => {
    await zk.close();
    if (server.there) await server.stop();
  });
  beforeEach(async () => {
    root += 1;
    await zk.create(`/w${root}`, '');
    await zk.create(`/w${root}${ROOT}`, '');
    await zk.create(`/w${root}${ROOT}/temp`, BEFORE);
    proxy = await tcpProxy({ host: '127.0.0.1', port: Number(hosts.split(':')[1]) });
    fleet = await startPegasusFleet({
      source: { tables: [{ name: 'temp', partitions: 4, committed: 100, writesPerSecond: 30 }], zookeeperHosts: `${hosts}/w${root}` },
    });
  });
  afterEach(async () => {
    await fleet[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  const node = () => zk.get(`/w${root}${ROOT}/temp`);
  const after = () => `{"cluster_name": "onebox2", "meta_addrs": "${fleet.target.metas}"}`;
  const migration = (params: object = {}) => ({
    kind: 'pegasus.migrate-table',
    params: {
      table: 'temp',
      source: fleet.source.metas,
      meta: fleet.target.metas,
      cluster: 'onebox2',
      root: ROOT,
      node: `zookeeper://${proxy.address}/w${root}`,
      ...TENTH_PARAMS,
      ...params,
    },
  });
  const denied = () => fleet.source.state.table('temp')?.envs.get('replica.deny_client_request');
  const outcome = ({ state, error }: OperationHeader) => [state, error?.code];

  /** Either nothing has happened to the clients, or all of it; and one duplication was made at most. */
  async function expectConsistent(header: OperationHeader): Promise<void> {
    const { data } = await node();
    const text = data.toString();
    expect([BEFORE, after()]).toContain(text);
    expect(denied(), `${header.state} ${header.error?.message ?? ''}`).toBe(text === BEFORE ? undefined : 'reconfig*all');
    expect(fleet.source.state.history.filter((line) => line.startsWith('add '))).toHaveLength(1);
    const { guards } = await fleet.service.get(header.id);
    expect(guards.filter(({ state }) => state === 'open')).toEqual([]);
  }

  async function expectSwitched(header: OperationHeader): Promise<void> {
    expect(outcome(header)).toEqual(['succeeded', undefined]);
    expect((await node()).data.toString()).toBe(after());
    expect(fleet.source.state.unshipped('temp')).toBe(0);
    await expectConsistent(header);
  }

  async function expectUntouched(header: OperationHeader): Promise<void> {
    expect((await node()).data.toString()).toBe(BEFORE);
    await expectConsistent(header);
  }

  test('clients end up at the target, with everything they had written', async () => {
    let atSwitch: number | undefined;
    fleet.around = async (effect, when) => {
      if (effect === 'pegasus.switch/point-clients' && when === 'after') atSwitch = fleet.source.state.unshipped('temp');
    };
    const header = await fleet.run(migration());
    await expectSwitched(header);
    expect(atSwitch).toBe(0);
    expect(fleet.source.state.history).toEqual(['add temp onebox2', 'deny temp timeout*write', 'deny temp reconfig*all']);
    const guard = (await fleet.service.get(header.id)).guards[0];
    expect([guard?.state, guard?.by]).toEqual(['replaced', 'the clients are at onebox2']);
    expect((await node()).version).toBe(1);
    const report = await fleet.service.report(header.id);
    expect(report.totals.drained).toBe(4);
    const notes = report.notes.map(({ text }) => text).join('\n');
    for (const said of ['writes were denied for', 'longshore pegasus cleanup', 'the way back']) expect(notes).toContain(said);
    const picture = await fleet.store.picture(header.id);
    expect(picture.series.backlog?.length).toBeGreaterThan(3);
  });

  test('a death before and after every effect of the journal', { timeout: 240_000 }, async () => {
    const model = await fleet.run(migration());
    const entries = await fleet.store.journal(model.id);
    const { planned } = { planned: await fleet.store.plan(model.id) };
    const sort = new Map(planned?.stages.flatMap(({ tasks = [] }) => tasks.map(({ id, task }) => [id, task] as const)));
    const points = entries.flatMap(({ task, key }) =>
      (['before', 'after'] as const).map((when) => ({ effect: `${sort.get(task)}/${key}`, when })),
    );
    expect(points.map(({ effect, when }) => `${when} ${effect}`)).toHaveLength(2 * 4);
    for (const { effect, when } of points) {
      await fleet[Symbol.asyncDispose]();
      root += 1;
      await zk.create(`/w${root}`, '');
      await zk.create(`/w${root}${ROOT}`, '');
      await zk.create(`/w${root}${ROOT}/temp`, BEFORE);
      fleet = await startPegasusFleet({
        source: { tables: [{ name: 'temp', partitions: 4, committed: 100, writesPerSecond: 30 }], zookeeperHosts: `${hosts}/w${root}` },
      });
      const death = fleet.dieAt(effect, when);
      const header = await fleet.run(migration());
      expect(death.struck(), `${when} ${effect}`).toBe(true);
      await expectSwitched(header);
    }
    console.log(`${points.length} deaths, before and after each of the ${entries.length} effects of the journal`);
  });

  describe('ZooKeeper', () => {
    // Most of what these take is waiting for one that does not answer.
    beforeEach(async () => {
      await fleet[Symbol.asyncDispose]();
      fleet = await startPegasusFleet({
        zooKeeperMs: 300,
        source: { tables: [{ name: 'temp', partitions: 4, committed: 100, writesPerSecond: 30 }], zookeeperHosts: `${hosts}/w${root}` },
      });
    });

    test('is down when the clients are to be switched: they may write again, and nothing was changed', async () => {
      fleet.around = async (effect, when) => {
        if (effect === 'pegasus.deny-writes/deny' && when === 'after') proxy.shut();
      };
      const header = await fleet.run(migration());
      expect(outcome(header)).toEqual(['failed', 'LSH_ZOOKEEPER_UNREACHABLE']);
      await expectUntouched(header);
    });

    test('goes down between the look and the change: attention is asked for, and when it is back clients may write', async () => {
      fleet.around = async (effect, when) => {
        if (effect === 'pegasus.switch/point-clients' && when === 'before') proxy.shut();
      };
      const id = await fleet.submit(migration());
      const stuck = await fleet.finished(id, ({ attention }) => attention !== undefined);
      expect(stuck.attention?.error.code).toBe('LSH_GUARD_OPEN');
      expect(denied()).toBe('timeout*write');
      proxy.open();
      await fleet.service.retry(id, 'somebody');
      const header = await fleet.finished(id);
      expect(header.state).toBe('failed');
      await expectUntouched(header);
      expect((await node()).version, 'a late switch is made impossible').toBeGreaterThan(0);
    });

    test('loses its answer: the switch is looked up, and not made twice', async () => {
      let lost = 0;
      // The type of a request stands behind its length and its number.
      proxy.onRequest = (bytes) => {
        if (bytes.length < 12 || bytes.readInt32BE(8) !== SET_DATA || lost > 0) return;
        lost += 1;
        proxy.swallowAnswers();
        void until(async () => (await node()).version === 1, 'the switch has arrived').finally(() => proxy.open());
      };
      await expectSwitched(await fleet.run(migration()));
      expect([lost, (await node()).version]).toEqual([1, 1]);
    });

    test('goes down after the change: a person is told that nobody knows, and when it is back the operation ends as what it is', async () => {
      fleet.around = async (effect, when) => {
        if (effect === 'pegasus.switch/point-clients' && when === 'after') proxy.shut();
      };
      const id = await fleet.submit(migration());
      const stuck = await fleet.finished(id, ({ attention }) => attention !== undefined);
      expect([stuck.state, stuck.attention?.error.code, denied()]).toEqual(['needs-attention', 'LSH_GUARD_OPEN', 'timeout*write']);
      expect(stuck.attention?.error.message).toContain('whether the clients of temp have been pointed to onebox2 is not known');
      fleet.around = async () => undefined;
      proxy.open();
      await fleet.service.retry(id, 'somebody'); // else in a minute
      await expectSwitched(await fleet.finished(id));
      expect(fleet.source.state.history.slice(1)).toEqual(['deny temp timeout*write', 'deny temp reconfig*all']);
      const notes = (await fleet.service.report(id)).notes.map(({ text }) => text).join('\n');
      expect(notes).toContain('the switch had been made when the operation was being ended');
      expect(notes).toContain('writes were denied for');
      await expect(fleet.service.revert(id, 'somebody')).rejects.toMatchObject({ code: 'LSH_REVERT_FINAL' });
    });

    test.each(['before', 'after'] as const)('is back, and the worker dies %s it sends the clients away', async (when) => {
      proxy.onRequest = (bytes) => {
        if (bytes.length < 12 || bytes.readInt32BE(8) !== SET_DATA) return;
        proxy.onRequest = undefined;
        proxy.swallowAnswers();
      };
      const death = fleet.dieAt('pegasus.lift-denial/allow-send-away', when);
      const id = await fleet.submit(migration());
      await fleet.finished(id, ({ attention }) => attention !== undefined);
      proxy.open();
      await fleet.service.retry(id, 'somebody');
      await expectSwitched(await fleet.finished(id));
      expect([death.struck(), (await node()).version]).toEqual([true, 1]);
    });

    test('somebody else points the clients elsewhere meanwhile: they win, and clients may write', async () => {
      const theirs = '{"cluster_name": "third", "meta_addrs": "127.0.0.1:1"}';
      fleet.around = async (effect, when) => {
        if (effect === 'pegasus.switch/point-clients' && when === 'before') await zk.set(`/w${root}${ROOT}/temp`, theirs, 0);
      };
      const header = await fleet.run(migration());
      expect(outcome(header)).toEqual(['failed', 'LSH_PEGASUS_PROXY_CHANGED']);
      expect([(await node()).data.toString(), denied()]).toEqual([theirs, undefined]);
    });
  });

  test('the target dies while the table drains: clients may write again, and it is said what is stuck', async () => {
    fleet.around = async (effect, when) => {
      if (effect !== 'pegasus.deny-writes/deny' || when !== 'after') return;
      fleet.target.state.settings.dead = true;
    };
    const header = await fleet.run(migration({ maxDenialMs: 40_000 }));
    expect(header.state).toBe('failed');
    expect(['LSH_PEGASUS_STUCK', 'LSH_PEGASUS_NOT_DRAINED']).toContain(header.error?.code);
    await expectUntouched(header);
  });

  test('a denial that does not drain in time is lifted, and it goes back to catching up', async () => {
    let denials = 0;
    fleet.around = async (effect, when) => {
      if (effect !== 'pegasus.deny-writes/deny' || when !== 'after') return;
      denials += 1;
      fleet.source.state.settings.stuck = denials === 1;
      if (denials === 1)
        void fleet.clock.sleep(45_000).then(() => {
          fleet.source.state.settings.stuck = false;
        });
    };
    const header = await fleet.run(migration({ maxDenialMs: 40_000 }));
    await expectSwitched(header);
    expect(fleet.source.state.history.filter((line) => line.startsWith('deny'))).toEqual([
      'deny temp timeout*write',
      'deny temp nothing',
      'deny temp timeout*write',
      'deny temp reconfig*all',
    ]);
    expect(header.stages.map(({ name }) => name)).toEqual([
      ...['duplicate', 'catch-up', 'cutover', 'drain', 'catch-up-2', 'cutover-2', 'drain-2', 'switch', 'report'],
    ]);
  });

  test.each(['pegasus.duplicate/add-duplication', 'pegasus.deny-writes/deny', 'pegasus.switch/send-away'])(
    'another meta leads from %s on',
    async (at) => {
      fleet.around = async (effect, when) => {
        if (effect === at && when === 'before') fleet.source.state.leader = 1 - fleet.source.state.leader;
      };
      await expectSwitched(await fleet.run(migration()));
    },
  );

  test('a partition gets another primary while the table drains', async () => {
    fleet.around = async (effect, when) => {
      const table = fleet.source.state.table('temp');
      if (effect === 'pegasus.deny-writes/deny' && when === 'after' && table)
        void fleet.clock.sleep(6_500).then(() => fleet.source.state.movePrimary(table, 2));
    };
    await expectSwitched(await fleet.run(migration()));
  });

  test('a worker that stood still at the switch wakes up when another has made it: it changes nothing', async () => {
    const frozen = fleet.freezeAt('pegasus.switch/point-clients', 'before');
    const header = await fleet.run(migration());
    expect(frozen.struck()).toBe(true);
    await expectSwitched(header);
    const { version } = await node();
    const calls = fleet.source.calls.length;
    frozen.thaw();
    await fleet.clock.sleep(3_000);
    expect((await node()).version).toBe(version);
    expect(fleet.source.calls.slice(calls).filter(({ call }) => call === 'RPC_CM_UPDATE_APP_ENV')).toEqual([]);
  });

  describe('a change whose answer does not come', () => {
    test.each([
      ['RPC_CM_ADD_DUPLICATION', { kind: 'cut-after' }],
      ['RPC_CM_UPDATE_APP_ENV', { kind: 'cut-after' }],
      ['RPC_CM_UPDATE_APP_ENV', { kind: 'cut-before' }],
      ['RPC_CM_UPDATE_APP_ENV', { kind: 'truncated' }],
      ['RPC_CM_UPDATE_APP_ENV', { kind: 'no-answer' }],
    ] as const)('%s, %o', async (call, fault) => {
      fleet.source.faults.add(call, fault, 1);
      await expectSwitched(await fleet.run(migration()));
    });

    test('a denial that lands late, after a cancel: it is lifted all the same', async () => {
      fleet.source.faults.add('RPC_CM_UPDATE_APP_ENV', { kind: 'late', ms: 8_000 }, 1);
      const id = await fleet.submit(migration());
      await until(() => fleet.source.calls.some(({ call }) => call === 'RPC_CM_UPDATE_APP_ENV'), 'the denial is on its way');
      await fleet.service.act(id, 'cancel', 'tester');
      const header = await fleet.finished(id);
      expect(header.state).toBe('cancelled');
      expect(fleet.source.state.history).toContain('deny temp timeout*write');
      await expectUntouched(header);
    });
  });

  test('a cancel inside the guard lets clients write; taken back, the duplication goes too', async () => {
    let asked = false;
    fleet.around = async (effect, when) => {
      if (effect !== 'pegasus.deny-writes/deny' || when !== 'after' || asked) return;
      asked = true;
      const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
      await fleet.service.act(id, 'cancel', 'tester');
    };
    const { id } = await fleet.run(migration());
    await expectUntouched(await fleet.finished(id));
    await fleet.service.revert(id, 'somebody');
    expect((await fleet.finished(id)).state).toBe('reverted');
    expect(fleet.source.state.table('temp')?.duplications).toEqual([]);
    expect(denied()).toBeUndefined();
  });

  test('a cancel that comes after the clients were pointed there is too late: it goes on to its end', async () => {
    let asked = false;
    fleet.around = async (effect, when) => {
      if (effect !== 'pegasus.switch/point-clients' || when !== 'after' || asked) return;
      asked = true;
      const [{ id } = { id: '' }] = (await fleet.service.list({ limit: 1 })).operations;
      await fleet.service.act(id, 'cancel', 'tester');
    };
    await expectSwitched(await fleet.run(migration()));
  });

  test('a person is asked once, before anything is denied', async () => {
    const waiting = await fleet.run({ ...migration(), approvals: 'cutover' }, ({ awaits }) => awaits !== undefined);
    expect(waiting.awaits?.stages).toEqual(['cutover']);
    expect(fleet.source.state.history).toEqual(['add temp onebox2']);
    await fleet.service.approve(waiting.id, { by: 'somebody', reason: 'quiet hour' });
    await expectSwitched(await fleet.finished(waiting.id));
  });

  test('what is left is cleaned up when asked, and not while clients are there', async () => {
    const params = { table: 'temp', source: fleet.source.metas, cluster: 'onebox2', dropTable: true };
    expect(outcome(await fleet.run({ kind: 'pegasus.cleanup', params }))).toEqual(['failed', 'LSH_PEGASUS_IN_USE']);
    await expectSwitched(await fleet.run(migration()));
    expect(outcome(await fleet.run({ kind: 'pegasus.cleanup', params }))).toEqual(['succeeded', undefined]);
    expect(fleet.source.state.table('temp')).toBeUndefined();
    expect(fleet.source.state.history.slice(-2)).toEqual(['DS_REMOVED temp onebox2', 'drop temp']);
  });
});
