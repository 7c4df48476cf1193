/** What an attempt may write while it is the last one, and what it hears. */
import { describe, expect, test } from 'vitest';
import type { StoreBench } from './bench.ts';
import { outcome, record, T0 } from './bench.ts';

export function attemptsContract(on: StoreBench): void {
  describe('an attempt', () => {
    test('is told to go on, what is wanted, and when another has taken over', async () => {
      await on.operation('a', [record('t')]);
      const first = await on.claimed('a', 't');
      expect(await on.store.beat('a', 't', first, T0 + 10, { done: 3, total: 4, unit: 'points' })).toEqual({ state: 'go' });
      expect((await on.store.load('a'))!.attempts.get('t')).toMatchObject({
        seenAt: T0 + 10,
        progress: { done: 3, total: 4, unit: 'points' },
      });
      for (const order of ['pause', 'cancel'] as const) {
        await on.commit('a', {}, { order });
        expect(await on.store.beat('a', 't', first, T0 + 11)).toEqual({ state: 'go', order });
      }
      await on.clear('a', 'order');
      await on.commit('a', {}, { intent: 'drain' });
      expect(await on.store.beat('a', 't', first, T0 + 12)).toEqual({ state: 'go' });
      const second = await on.claimed('a', 't', 1, 'w2');
      expect(await on.store.beat('a', 't', first, T0 + 99, { done: 4, unit: 'points' })).toEqual({ state: 'superseded' });
      expect((await on.store.load('a'))!.attempts.get('t')).toEqual({
        round: 1,
        generation: second,
        worker: 'w2',
        startedAt: T0,
        seenAt: T0,
      });
    });

    test('that closes a guard hears of no order', async () => {
      await on.operation('a', [record('t', { closes: 'g' })]);
      const generation = await on.claimed('a', 't');
      await on.commit('a', {}, { order: 'cancel' });
      expect(await on.store.beat('a', 't', generation, T0 + 1, { done: 1, unit: 'steps' })).toEqual({ state: 'go' });
    });

    test('gives its task back without a gate when its worker stops: the gate it waited for stays', async () => {
      await on.operation('a', [record('t')]);
      const first = await on.claimed('a', 't');
      expect(await on.store.shut('a', 't', first, undefined, {})).toBe(true);
      expect((await on.store.load('a'))!.attempts.get('t')).toEqual({ round: 1, generation: first, worker: 'w', startedAt: T0, seenAt: 0 });
      await on.store.shut('a', 't', first, { gate: 'target', reason: 'busy', since: T0 + 1 }, {});
      await on.store.shut('a', 't', first, undefined, {});
      expect((await on.store.load('a'))!.attempts.get('t')!.gate).toEqual({ gate: 'target', reason: 'busy', since: T0 + 1 });
    });

    test('that was superseded can write nothing', async () => {
      await on.operation('a', [record('t')]);
      const old = await on.claimed('a', 't');
      await on.store.saveCheckpoint('a', 't', old, 'first');
      const now = await on.claimed('a', 't');
      expect(await on.store.saveCheckpoint('a', 't', old, 'zombie')).toBe(false);
      expect(await on.store.shut('a', 't', old, { gate: 'space', reason: 'zombie', since: T0 }, {})).toBe(false);
      expect(await on.store.finish('a', 't', outcome(old))).toBe(false);
      expect(await on.store.loadCheckpoint('a', 't')).toBe('first');
      expect(await on.store.saveCheckpoint('a', 't', now, 'second')).toBe(true);
      expect(await on.store.loadCheckpoint('a', 't')).toBe('second');
      expect(await on.store.finish('a', 't', outcome(now))).toBe(true);
    });

    test('of a dropped task can write nothing', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      await on.commit('a', { drop: ['t'] });
      expect(await on.store.beat('a', 't', generation, T0)).toEqual({ state: 'superseded' });
      expect(await on.store.saveCheckpoint('a', 't', generation, 'x')).toBe(false);
      expect(await on.store.shut('a', 't', generation, { gate: 'space', reason: 'x', since: T0 }, {})).toBe(false);
      expect(await on.store.finish('a', 't', outcome(generation))).toBe(false);
      expect(await on.store.loadCheckpoint('a', 't')).toBeUndefined();
    });

    test('waiting at the same gate keeps since when, at another one not; progress opens it', async () => {
      await on.operation('a', [record('t')]);
      const gate = async () => (await on.store.load('a'))!.attempts.get('t')!.gate;
      const first = await on.claimed('a', 't');
      expect(await on.store.shut('a', 't', first, { gate: 'space', reason: 'full "disk"\n', since: T0 }, {})).toBe(true);
      expect(await gate()).toEqual({ gate: 'space', reason: 'full "disk"\n', since: T0 });
      expect((await on.store.load('a'))!.attempts.get('t')!.seenAt).toBe(0);
      const second = await on.claimed('a', 't');
      expect(await gate()).toMatchObject({ since: T0 });
      await on.store.shut('a', 't', second, { gate: 'space', reason: 'still full', since: T0 + 50 }, {});
      expect(await gate()).toEqual({ gate: 'space', reason: 'still full', since: T0 });
      await on.store.shut('a', 't', second, { gate: 'sink', reason: 'slow', since: T0 + 60 }, {});
      expect(await gate()).toEqual({ gate: 'sink', reason: 'slow', since: T0 + 60 });
      const third = await on.claimed('a', 't');
      await on.store.beat('a', 't', third, T0 + 70);
      expect(await gate()).toBeDefined();
      await on.store.beat('a', 't', third, T0 + 70, { done: 1, unit: 'points' });
      expect(await gate()).toBeUndefined();
      await on.store.shut('a', 't', third, { gate: 'sink', reason: 'slow', since: T0 + 80 }, {});
      expect(await gate()).toMatchObject({ since: T0 + 80 });
    });

    test('finishes only in the round that is wanted', async () => {
      await on.operation('a', [record('t')]);
      const generation = await on.claimed('a', 't');
      expect(await on.store.finish('a', 't', outcome(generation, { round: 2 }))).toBe(false);
      await on.commit('a', { put: [record('t', { round: 2 })] });
      expect(await on.store.finish('a', 't', outcome(generation))).toBe(false);
      expect((await on.store.load('a'))!.outcomes.size).toBe(0);
    });

    test('its outcome is kept as it was given', async () => {
      await on.operation('a', [record('t')]);
      const ended = outcome(await on.claimed('a', 't'), {
        output: { list: [], n: null },
        followers: 'skip',
        tally: { row: { points: 1 } },
        notes: [{ level: 'warning', row: 'm', text: '…' }],
        count: { retries: 2 },
        emit: [{ name: 's', title: 't', concurrency: 1, tasks: [] }],
        error: { code: 'LSH_X', message: 'm', fix: 'f', retryable: false, exitCode: 1 },
      });
      await on.store.finish('a', 't', ended);
      expect((await on.store.load('a'))!.outcomes.get('t')).toEqual(ended);
    });

    test('a task may have any name', async () => {
      const names = ['t:x', '__proto__', 'constructor', 'mit leerzeichen', '😀', 'a\u001fb', 'header', 'o:t', '{tag}', '%d+'];
      await on.operation(
        'a',
        names.map((task) => record(task)),
      );
      for (const task of names) {
        const generation = await on.claimed('a', task);
        expect(await on.store.saveCheckpoint('a', task, generation, task)).toBe(true);
        expect(await on.store.finish('a', task, outcome(generation))).toBe(true);
      }
      const snapshot = (await on.store.load('a'))!;
      expect([...snapshot.tasks.keys()].sort()).toEqual(names.toSorted());
      expect([...snapshot.outcomes.keys()].sort()).toEqual(names.toSorted());
      for (const task of names) expect(await on.store.loadCheckpoint('a', task)).toBe(task);
      await on.commit('a', { drop: names });
      expect((await on.store.load('a'))!.tasks.size).toBe(0);
    });
  });
}
