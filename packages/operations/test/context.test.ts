/** What a handler sees of its operation, of others, and how it asks and shows. */
import type { OtherOperation } from '@longshore/core';
import { defineKind, defineTask } from '@longshore/core';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Harness } from './engine.ts';
import { harness } from './engine.ts';
import { allows, denies, LEASES, one, sets, stage } from './engine-tasks.ts';

let h: Harness;
afterEach(() => h.stop());

describe('a task sees', () => {
  test('who asked for the operation, and the journal of another task of it', async () => {
    h = harness({ leases: LEASES });
    let seen: unknown;
    h.behaviours.set('reader', async ({ journal, operation }) => {
      seen = [operation.owner, (await journal.entries('a')).map(({ key, before, state }) => [key, before, state]), await journal.entries()];
      return undefined;
    });
    h.world.set('x', 'old');
    h.stages.push(stage('first', [sets('a', 'x', 'new')]), stage('second', [one('reader')]));
    await h.settle(await h.submit());
    expect(seen).toEqual(['tester', [['x', 'old', 'done']], []]);
  });

  test('earlier operations of a kind, with their plan, guards, journal and outputs', async () => {
    h = harness({ leases: LEASES });
    h.stages.push(stage('s', [denies('d', 'x'), allows('al', 'x'), sets('a', 'y', 'new')]));
    const first = await h.submit();
    await h.settle(first);
    h.stages.splice(0, 1, stage('s', [one('reader')]));
    let found: OtherOperation[] = [];
    let named: OtherOperation | undefined;
    h.behaviours.set('reader', async ({ operationsOf, operationOf }) => {
      found = await operationsOf('test.kind', 5);
      named = await operationOf(first);
      expect(await operationOf('op_no')).toBeUndefined();
      expect(await operationsOf('test.none', 5)).toEqual([]);
      return undefined;
    });
    await h.settle(await h.submit());
    expect(found.map(({ id }) => id)).toEqual([first]);
    for (const one of [found[0]!, named!]) {
      expect(one).toMatchObject({ kind: 'test.kind', owner: 'tester', state: 'succeeded', live: false, planData: null });
      expect(one.guards).toMatchObject([{ key: 'x', state: 'closed' }]);
      expect((await one.journal()).map(({ task }) => task)).toEqual(['d', 'al', 'a']);
      expect(await one.resultOf('a')).toEqual({ before: null });
    }
  });
});

describe('a task shows', () => {
  test('tables and numbers over time, until its operation is forgotten', async () => {
    h = harness();
    h.behaviours.set('a', async ({ show, sample, clock }) => {
      await show('shards', [{ shard: '-80', rows: 3 }]);
      await show('shards', [{ shard: '-80', rows: 4 }]);
      await sample('backlog', 10);
      await clock.sleep(2_000);
      await sample('backlog', 4);
      await expect(sample('backlog', Number.NaN)).rejects.toThrow(TypeError);
      await expect(show('shards', 'x'.repeat(300_000))).rejects.toThrow(TypeError);
      return undefined;
    });
    h.stages.push(stage('s', [one('a')]));
    const id = await h.submit();
    await h.settle(id);
    const { exhibits, series } = await h.service.picture(id);
    expect(exhibits).toEqual({ shards: [{ shard: '-80', rows: 4 }] });
    expect(series.backlog?.map(([, value]) => value)).toEqual([10, 4]);
    expect(series.backlog![1]![0] - series.backlog![0]![0]).toBeGreaterThanOrEqual(2_000);
    await expect(h.service.picture('op_no')).rejects.toThrow(/no operation op_no/);
  });
});

describe('a task confirms', () => {
  test('as often as it says, at the latest at the deadline, and tells what it saw instead', async () => {
    h = harness();
    const looks: number[] = [];
    h.behaviours.set('a', async ({ confirm, clock }) => {
      const begun = clock.now();
      const check = async (): Promise<string> => {
        looks.push(clock.now() - begun);
        return `${looks.length} of 9 replicas`;
      };
      await confirm('every replica has it', check, { everyMs: 5_000, deadlineMs: 12_000 });
      return undefined;
    });
    h.stages.push(stage('s', [one('a')], { tolerant: true }));
    const id = await h.submit();
    await h.settle(id, () => looks.length > 4);
    expect(looks.slice(0, 4)).toEqual([0, 5_000, 10_000, 12_000]);
    const { lastError } = (await h.store.load(id))!.tasks.get('a')!;
    expect(lastError?.message).toBe('every replica has it: not so after 12 s (last seen: 4 of 9 replicas)');
    await h.settle(id);
  });
});

describe('a kind that only reads', () => {
  const look = defineTask({
    name: 'test.look',
    role: 'dumper',
    params: z.strictObject({}),
    retry: { attempts: 1, firstPauseMs: 1, maxPauseMs: 1 },
    undo: { none: 'it only reads' },
    run: async () => ({ output: { rows: 3 } }),
  });
  const status = (leases: { target: string; scope: string }[] = [], guard = false) =>
    defineKind({
      name: 'test.status',
      title: 'a status',
      role: 'dumper',
      params: z.strictObject({}),
      tolerant: false,
      reads: true,
      columns: [],
      plan: async () => ({
        summary: [],
        expect: {},
        data: null,
        leases,
        stages: [
          stage('look', [{ id: 'look', task: 'test.look', params: {}, placement: 'role' }], guard ? { guard: { opens: ['g'] } } : {}),
        ],
      }),
      conclude: () => ({ ok: true }),
    });
  const ask = async () => (await h.service.submit({ kind: 'test.status', params: {}, owner: 'tester' })).id;

  test('answers while others work, though only one operation may run at once', async () => {
    h = harness({ settings: { operationsAtOnce: 1 }, system: { name: 'status', kinds: [status()], tasks: [look] } });
    const held = Promise.withResolvers<undefined>();
    h.behaviours.set('a', () => held.promise);
    h.stages.push(stage('s', [one('a')]));
    const working = await h.submit();
    await h.settle(working, () => h.begun.includes('a'));
    const id = await ask();
    expect((await h.settle(id)).state).toBe('succeeded');
    expect((await h.service.done(id)).find(({ id: task }) => task === 'look')?.output).toEqual({ rows: 3 });
    held.resolve(undefined);
    expect((await h.settle(working)).state).toBe('succeeded');
  });

  test.each([
    ['takes a lease', status([{ target: 't', scope: '' }])],
    ['opens a guard', status([], true)],
  ])('may not plan what %s', async (_, kind) => {
    h = harness({ system: { name: 'status', kinds: [kind], tasks: [look] } });
    expect(await h.settle(await ask())).toMatchObject({ state: 'failed', error: { message: expect.stringContaining('only reads') } });
  });
});
