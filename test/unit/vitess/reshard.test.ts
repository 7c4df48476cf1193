/** A keyspace is resharded while clients write: whatever comes on the way, reads and writes are served from shards that hold every row. */
import type { OperationHeader } from '@longshore/core';
import { LeaseHeld, NoWayBack } from '@longshore/operations';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { World } from './world.ts';
import { errorOf, expectServed, KEYSPACE, RESHARD, startWorld, TABLE } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const shards = (): string[] => [...world.cluster.topology.keyspace(KEYSPACE).shards.keys()];
const served = (type: 'PRIMARY' | 'REPLICA' | 'RDONLY'): string[] =>
  world.cluster.topology.keyspace(KEYSPACE).served.get(type)?.toSorted() ?? [];
const onTargets = ['-80', '80-'];
const switches = () => world.vtctld.calls.filter(({ method }) => method === 'WorkflowSwitchTraffic').length;

/** Rows of the source that a target lacks. */
function missing(): string[] {
  const source = world.cluster.topology.shard(KEYSPACE, '-');
  return [...source.rows('corder').keys()].filter(
    (id) => !onTargets.some((shard) => world.cluster.topology.shard(KEYSPACE, shard).rows('corder').has(id)),
  );
}

test('clients end up at the targets with every row, and the source is gone', async () => {
  let lacking: string[] | undefined;
  world.fleet.around = async (effect, when) => {
    if (effect === 'vitess.switch-reads/reads' && when === 'before') lacking = missing();
  };
  const header = await world.fleet.run(RESHARD);
  expect(errorOf(header)).toEqual(['succeeded', undefined]);
  expect(lacking).toEqual([]);
  expect(shards()).toEqual(onTargets);
  await expectServed(world);
  const { rows } = await world.fleet.service.report(header.id);
  const orders = rows.find(({ row }) => row === TABLE)?.values;
  expect(orders?.compared).toBeGreaterThanOrEqual(orders?.rows ?? Number.POSITIVE_INFINITY);
  const { exhibits } = await world.fleet.store.picture(header.id);
  expect(exhibits.copy).toMatchObject({ tables: expect.arrayContaining([expect.objectContaining({ table: TABLE })]) });
  await expect(world.fleet.service.revert(header.id, 'tester')).rejects.toMatchObject({ code: NoWayBack.code });
});

test('a source that is kept keeps getting every write, and takes over again', async () => {
  const { id, state } = await world.fleet.run({ ...RESHARD, params: { ...RESHARD.params, complete: false } });
  expect(state).toBe('succeeded');
  await world.writer.reached(world.writer.acknowledged + 20);
  await world.fleet.service.revert(id, 'tester');
  expect((await world.fleet.finished(id)).state).toBe('reverted');
  expect([served('PRIMARY'), served('REPLICA'), served('RDONLY')]).toEqual([['-'], ['-'], ['-']]);
  expect(world.cluster.workflows.all).toEqual([]);
  await expectServed(world);
});

const EFFECTS = ['vitess.create/create', 'vitess.switch-reads/reads', 'vitess.switch-writes/writes', 'vitess.complete/complete'];
const BOUNDARIES = EFFECTS.flatMap((effect) => (['before', 'after'] as const).map((when): [string, 'before' | 'after'] => [effect, when]));

