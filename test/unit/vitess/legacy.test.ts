/** The automation of old on a cluster that is written to meanwhile: the original's steps, and what it did not have. */
import type { LegacyStandIn, Writer } from '@longshore/sandbox';
import { Cluster, keepWriting, startLegacy } from '@longshore/sandbox';
import { vitess } from '@longshore/vitess';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VitessFleet } from './fleet.ts';
import { startVitessFleet } from './fleet.ts';
import { errorOf, expectServed } from './world.ts';

let cluster: Cluster;
let legacy: LegacyStandIn;
let fleet: VitessFleet;
let writer: Writer;

beforeEach(async () => {
  cluster = new Cluster({
    keyspaces: {
      ks: { shards: ['0'], targets: ['-80', '80-'], tables: { t1: 60 } },
      src: { shards: ['0'], sharded: false, tables: { moving: 40, staying: 5 } },
      dst: { shards: ['0'], sharded: false, servedFrom: 'src' },
    },
  });
  legacy = await startLegacy(cluster);
  const quick = { ...vitess, kinds: vitess.kinds.map((kind) => (kind.actionMs === undefined ? kind : { ...kind, actionMs: 300 })) };
  fleet = await startVitessFleet({ system: quick, targets: { d: legacy.address, w: legacy.address } });
});
afterEach(async () => {
  await writer.stop();
  await fleet[Symbol.asyncDispose]();
  await legacy.close();
  cluster[Symbol.dispose]();
});

const HORIZONTAL = {
  kind: 'vitess.horizontal-resharding',
  params: { keyspace: 'ks', source_shard_list: '0', dest_shard_list: '-80,80-', vtctld_endpoint: 'd', vtworker_endpoint: 'w' },
};
const served = (type: 'PRIMARY' | 'REPLICA' | 'RDONLY'): string[] => cluster.topology.keyspace('ks').served.get(type)?.toSorted() ?? [];
const names = (): string[] => legacy.asked.map(({ args }) => args[0]!).filter((name) => !/^(Get|Find|Reset)/.test(name));

describe('a horizontal resharding', () => {
  beforeEach(() => {
    writer = keepWriting(cluster, 'ks', 't1');
  });

  test('ends with every row at the destination', async () => {
    expect(errorOf(await fleet.run(HORIZONTAL))).toEqual(['succeeded', undefined]);
    expect(names()).toEqual([
      ...['CopySchemaShard', 'CopySchemaShard', 'SplitClone', 'WaitForFilteredReplication', 'WaitForFilteredReplication'],
      ...['SplitDiff', 'SplitDiff', 'MigrateServedTypes', 'MigrateServedTypes', 'MigrateServedTypes'],
    ]);
    expect([served('PRIMARY'), served('REPLICA'), served('RDONLY')]).toEqual([
      ['-80', '80-'],
      ['-80', '80-'],
      ['-80', '80-'],
    ]);
    await expectServed({ writer });
  });

  test.each([['rdonly'], ['replica'], ['master']])(
    'an answer to the migration of %s that never comes is looked up, not asked for twice',
    async (type) => {
      fleet.around = async (effect, when) => {
        if (
          effect === 'vitess.MigrateServedTypesTask/command' &&
          when === 'before' &&
          legacy.asked.filter(({ args }) => args[0] === 'MigrateServedTypes').length === TYPES.indexOf(type)
        )
          legacy.loseAnswer('MigrateServedTypes');
      };
      const TYPES = ['rdonly', 'replica', 'master'];
      expect(errorOf(await fleet.run(HORIZONTAL))).toEqual(['succeeded', undefined]);
      expect(names().filter((name) => name === 'MigrateServedTypes')).toHaveLength(3);
      await expectServed({ writer });
    },
  );

  test.each([
    ['SplitClone', ['0'], ['0']],
    ['SplitDiff', ['0'], ['0']],
    ['MigrateServedTypes', ['0'], ['0']],
  ])('one that fails at %s leaves clients where they are; it is tried again, and taken back before', async (command, reads, writes) => {
    legacy.refuse(command, 'not today');
    const header = await fleet.run(HORIZONTAL);
    expect(header.error).toMatchObject({ code: 'LSH_VITESS_REMOTE', message: expect.stringContaining('desc = not today') });
    expect([served('REPLICA'), served('PRIMARY')]).toEqual([reads, writes]);
    await fleet.service.retry(header.id, 'tester');
    expect(errorOf(await fleet.finished(header.id))).toEqual(['succeeded', undefined]);
    await expect(fleet.service.revert(header.id, 'tester')).rejects.toMatchObject({ code: 'LSH_REVERT_FINAL' });
    await expectServed({ writer });
  });

  test('reads that were moved are moved back', async () => {
    fleet.around = async (effect, when) => {
      if (effect !== 'vitess.MigrateServedTypesTask/command' || when !== 'before' || served('REPLICA')[0] === '0') return;
      legacy.refuse('MigrateServedTypes', 'not the master');
    };
    const header = await fleet.run(HORIZONTAL);
    expect([header.state, served('REPLICA'), served('PRIMARY')]).toEqual(['failed', ['-80', '80-'], ['0']]);
    await expectServed({ writer });
    fleet.around = async () => undefined;
    await fleet.service.revert(header.id, 'tester');
    expect((await fleet.finished(header.id)).state).toBe('reverted');
    expect([served('REPLICA'), served('RDONLY')]).toEqual([['0'], ['0']]);
    expect(cluster.workflows.all).toEqual([]);
    await expectServed({ writer });
  });

  test('with a canary, a person looks between the first shard of a phase and the rest', async () => {
    const params = { ...HORIZONTAL.params, canary: true };
    const { id } = await fleet.service.submit({ kind: HORIZONTAL.kind, params, approvals: 'every-stage', owner: 'tester' });
    const asked: string[] = [];
    for (;;) {
      const { awaits, endedAt } = await fleet.finished(
        id,
        (header) => header.endedAt !== undefined || (header.awaits !== undefined && header.awaits.stages[0] !== asked.at(-1)),
      );
      if (endedAt !== undefined || !awaits) break;
      asked.push(awaits.stages[0]!);
      await fleet.service.approve(id, { by: 'somebody', reason: 'looks well' });
    }
    expect(asked.slice(0, 4)).toEqual(['copy-schema-first', 'copy-schema-rest', 'clone', 'wait-for-filtered-replication-first']);
    expect((await fleet.finished(id)).state).toBe('succeeded');
    await expectServed({ writer });
  });

  test('waits for a vtworker that is at work for somebody else', async () => {
    legacy.refuse('SplitClone', 'A worker job is already in progress: SplitClone');
    const { id } = await fleet.service.submit({ ...HORIZONTAL, owner: 'tester' });
    await fleet.finished(id, () => names().includes('SplitClone'));
    const gated = async (): Promise<string | undefined> =>
      (await fleet.service.get(id)).tasks.find(({ gate }) => gate !== undefined)?.gate?.reason;
    while ((await gated()) === undefined) await cluster.nextTick();
    expect(await gated()).toContain('w runs another command');
    await fleet.service.act(id, 'cancel', 'tester');
    expect((await fleet.finished(id)).state).toBe('cancelled');
    await expectServed({ writer });
  });

  test('what is missing is said before anything is sent', async () => {
    const params = { ...HORIZONTAL.params, dest_shard_list: '-80,c0-' };
    const header = await fleet.run({ ...HORIZONTAL, params });
    expect(header.error?.message).toContain('there is no shard ks/c0-');
    expect(names()).toEqual([]);
    await expectServed({ writer });
  });
});

