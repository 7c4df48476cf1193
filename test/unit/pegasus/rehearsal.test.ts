/** Without a meta proxy, so that no ZooKeeper is needed: rehearsals, denials that are handed over, and what the operator does with them. */
import type { OperationHeader } from '@longshore/core';
import type { PegasusOptions } from '@longshore/sandbox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type PegasusFleet, startPegasusFleet, TENTH, TENTH_PARAMS } from '../../support/pegasus-fleet.ts';

let fleet: PegasusFleet;
beforeEach(async () => {
  fleet = await startPegasusFleet({ source: { tables: [{ name: 'temp', partitions: 4, committed: 100, writesPerSecond: 20 }] } });
});
afterEach(() => fleet[Symbol.asyncDispose]());

const migration = (params: object = {}) => ({
  kind: 'pegasus.migrate-table',
  params: { table: 'temp', source: fleet.source.metas, meta: fleet.target.metas, cluster: 'onebox2', ...TENTH_PARAMS, ...params },
});
const outcome = ({ state, error }: OperationHeader) => [state, error?.code];
const denied = () => fleet.source.state.table('temp')?.envs.get('replica.deny_client_request');
const order = (kind: string) => ({ kind, params: { table: 'temp', source: fleet.source.metas } });
const notesOf = async (id: string): Promise<string> => (await fleet.service.report(id)).notes.map(({ text }) => text).join('\n');

test('a rehearsal denies, drains, and lets clients write again', async () => {
  const header = await fleet.run(migration({ afterDrain: 'lift' }));
  expect(outcome(header)).toEqual(['succeeded', undefined]);
  expect(fleet.source.state.history).toEqual(['add temp onebox2', 'deny temp timeout*write', 'deny temp nothing']);
  expect(await notesOf(header.id)).toContain('a rehearsal');
});

describe('rows', () => {
  const rehearse = async (source: Partial<PegasusOptions>, before: () => void = () => undefined): Promise<string> => {
    await fleet[Symbol.asyncDispose]();
    // The number of the one begins that of the other.
    const tables = [
      { name: 'temp', id: 2, partitions: 2, committed: 3_000, rows: 3_000 },
      { name: 'big', id: 20, partitions: 2, rows: 5_000_000 },
    ];
    fleet = await startPegasusFleet({ source: { tables, ...source }, target: { ...(source.dialect && { dialect: source.dialect }) } });
    before();
    const header = await fleet.run(migration({ afterDrain: 'lift' }));
    expect(outcome(header)).toEqual(['succeeded', undefined]);
    return notesOf(header.id);
  };

  test.each(['2.4', '2.6'] as const)('are told as servers of %s estimate them, and not as proof', async (dialect) => {
    const notes = await rehearse({ dialect });
    expect(notes).toContain(
      'rows, estimated by the servers and no proof: about 6,000 at onebox before writes were denied, about 6,000 at onebox2',
    );
    const { id } = await fleet.run(order('pegasus.status'));
    expect(await notesOf(id)).toContain('rows, estimated by the servers: about 6,000');
  });

  test('are not counted where the servers tell nothing of them', async () => {
    expect(await rehearse({ estimates: false })).toContain('rows: not counted, the servers of onebox offer no estimate');
  });

  test('are not counted where the replicas of the target have not looked since they were opened', async () => {
    const notes = await rehearse({}, () => {
      fleet.target.state.settings.times.statsMs = 600_000;
    });
    expect(notes).toContain('rows: not counted, onebox2 has made no estimate yet of 2 partitions: 0, 1');
  });
});

test('it is said beforehand what happens without a root', async () => {
  const header = await fleet.run(migration());
  expect(outcome(header)).toEqual(['failed', 'LSH_PEGASUS_PREFLIGHT']);
  expect([header.error?.exitCode, header.error?.fix]).toEqual([4, expect.stringContaining('--after-drain')]);
  expect(fleet.source.state.history).toEqual([]);
});

describe('a denial that is handed over', () => {
  beforeEach(async () => {
    const header = await fleet.run(migration({ afterDrain: 'keep-denied' }));
    expect(outcome(header)).toEqual(['succeeded', undefined]);
    expect((await fleet.service.get(header.id)).guards.map(({ state, by }) => [state, by])).toEqual([['handed-over', 'tester']]);
    expect(denied()).toBe('timeout*write');
    expect(fleet.source.state.unshipped('temp')).toBe(0);
    const notes = await notesOf(header.id);
    for (const command of ['longshore pegasus finish', 'longshore pegasus lift']) expect(notes).toContain(command);
  }, 60_000);

  test('is brought to its end by the operator, and cleaned up after', async () => {
    expect(outcome(await fleet.run(order('pegasus.finish')))).toEqual(['succeeded', undefined]);
    expect(denied()).toBe('reconfig*all');
    const params = { table: 'temp', source: fleet.source.metas, cluster: 'onebox2' };
    expect(outcome(await fleet.run({ kind: 'pegasus.cleanup', params }))).toEqual(['succeeded', undefined]);
    expect(fleet.source.state.table('temp')?.duplications).toEqual([]);
  });

  test('is given up by the operator; then there is nothing to be finished', async () => {
    expect(outcome(await fleet.run(order('pegasus.lift')))).toEqual(['succeeded', undefined]);
    expect(denied()).toBeUndefined();
    expect(outcome(await fleet.run(order('pegasus.finish')))).toEqual(['failed', 'LSH_PEGASUS_PREFLIGHT']);
    expect(denied()).toBeUndefined();
  });

  test('stands in the way of another migration, and shows in the status', async () => {
    expect(outcome(await fleet.run(migration({ afterDrain: 'lift' })))).toEqual(['failed', 'LSH_PEGASUS_DENIED']);
    const { id, state } = await fleet.run(order('pegasus.status'));
    expect(state).toBe('succeeded');
    const notes = await notesOf(id);
    for (const said of ['clients are denied: timeout*write', 'to onebox2: DS_LOG', '0 mutations wait']) expect(notes).toContain(said);
  });
});