describe('at every boundary', () => {
  test.each(BOUNDARIES)('%s, %s: an attempt that breaks off is gone on with', async (effect, when) => {
    let struck = 0;
    world.fleet.around = async (at, moment) => {
      if (at !== effect || moment !== when || struck > 0) return;
      struck += 1;
      throw new Error('the attempt broke off');
    };
    expect(errorOf(await world.fleet.run(RESHARD))).toEqual(['succeeded', undefined]);
    expect(struck).toBe(1);
    expect(shards()).toEqual(onTargets);
    await expectServed(world);
  });

  test.each(BOUNDARIES)('%s, %s: cancelled, then taken back where that is possible', async (effect, when) => {
    let asked: Promise<OperationHeader> | undefined;
    world.fleet.around = async (at, moment) => {
      if (at !== effect || moment !== when || asked) return;
      const [{ id } = { id: '' }] = (await world.fleet.service.list({ limit: 1 })).operations;
      asked = world.fleet.service.act(id, 'cancel', 'tester');
      await asked;
    };
    const header = await world.fleet.run(RESHARD);
    expect(asked).toBeDefined();
    const deleted = shards().length === 2;
    await expectServed(world);
    if (deleted) {
      // The answer to the cancel came too late: there is no way back, and nothing was lost.
      expect(effect).toBe('vitess.complete/complete');
      return expectServed(world);
    }
    expect(header.state).toBe('cancelled');
    const back = await world.fleet.service.revert(header.id, 'tester').catch((error: unknown) => error as Error & { code?: string });
    if (back instanceof Error) expect(back.code).toBe('LSH_REVERT_NOTHING');
    else expect((await world.fleet.finished(header.id)).state).toBe('reverted');
    expect([served('PRIMARY'), served('REPLICA'), served('RDONLY')]).toEqual([['-'], ['-'], ['-']]);
    expect(world.cluster.workflows.all).toEqual([]);
    await expectServed(world);
  });

  test.each([
    ['ReshardCreate', 'lost-after'],
    ['ReshardCreate', 'lost-before'],
    ['WorkflowSwitchTraffic', 'lost-after'],
    ['WorkflowSwitchTraffic', 'lost-before'],
    ['MoveTablesComplete', 'lost-after'],
    ['MoveTablesComplete', 'lost-before'],
  ] as const)('%s %s: an answer that never comes is looked up', async (method, kind) => {
    const fault = world.vtctld.faults.once(method, { kind });
    expect(errorOf(await world.fleet.run(RESHARD))).toEqual(['succeeded', undefined]);
    expect(fault.hits).toBe(1);
    const asked = world.vtctld.calls.filter((call) => call.method === method).length;
    expect(asked).toBe((method === 'WorkflowSwitchTraffic' ? 2 : 1) + (kind === 'lost-before' ? 1 : 0));
    await expectServed(world);
  });
});

describe('what vtctld does not guard', () => {
  test('rows that differ stop it before anything is switched', async () => {
    world.fleet.around = async (effect, when) => {
      if (effect !== 'vitess.create/create' || when !== 'after') return;
      const target = world.cluster.topology.shard(KEYSPACE, '-80');
      void (async () => {
        while (!world.cluster.workflows.all.every(({ caughtUp }) => caughtUp)) await world.cluster.nextTick();
        const [id = ''] = target.rows('corder').keys();
        target.rows('corder').set(id, 'spoilt');
      })();
    };
    const header = await world.fleet.run(RESHARD);
    expect(errorOf(header)).toEqual(['failed', 'LSH_VITESS_DIFFERS']);
    expect(header.error?.message).toContain('corder at -80 (1 different');
    expect(switches()).toBe(0);
    await world.fleet.service.revert(header.id, 'tester');
    expect((await world.fleet.finished(header.id)).state).toBe('reverted');
    await expectServed(world);
  });

  test('a row that the target has already stops the stream, which clients do not notice; mended, it goes on', async () => {
    world.fleet.around = async (effect, when) => {
      if (effect === 'vitess.create/create' && when === 'after')
        world.cluster.topology.shard(KEYSPACE, '80-').rows(TABLE).set(stray, 'not ours');
    };
    const stray = [...world.cluster.topology.shard(KEYSPACE, '-').rows(TABLE).keys()].find((id) =>
      world.cluster.topology.shard(KEYSPACE, '80-').holds(id),
    )!;
    const { id, error } = await world.fleet.run(RESHARD);
    expect([error?.code, error?.message]).toEqual(['LSH_VITESS_STREAM', expect.stringContaining(`Duplicate entry '${stray}'`)]);
    expect(switches()).toBe(0);
    world.cluster.topology.shard(KEYSPACE, '80-').rows(TABLE).delete(stray);
    await world.fleet.service.retry(id, 'tester');
    const again = await world.fleet.finished(id);
    expect([...errorOf(again), again.error?.message]).toEqual(['succeeded', undefined, undefined]);
    await expectServed(world);
  });

  test('a stream that somebody has stopped is waited for, and nothing is switched to the empty shards', async () => {
    world.fleet.around = async (effect, when) => {
      if (effect === 'vitess.create/create' && when === 'after')
        for (const { streams } of world.cluster.workflows.all) for (const stream of streams) stream.state = 'Stopped';
    };
    const { id } = await world.fleet.service.submit({ ...RESHARD, owner: 'tester' });
    const gate = async (): Promise<string | undefined> =>
      (await world.fleet.service.get(id)).tasks.find((task) => task.gate !== undefined)?.gate?.reason;
    while ((await gate()) === undefined) await world.cluster.nextTick();
    expect(await gate()).toContain('streams of rs are stopped');
    expect(switches()).toBe(0);
    await world.fleet.service.act(id, 'cancel', 'tester');
    expect((await world.fleet.finished(id)).state).toBe('cancelled');
    await expectServed(world);
  });

  test('a vtgate that does not know the targets yet is waited for', async () => {
    world.cluster.settings.gateTicks = 0;
    const { id } = await world.fleet.service.submit({ ...RESHARD, owner: 'tester' });
    await world.fleet.finished(id, ({ counters }) => (counters.retries ?? 0) > 0);
    const told = (await world.fleet.service.events(id, undefined, 0)).filter(({ type }) => type === 'task-retried').map(({ text }) => text);
    expect(told[0]).toContain('gate does not know a serving tablet of customer/-80');
    expect(switches()).toBe(0);
    world.cluster.topology.refreshGate();
    expect(errorOf(await world.fleet.finished(id))).toEqual(['succeeded', undefined]);
    await expectServed(world);
  });
});

