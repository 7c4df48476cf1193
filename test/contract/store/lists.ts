/** Which operations there are: all, live, and those to be forgotten. */
import type { Store, StoredPlan } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { entry, guard, header, outcome, record, T0 } from './bench.ts';

const plan: StoredPlan = {
  summary: [],
  findings: [],
  stages: [],
  fingerprint: null,
  leases: [],
  expect: {},
  data: null,
  hash: 'h',
  madeAt: T0,
};

export function listsContract(on: StoreBench): void {
  describe('lists', () => {
    async function pages(query: Omit<Parameters<Store['list']>[0], 'limit'>, limit: number): Promise<string[][]> {
      const all: string[][] = [];
      let after: string | undefined;
      do {
        const { operations, next } = await on.store.list({ ...query, limit, ...(after === undefined ? {} : { after }) });
        all.push(operations.map(({ id }) => id));
        after = next;
      } while (after !== undefined);
      return all;
    }

    test('newest first, page by page, without a last empty page', async () => {
      for (let at = 0; at < 6; at += 1) await on.operation(`op${at}`, [], { createdAt: T0 + Math.floor(at / 2) });
      const order = ['op5', 'op4', 'op3', 'op2', 'op1', 'op0'];
      expect(await pages({}, 100)).toEqual([order]);
      expect(await pages({}, 6)).toEqual([order]);
      expect(await pages({}, 3)).toEqual([order.slice(0, 3), order.slice(3)]);
      expect(await pages({}, 4)).toEqual([order.slice(0, 4), order.slice(4)]);
    });

    test('the next page begins where the last one ended, even when that operation has been forgotten meanwhile', async () => {
      for (let at = 0; at < 6; at += 1) await on.operation(`op${at}`, [], { createdAt: T0 + Math.floor(at / 2) });
      const { next } = await on.store.list({ limit: 3 });
      await on.store.remove('op3');
      await on.operation('op9', [], { createdAt: T0 + 9 });
      const { operations } = await on.store.list({ limit: 3, ...(next === undefined ? {} : { after: next }) });
      expect(operations.map(({ id }) => id)).toEqual(['op2', 'op1', 'op0']);
    });

    test('filter by state and kind across many that do not match', async () => {
      const total = 450;
      for (let at = 0; at < total; at += 1) {
        const state = at % 150 === 0 ? 'failed' : 'running';
        await on.operation(`op${String(at).padStart(3, '0')}`, [], { createdAt: T0 + at, state, kind: at < 300 ? 'old' : 'new' });
      }
      expect(await pages({ states: ['failed'] }, 2)).toEqual([['op300', 'op150'], ['op000']]);
      expect(await pages({ states: ['failed', 'succeeded'], kind: 'old' }, 2)).toEqual([['op150', 'op000']]);
      expect(await pages({ states: [] }, 2)).toEqual([[]]);
      expect((await pages({ kind: 'ol.' }, 9)).flat()).toEqual([]);
      expect((await pages({ text: 'OP150' }, 9)).flat()).toEqual(['op150']);
      expect((await pages({ owner: 'nobody' }, 9)).flat()).toEqual([]);
      expect((await pages({ kind: 'new' }, 60)).map((page) => page.length)).toEqual([60, 60, 30]);
      const { operations } = await on.store.list({ states: ['failed'], limit: 1 });
      expect(operations[0]).toEqual(header('op300', { createdAt: T0 + 300, state: 'failed', kind: 'new' }));
    });

    test('live ones are those not final, oldest first; a reverted final one is live again', async () => {
      await on.operation('young', [], { createdAt: T0 + 2 });
      await on.operation('old', [], { createdAt: T0 });
      await on.operation('middle', [], { createdAt: T0 + 1 });
      expect(await on.store.live()).toEqual(['old', 'middle', 'young']);
      await on.commit('middle', {}, { state: 'succeeded' });
      expect(await on.other.live()).toEqual(['old', 'young']);
      await on.commit('old', {}, { state: 'needs-attention' });
      await on.commit('middle', {}, { state: 'reverting' });
      expect(await on.store.live()).toEqual(['old', 'middle', 'young']);
    });

    test('a plan that nobody has started is not live, until somebody starts it or wants it gone', async () => {
      await on.operation('a', [], { mode: 'plan' });
      expect(await on.store.live()).toEqual(['a']);
      await on.commit('a', {}, { state: 'planned' });
      expect(await on.other.live()).toEqual([]);
      await on.commit('a', {}, { intent: 'cancel' });
      expect(await on.other.live()).toEqual(['a']);
      await on.operation('b', [], { state: 'planned', mode: 'plan', createdAt: T0 + 1 });
      await on.commit('b', {}, { mode: 'run' });
      expect(await on.store.live()).toEqual(['a', 'b']);
    });

    test('an operation may be created at rest', async () => {
      await on.operation('a', [], { state: 'planned', mode: 'plan' });
      expect(await on.store.live()).toEqual([]);
      expect(await on.store.expired(T0 + 1, 10, 10)).toEqual(['a']);
    });

    test('to be forgotten are those at rest that are old, or too many; oldest change first, so many at a time', async () => {
      const at = [5, 3, 1, 4, 2];
      for (const minute of at) {
        await on.operation(`op${minute}`, [], { createdAt: T0 + 100 - minute });
        await on.commit(`op${minute}`, {}, { state: 'succeeded', updatedAt: T0 + minute });
      }
      await on.operation('live', [], { updatedAt: 0 });
      expect(await on.store.expired(T0, 5, 10)).toEqual([]);
      expect(await on.store.expired(T0 + 3, 5, 10)).toEqual(['op1', 'op2']);
      expect(await on.store.expired(T0, 2, 10)).toEqual(['op1', 'op2', 'op3']);
      expect(await on.other.expired(T0 + 5, 2, 10)).toEqual(['op1', 'op2', 'op3', 'op4']);
      expect(await on.store.expired(T0 + 9, 2, 2)).toEqual(['op1', 'op2']);
      expect(await on.store.expired(T0 + 9, 0, 0)).toEqual([]);
      expect(await on.store.expired(0, 0, 10)).toEqual(['op1', 'op2', 'op3', 'op4', 'op5']);
      // One that is touched is younger, one that is reverted is live, one that is removed is gone.
      await on.commit('op1', {}, { updatedAt: T0 + 10 });
      await on.commit('op2', {}, { state: 'reverting' });
      await on.store.remove('op3');
      expect(await on.store.expired(T0 + 99, 0, 10)).toEqual(['op4', 'op5', 'op1']);
      expect(await on.store.live()).toEqual(['live', 'op2']);
    });

    test('a removed operation is gone with all it had', async () => {
      await on.operation('a', [record('t'), record('u')]);
      await on.store.finish('a', 't', outcome(await on.claimed('a', 't')));
      const generation = await on.claimed('a', 'u');
      await on.store.saveCheckpoint('a', 'u', generation, 'half');
      await on.store.writeJournal('a', 'u', generation, entry('u', 'k'));
      await on.commit('a', {
        guards: [guard('g')],
        plan,
        tally: [{ m: { points: 1 } }],
        notes: [{ level: 'info', text: 'n' }],
        done: [{ id: 'x', task: 'y', stage: 0, result: 'ok', endedAt: T0 }],
        events: [{ at: T0, type: 'note', text: 'x' }],
      });
      await on.commit('a', {}, { state: 'succeeded' });
      await on.store.remove('a');
      await on.store.remove('a');
      expect(await on.store.load('a')).toBeUndefined();
      expect(await on.store.live()).toEqual([]);
      expect(await on.store.list({ limit: 5 })).toEqual({ operations: [] });
      await on.operation('a');
      expect(await on.store.report('a')).toEqual({ rows: {}, notes: [], notesDropped: 0 });
      expect(await on.store.done('a')).toEqual([]);
      expect(await on.store.plan('a')).toBeUndefined();
      expect(await on.store.journal('a')).toEqual([]);
      expect(await on.store.events('a', undefined, 10, 0)).toEqual([]);
      expect(await on.store.loadCheckpoint('a', 'u')).toBeUndefined();
      expect(await on.store.expired(T0 + 1, 0, 10)).toEqual([]);
      const snapshot = (await on.store.load('a'))!;
      expect(snapshot.tasks.size + snapshot.attempts.size + snapshot.outcomes.size + snapshot.guards.size).toBe(0);
    });
  });
}
