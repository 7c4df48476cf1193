/** Several schedulers at once: whoever hears the ring decides, on what lies in the store and not on what it remembers. */
import { afterEach, expect, test } from 'vitest';
import { advance } from '../src/index.ts';
import type { Harness } from './engine.ts';
import { Flaky, harness } from './engine.ts';
import { allows, denies, LEASES, one, stage } from './engine-tasks.ts';

let h: Harness;
afterEach(() => h.stop());

test('one that remembers the plan of before takes up the one that another has made of it', async () => {
  let turn: 'a' | 'b' = 'a';
  let others: Harness['store'] | undefined;
  h = harness({
    leases: LEASES,
    sweeps: false,
    advance: (engine, id) => {
      // Another process: it remembers for itself.
      others ??= { ...engine.store };
      return advance(turn === 'a' ? engine : { ...engine, store: others }, id);
    },
  });
  h.stages.push(
    stage('deny', [denies('deny', 'k')], { guard: { opens: ['k'] } }),
    stage('find', [one('find')]),
    stage('allow', [allows('allow', 'k')], { guard: { ends: ['k'] } }),
  );
  let found = stage('first', [one('x')]);
  h.behaviours.set('find', async ({ emit }) => {
    emit([found]);
    return undefined;
  });
  h.behaviours.set('x', async () => {
    turn = 'b';
    throw Flaky(false);
  });
  const id = await h.submit();
  expect((await h.settle(id)).state).toBe('failed');
  // Run again inside its guard, it finds something else.
  found = stage('second', [one('y'), one('z')]);
  h.behaviours.set('y', async () => {
    turn = 'a';
    return undefined;
  });
  await h.service.retry(id, 'anna');
  const header = await h.settle(id);
  expect(header.state).toBe('succeeded');
  expect(header.stages.map(({ name }) => name)).toEqual(['deny', 'find', 'second', 'allow']);
  expect(h.begun.slice(-4)).toEqual(['find', 'y', 'z', 'allow']);
});

test('any number of them, asked at once, do everything once', async () => {
  h = harness({
    leases: LEASES,
    advance: async (engine, id) => {
      await Promise.all([0, 1, 2].map(() => advance({ ...engine, store: { ...engine.store } }, id)));
    },
  });
  for (const name of ['a', 'b', 'c'])
    h.behaviours.set(name, async ({ tally, count }) => {
      tally('m', 'points', 1);
      count('points', 1);
      return undefined;
    });
  h.stages.push(stage('s', [one('a'), one('b'), one('c', 'a')], { concurrency: 2 }), stage('t', [one('d')]));
  const id = await h.submit();
  const header = await h.settle(id);
  expect(header).toMatchObject({ state: 'succeeded', counters: { points: 3 } });
  expect(h.begun.toSorted()).toEqual(['a', 'b', 'c', 'd']);
  expect((await h.service.report(id)).totals).toEqual({ points: 3 });
});