describe('a switch of writes', () => {
  test('that fails before its journal is asked for again', async () => {
    world.vtctld.failSwitch('before-journal');
    const header = await world.fleet.run(RESHARD);
    // What fails there is refused in words nobody knows: it is not tried again by itself.
    expect(errorOf(header)).toEqual(['failed', 'LSH_VITESS_REFUSED']);
    await world.writer.reached(world.writer.acknowledged + 5);
    await world.fleet.service.retry(header.id, 'tester');
    expect(errorOf(await world.fleet.finished(header.id))).toEqual(['succeeded', undefined]);
    await expectServed(world);
  });

  test('that stands half-way behind its journal is finished by the same call', async () => {
    world.vtctld.failSwitch('after-journal');
    expect(errorOf(await world.fleet.run(RESHARD))).toEqual(['succeeded', undefined]);
    // Reads, writes, and the writes once more.
    expect(switches()).toBe(3);
    await expectServed(world);
  });

  test('that stands half-way when it is cancelled is finished by the closing of the guard, and can be taken back', async () => {
    for (let time = 0; time < 2; time += 1) world.vtctld.failSwitch('after-journal');
    let attempts = 0;
    world.fleet.around = async (effect, when) => {
      if (effect !== 'vitess.switch-writes/writes' || when !== 'before') return;
      attempts += 1;
      if (attempts === 2) await cancel();
    };
    const { id, state } = await world.fleet.run(RESHARD);
    expect([state, attempts]).toEqual(['cancelled', 2]);
    expect((await world.fleet.service.get(id)).guards.map((guard) => guard.state)).toEqual(['closed']);
    expect(served('PRIMARY')).toEqual(onTargets);
    await expectServed(world);
    await takenBack(id);
  });

  test.each([1, 2])('back that stands half-way (%d times) is finished that way: the other way would change nothing', async (times) => {
    const { id, state } = await world.fleet.run({ ...RESHARD, params: { ...RESHARD.params, complete: false } });
    expect(state).toBe('succeeded');
    for (let time = 0; time < times; time += 1) world.vtctld.failSwitch('after-journal');
    await takenBack(id);
  });

  test('that a dead tablet leaves unanswered: its guard is closed all the same, and with the tablet back it is taken back', async () => {
    const { primary } = world.cluster.topology.shard(KEYSPACE, '-80');
    world.fleet.around = async (effect, when) => {
      if (effect !== 'vitess.switch-writes/writes' || when !== 'before') return;
      // From here vtctld answers nothing about the workflow, neither its state nor a switch.
      Object.assign(primary!, { down: true });
      const before = switches();
      void (async () => {
        while (switches() === before) await world.cluster.nextTick();
        await cancel();
      })();
    };
    const { id, state, attention } = await world.fleet.run(RESHARD);
    expect([state, attention]).toEqual(['cancelled', undefined]);
    expect((await world.fleet.service.get(id)).guards.map((guard) => guard.state)).toEqual(['closed']);
    await world.writer.reached(world.writer.acknowledged + 5);
    Object.assign(primary!, { down: false });
    await takenBack(id);
  });

  test('that lands after its connection was lost and the operation was cancelled is taken back like any other', async () => {
    world.fleet.around = async (effect, when) => {
      if (effect !== 'vitess.switch-writes/writes' || when !== 'before') return;
      const late = world.vtctld.faults.once('WorkflowSwitchTraffic', { kind: 'late', landsAfterMs: 50 });
      void late.struck().then(cancel);
    };
    const { id, state } = await world.fleet.run(RESHARD);
    expect(state).toBe('cancelled');
    while (served('PRIMARY')[0] !== '-80') await world.cluster.nextTick();
    await expectServed(world);
    await takenBack(id);
  });
});