test('everything that stands in the way is told at once', async () => {
  const { state } = fleet.source;
  state.addDuplication(state.table('temp')!, 'third', true);
  state.setEnv(state.table('temp')!, 'replica.deny_client_request', 'timeout*read');
  state.table('temp')!.dataVersion = '0';
  fleet.target.state.addTable({ name: 'temp', partitions: 4 });
  const id = await fleet.submit({ ...migration({ afterDrain: 'lift', cluster: 'onebox3' }), mode: 'plan' });
  await fleet.finished(id, ({ state: now }) => now === 'planned');
  const errors = ((await fleet.store.plan(id))?.findings ?? []).filter(({ level }) => level === 'error').map(({ text }) => text);
  for (const said of [
    'data version 0',
    'denied already (timeout*read)',
    'duplicated to third',
    'is called onebox2, not onebox3',
    'does not follow onebox',
  ])
    expect(errors.join('\n')).toContain(said);
});

test('a meta that has just begun to lead has not been told what is committed: nothing is taken for drained by its account', async () => {
  await fleet[Symbol.asyncDispose]();
  const dupSyncMs = 4_000;
  fleet = await startPegasusFleet({
    source: {
      dialect: '2.6',
      shippingPage: false,
      times: { ...TENTH, syncMs: dupSyncMs },
      tables: [{ name: 'temp', partitions: 2, committed: 100, writesPerSecond: 20 }],
    },
  });
  const { clock, source } = fleet;
  const { state } = source;
  fleet.around = async (effect, when) => {
    if (effect !== 'pegasus.deny-writes/deny' || when !== 'after') return;
    state.settings.stuck = true;
    // Again and again, so that looks fall between a change and what the primaries tell next.
    for (let at = 0; at < 20; at += 1)
      void clock.sleep(2 * TENTH_PARAMS.configSyncMs + at * 3_000).then(() => {
        state.leader = 1 - state.leader;
      });
  };
  const header = await fleet.run(migration({ afterDrain: 'lift', dupSyncMs, maxDenialMs: 60_000, denials: 1 }));
  // Which of the two says that time is up depends on how busy this machine is.
  expect(['LSH_PEGASUS_NOT_DRAINED', 'LSH_GUARD_TIME']).toContain(header.error?.code);
  expect(denied()).toBeUndefined();
});

describe('servers that tell by counters only what waits', () => {
  const source = { shippingPage: false, dialect: '2.4' as const, wroteWhileCopying: 500, shipsPerSecond: 200 };
  beforeEach(async () => {
    await fleet[Symbol.asyncDispose]();
    fleet = await startPegasusFleet({
      source: { ...source, tables: [{ name: 'temp', partitions: 4, committed: 100, writesPerSecond: 20 }] },
    });
  });

  test('are refused until the operator says that this will do', async () => {
    const header = await fleet.run(migration({ afterDrain: 'lift' }));
    expect(outcome(header)).toEqual(['failed', 'LSH_PEGASUS_PREFLIGHT']);
    expect(header.error?.fix).toContain('--accept-counters');
    expect(fleet.source.state.history).toEqual([]);
  });

  test('are drained when nothing is seen to wait for several syncs; the plan and the report say that this is no proof', async () => {
    let unshipped: number | undefined;
    fleet.around = async (effect, when) => {
      if (effect === 'pegasus.end-denial/lift' && when === 'before') unshipped ??= fleet.source.state.unshipped('temp');
    };
    const header = await fleet.run(migration({ afterDrain: 'lift', acceptCounters: true }));
    expect([...outcome(header), header.error?.message]).toEqual(['succeeded', undefined, undefined]);
    expect(unshipped).toBe(0);
    const plan = await fleet.service.plan(header.id);
    expect(JSON.stringify(plan.findings)).toContain('not proven, only seen');
    expect(plan.stages.map(({ approval }) => approval ?? '').join()).toContain('seen by counters, not proven');
    expect(await notesOf(header.id)).toContain('not proven, only seen');
  });

  test('that ship nothing are stuck, and no drained ones', async () => {
    fleet.source.state.settings.stuck = true;
    const header = await fleet.run(migration({ afterDrain: 'lift', acceptCounters: true, threshold: 1_000_000 }));
    expect(outcome(header)).toEqual(['failed', 'LSH_PEGASUS_STUCK']);
    expect(fleet.source.state.history).toEqual(['add temp onebox2']);
  });
});
