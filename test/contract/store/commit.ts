/** Compare-and-set: one decision, whole or not at all. */
import type { DoneRecord } from '@longshore/core';
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { guard, header, outcome, record, T0 } from './bench.ts';

export function commitContract(on: StoreBench): void {
  describe('commit', () => {
    test('of two racing ones exactly one wins, and nothing of the loser is there', async () => {
      await on.operation('a');
      const read = (await on.store.header('a'))!;
      const rivals = Array.from({ length: 6 }, (_, at) => String(at));
      const won = await Promise.all(
        rivals.map((rival, at) =>
          (at % 2 ? on.store : on.other).commit('a', {
            header: { ...read, owner: rival },
            put: [record(`t${rival}`)],
            guards: [guard(rival)],
            done: [{ id: rival, task: 'x', stage: 0, result: 'ok', endedAt: T0 }],
            tally: [{ row: { column: 1 } }],
            notes: [{ level: 'info', text: rival }],
            events: [{ at: T0, type: 'note', text: rival }],
          }),
        ),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      const winner = rivals[won.indexOf(true)]!;
      const snapshot = (await on.store.load('a'))!;
      expect(snapshot.header).toEqual(header('a', { owner: winner, version: 1 }));
      expect([...snapshot.tasks.keys()]).toEqual([`t${winner}`]);
      expect([...snapshot.guards.keys()]).toEqual([winner]);
      expect((await on.store.done('a')).map(({ id }) => id)).toEqual([winner]);
      expect(await on.store.report('a')).toEqual({
        rows: { row: { column: 1 } },
        notes: [{ level: 'info', text: winner }],
        notesDropped: 0,
      });
      expect((await on.store.events('a', undefined, 10, 0)).map(({ text }) => text)).toEqual([winner]);
    });

    test('keeps every value as it was given: empty lists, null, unicode, numbers', async () => {
      const plan = {
        summary: ['ein „Plan“', ''],
        findings: [],
        stages: [{ name: 's', title: 't', concurrency: 1, tasks: [] }],
        fingerprint: null,
        leases: [],
        expect: { points: 9_007_199_254_740_991, half: 0.1 },
        data: { empty: [], deep: [[[]]], nul: null, text: '\u0000\u001f😀__proto__' },
        hash: 'h',
        madeAt: T0,
      };
      const done: DoneRecord = { id: 'x', task: 'y', stage: 1, result: 'ok', endedAt: T0, output: { list: [], n: 1e-7 } };
      await on.operation('a');
      await on.commit('a', { put: [record('t', { params: plan.data })], plan, done: [done] });
      expect(await on.store.plan('a')).toEqual(plan);
      expect(await on.store.done('a')).toEqual([done]);
      expect((await on.store.load('a'))!.tasks.get('t')).toEqual(record('t', { params: plan.data }));
    });

    test('a done record written again replaces the first', async () => {
      await on.operation('a');
      await on.commit('a', { done: [{ id: 'x', task: 'y', stage: 1, result: 'failed', endedAt: T0 }] });
      await on.commit('a', { done: [{ id: 'x', task: 'y', stage: 1, result: 'ok', endedAt: T0 + 1 }] });
      expect(await on.store.done('a')).toEqual([{ id: 'x', task: 'y', stage: 1, result: 'ok', endedAt: T0 + 1 }]);
      expect(await on.store.done('a', 'x')).toEqual(await on.store.done('a'));
      expect(await on.store.done('a', 'y')).toEqual([]);
    });

    test('a dropped task loses its record, attempt, outcome, checkpoint and gate, and another nothing', async () => {
      await on.operation('a', [record('t'), record('keep')]);
      for (const task of ['t', 'keep']) {
        const generation = await on.claimed('a', task);
        await on.store.beat('a', task, generation, T0 + 5, { done: 1, unit: 'points' });
        await on.store.saveCheckpoint('a', task, generation, `checkpoint of ${task}`);
        await on.store.shut('a', task, generation, { gate: 'space', reason: 'full', since: T0 }, {});
        expect(await on.store.finish('a', task, outcome(generation))).toBe(true);
      }
      await on.commit('a', { drop: ['t', 'never there'] });
      const snapshot = (await on.store.load('a'))!;
      for (const map of [snapshot.tasks, snapshot.attempts, snapshot.outcomes]) expect([...map.keys()]).toEqual(['keep']);
      expect(await on.store.loadCheckpoint('a', 't')).toBeUndefined();
      expect(await on.store.loadCheckpoint('a', 'keep')).toBe('checkpoint of keep');
      // Made anew, it knows nothing of its earlier life.
      await on.commit('a', { put: [record('t')] });
      const again = await on.store.claim('a', 't', 1, 'w', T0);
      expect(again).toMatchObject({ claim: 'yours', generation: 3 });
      expect((await on.store.load('a'))!.attempts.get('t')).toEqual({ round: 1, generation: 3, worker: 'w', startedAt: T0, seenAt: T0 });
    });

    test('a task dropped and put in one change is a new one', async () => {
      await on.operation('a', [record('t', { params: 'old' })]);
      const generation = await on.claimed('a', 't');
      await on.store.saveCheckpoint('a', 't', generation, 'old');
      await on.store.finish('a', 't', outcome(generation));
      await on.commit('a', { drop: ['t'], put: [record('t', { params: 'new' })] });
      const snapshot = (await on.store.load('a'))!;
      expect(snapshot.tasks.get('t')).toEqual(record('t', { params: 'new' }));
      expect(snapshot.attempts.size + snapshot.outcomes.size).toBe(0);
      expect(await on.store.loadCheckpoint('a', 't')).toBeUndefined();
      expect(await on.store.finish('a', 't', outcome(generation))).toBe(false);
    });

    test('a task put again for another round keeps its checkpoint and gate', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      await on.store.saveCheckpoint('a', 't', generation, 'half');
      await on.store.shut('a', 't', generation, { gate: 'sink', reason: 'slow', since: T0 }, {});
      await on.commit('a', { put: [record('t', { round: 2, failures: 1 })] });
      expect(await on.store.loadCheckpoint('a', 't')).toBe('half');
      expect((await on.store.load('a'))!.attempts.get('t')!.gate).toEqual({ gate: 'sink', reason: 'slow', since: T0 });
    });

    test('a task put for another round forgets what was lost and carried, one put again for the same does not', async () => {
      await on.operation('a', [record('t'), record('u')]);
      for (const task of ['t', 'u']) {
        await on.claimed('a', task);
        await on.store.shut('a', task, await on.claimed('a', task), undefined, { points: 3 });
      }
      await on.commit('a', { put: [record('t', { failures: 1 }), record('u', { round: 2 })] });
      expect(await on.store.claim('a', 't', 1, 'w', T0)).toMatchObject({ deaths: 1, carried: { points: 3 } });
      expect(await on.store.claim('a', 'u', 2, 'w', T0)).toMatchObject({ deaths: 0, carried: {} });
    });

    test('a task dropped and put for the same round knows nothing of what was lost and carried', async () => {
      await on.operation('a', [record('t')]);
      await on.claimed('a', 't');
      await on.store.shut('a', 't', await on.claimed('a', 't'), undefined, { points: 3 });
      await on.commit('a', { drop: ['t'], put: [record('t')] });
      expect(await on.store.claim('a', 't', 1, 'w', T0)).toMatchObject({ deaths: 0, carried: {} });
    });

    test('guards are written as they are given, and the others stay', async () => {
      await on.operation('a');
      await on.commit('a', { guards: [guard('one'), guard('two')] });
      const taken = guard('one', { state: 'handed-over', endedAt: T0 + 5, by: 'somebody' });
      await on.commit('a', { guards: [taken] });
      expect(Object.fromEntries((await on.store.load('a'))!.guards)).toEqual({ one: taken, two: guard('two') });
      expect(await on.store.commit('a', { header: header('a'), guards: [guard('three')] })).toBe(false);
      expect((await on.store.load('a'))!.guards.size).toBe(2);
    });

    test('takes a large change whole', async () => {
      await on.operation('a');
      const many = Array.from({ length: 3_000 }, (_, at) => at);
      await on.commit('a', {
        put: many.map((at) => record(`t${at}`)),
        tally: many.map((at) => ({ [`row${at}`]: { points: at } })),
        events: many.map((at) => ({ at: T0, type: 'note', text: String(at) })),
      });
      expect((await on.store.load('a'))!.tasks.size).toBe(3_000);
      expect((await on.store.report('a')).rows.row2999).toEqual({ points: 2_999 });
      await on.commit('a', { drop: many.map((at) => `t${at}`) });
      expect((await on.store.load('a'))!.tasks.size).toBe(0);
    });
  });
}