async function cancel(): Promise<void> {
  const [{ id } = { id: '' }] = (await world.fleet.service.list({ limit: 1 })).operations;
  await world.fleet.service.act(id, 'cancel', 'tester');
}

/** Reads and writes are at the source again, with every row, and nothing is left of the workflow. */
async function takenBack(id: string): Promise<void> {
  world.fleet.around = async () => undefined;
  await world.fleet.service.revert(id, 'tester');
  expect((await world.fleet.finished(id)).state).toBe('reverted');
  expect([served('PRIMARY'), served('REPLICA'), served('RDONLY')]).toEqual([['-'], ['-'], ['-']]);
  expect(world.cluster.workflows.all).toEqual([]);
  await expectServed(world);
}

describe('status', () => {
  test('says who serves and what cannot be said, when vtctld tells nothing of the workflow', async () => {
    const { id } = await world.fleet.service.submit({ ...RESHARD, approvals: 'cutover', owner: 'tester' });
    await world.fleet.finished(id, ({ awaits }) => awaits !== undefined);
    const STATUS = { kind: 'vitess.status', params: { cluster: 'vt', keyspace: KEYSPACE } };
    const found = async (): Promise<string[]> => {
      const header = await world.fleet.run(STATUS);
      expect(header.state).toBe('succeeded');
      return (await world.fleet.service.report(header.id)).notes.map(({ level, text }) => `${level}: ${text}`);
    };
    const well = await found();
    expect(well[0]).toBe('info: PRIMARY is served by -');
    expect(well.filter((line) => !line.startsWith('info'))).toEqual([]);
    const details = 'no primary found for shard customer/80-';
    world.vtctld.faults.order('WorkflowStatus', { kind: 'refuse', details });
    const half = await found();
    expect(half).toContainEqual(expect.stringContaining('Reshard rs: customer/- → customer/-80, 80-; Running; its traffic is not known'));
    expect(half).toContainEqual(expect.stringMatching(/^error: read the workflow rs: .*no primary found for shard customer\/80-/));
    world.vtctld.faults.order('GetWorkflows', { kind: 'refuse', details });
    const least = await found();
    expect(least[0]).toBe('info: PRIMARY is served by -');
    expect(least).toContainEqual(expect.stringMatching(/^error: read the workflows of customer: .*no primary/));
  });
});

describe('a person', () => {
  test('is asked before reads, before writes and before the source is deleted', async () => {
    const waits = async (id: string, stage: string): Promise<void> => {
      const header = await world.fleet.finished(id, ({ awaits, endedAt }) => awaits?.stages[0] === stage || endedAt !== undefined);
      expect(header.awaits?.stages).toEqual([stage]);
      await world.fleet.service.approve(id, { by: 'somebody', reason: 'looks well' });
    };
    const { id } = await world.fleet.service.submit({ ...RESHARD, approvals: 'cutover', owner: 'tester' });
    for (const stage of ['switch-reads', 'switch-writes', 'complete']) await waits(id, stage);
    expect((await world.fleet.finished(id)).state).toBe('succeeded');
    await expectServed(world);
  });

  test('has the keyspace for an operation alone', async () => {
    const { id } = await world.fleet.service.submit({ ...RESHARD, approvals: 'every-stage', owner: 'tester' });
    await world.fleet.finished(id, ({ awaits }) => awaits !== undefined);
    expect(errorOf(await world.fleet.run(RESHARD))).toEqual(['failed', LeaseHeld.code]);
  });

  test('sees in the plan what is in the way, and nothing is changed', async () => {
    world.cluster.topology.shard(KEYSPACE, '-80').rows(TABLE).set('7', 'left over');
    world.cluster.topology.keyspace(KEYSPACE).vschema.set('corder', false);
    const params = { ...RESHARD.params, targetShards: ['-80', 'c0-'] };
    const { id } = await world.fleet.service.submit({ ...RESHARD, params, mode: 'plan', owner: 'tester' });
    await world.fleet.finished(id, ({ state }) => state === 'planned');
    const texts = (await world.fleet.service.plan(id)).findings.filter(({ level }) => level === 'error').map(({ text }) => text);
    expect(texts).toEqual([
      'there is no shard customer/c0-; the keyspace has -, -80, 80-',
      'customer/-80 is not empty: orders has rows; a copy would stumble over them',
      '- and -80, c0- do not cover the same key range without gaps',
      'corder has no primary vindex in the vschema of customer',
    ]);
    expect(world.vtctld.calls.filter(({ method }) => /Create|Switch|Delete|Update|Complete/.test(method))).toEqual([]);
  });
});