const VERTICAL = {
  kind: 'vitess.vertical-split',
  params: {
    source_keyspace: 'src',
    dest_keyspace: 'dst',
    shard_list: '0',
    tables: 'moving',
    vtctld_endpoint: 'd',
    vtworker_endpoint: 'w',
  },
};

describe('a vertical split', () => {
  beforeEach(() => {
    writer = keepWriting(cluster, 'dst', 'moving');
  });

  test('ends with its tables at the destination', async () => {
    expect(errorOf(await fleet.run(VERTICAL))).toEqual(['succeeded', undefined]);
    expect(cluster.topology.route('dst', 'moving', '1', 'PRIMARY').keyspace).toBe('dst');
    await expectServed({ writer });
  });

  test.each(['rdonly', 'replica', 'master'])(
    'a migration of %s that lands after its connection was lost and it was looked up is seen when the next is refused',
    async (type) => {
      const moves = (): string[][] => legacy.asked.map(({ args }) => args).filter(([name]) => name === 'MigrateServedFrom');
      let delayed: ReturnType<LegacyStandIn['delay']> | undefined;
      fleet.around = async (effect, when) => {
        if (effect !== 'vitess.MigrateServedFromTask/command' || when !== 'before') return;
        // Once it was looked up that it has not taken effect, it does.
        if (delayed) await delayed.land();
        else if (moves().length === ['rdonly', 'replica', 'master'].indexOf(type)) delayed = legacy.delay('MigrateServedFrom');
        if (moves().at(-1)?.at(-1) === type) delayed = undefined;
      };
      const header = await fleet.run(VERTICAL);
      expect([...errorOf(header), header.error?.message]).toEqual(['succeeded', undefined, undefined]);
      expect(moves().filter((args) => args.at(-1) === type)).toHaveLength(2);
      await expectServed({ writer });
    },
  );

  test('whose destination does not catch up in time fails, and no client is left without an answer', async () => {
    const waited: string[] = [];
    legacy.at = async (step) => {
      if (step === 'MigrateServedFrom dst/0 master: updating keyspace' && waited.length === 0) {
        // The streams stand still while vtctld waits, which it does not do for ever.
        Object.assign(cluster.settings, { changesPerTick: 0, filteredWaitMs: 0 });
        await writer.reached(writer.acknowledged + 2);
      } else if (step.startsWith('MigrateServedFrom dst/0 master: waiting for')) {
        if (waited.length > 0) Object.assign(cluster.settings, { changesPerTick: 50, filteredWaitMs: 30_000 });
        waited.push(step);
      }
    };
    const header = await fleet.run(VERTICAL);
    expect(header.error?.message).toContain('timed out waiting for filtered replication');
    // vtctld leaves the tables refused at the source then; asked again by the closing of the guard, it goes on.
    expect(waited).toHaveLength(2);
    expect((await fleet.service.get(header.id)).guards.map(({ state }) => state)).toEqual(['closed', 'closed', 'closed']);
    await expectServed({ writer });
    await fleet.service.retry(header.id, 'tester');
    expect(errorOf(await fleet.finished(header.id))).toEqual(['succeeded', undefined]);
    await expectServed({ writer });
  });
});
