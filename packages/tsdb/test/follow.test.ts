/** Which windows are read when, what is done again, and up to when a followed source is said to be in the sink. */

import { fc, test } from '@fast-check/vitest';
import type { OperationHeader, StageSpec, StoredPlan, TaskRecord } from '@longshore/core';
import { expect } from 'vitest';
import { follow } from '../src/operations/follow.ts';
import { FollowParams } from '../src/params.ts';
import { closedBy, firstCloseMs, followedWindow, secondReadingAt, windowName } from '../src/plan/follow.ts';

test.prop([fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 1e5 })])(
  'windows and the last one lie end to end, from the start up to the end that was asked for',
  (startMs, intervalMs, runsMs) => {
    const windows = { startMs, intervalMs };
    const finishAt = startMs + runsMs;
    // As the engine counts what had come due (`Bulk.endless`).
    const due = finishAt < firstCloseMs(windows) ? 0 : Math.floor((finishAt - firstCloseMs(windows)) / intervalMs) + 1;
    expect(closedBy(windows, finishAt)).toBe(due);
    let at = startMs;
    for (let unit = 0; unit < Math.min(due, 50); unit += 1) {
      const range = followedWindow(windows, windowName(unit, unit % 3), undefined);
      expect(range.startMs).toBe(at);
      expect(range.stopMs).toBeGreaterThan(at);
      at = range.stopMs;
    }
    const last = followedWindow(windows, windowName('last', 0), finishAt);
    expect(last.startMs).toBe(due === 0 ? startMs : followedWindow(windows, windowName(due - 1, 0), undefined).stopMs);
    expect(last.stopMs).toBe(finishAt);
    expect(finishAt - last.startMs).toBeLessThan(intervalMs);
  },
);

test('a window that was first read after its grace is not read again', () => {
  const range = { startMs: 0, stopMs: 100 };
  expect(secondReadingAt(range, 50, 149)).toBe(150);
  expect(secondReadingAt(range, 50, 150)).toBeUndefined();
});

test('a grace in which more windows would wait than may be live is refused', () => {
  const given = { source: 'http://a', sink: 'http://b', startMs: 0, intervalMs: 60_000 };
  expect(FollowParams.safeParse({ ...given, graceMs: 600_000 }).success).toBe(true);
  expect(FollowParams.safeParse({ ...given, graceMs: 600_001 }).success).toBe(false);
});

const WINDOW_MS = 1_000;
const move: StageSpec = {
  name: 'move',
  title: '',
  concurrency: 32,
  bulk: {
    count: 0,
    params: { source: 'a', sink: 'b', redo: 0, tally: 'all', last: false },
    endless: { from: WINDOW_MS, everyMs: WINDOW_MS },
  },
  upkeep: { task: 'tsdb.settle', params: { from: 'op_x' }, everyMs: 1 },
};
const planOf = (stages: StageSpec[]): StoredPlan => ({
  summary: [],
  findings: [],
  fingerprint: null,
  leases: [],
  expect: {},
  data: {
    startMs: 0,
    stopMs: 1,
    intervalMs: WINDOW_MS,
    metrics: [],
    follow: { graceMs: 0, select: { prefixes: [], match: [], exclude: [] } },
  },
  stages,
  hash: '',
  madeAt: 0,
});
function headerOf(stages: StageSpec[], cursor: number, more: Partial<OperationHeader> = {}, failed = 0): OperationHeader {
  const states = stages.map(({ name }) => ({ name, state: 'running' as const, cursor, total: cursor, done: 0, failed, skipped: 0 }));
  return {
    id: 'op_x',
    kind: 'tsdb.follow',
    params: null,
    mode: 'run',
    owner: 'test',
    createdAt: 0,
    updatedAt: 0,
    state: 'running',
    version: 0,
    stage: 0,
    stages: states,
    counters: {},
    expect: {},
    spools: [],
    ...more,
  };
}
const live = (task: string, unit: number): TaskRecord => ({
  id: `${task}-${unit}`,
  task: `tsdb.follow-${task}`,
  params: null,
  placement: 'spool',
  stage: 0,
  role: 'dumper',
  queue: 'dump.a',
  state: 'queued',
  round: 1,
  failures: 0,
  unit,
});

test('it has come as far as the first window that is not in the sink; those that wait to be read again are', () => {
  const plan = planOf([move]);
  const tasks = [live('reread', 2), live('close', 2), live('restore', 4), live('dump', 5)];
  expect(follow.reached!(plan, headerOf([move], 6), tasks)).toBe(4 * WINDOW_MS);
  expect(follow.reached!(plan, headerOf([move], 6), tasks.slice(0, 2))).toBe(6 * WINDOW_MS);
});

test('it stands still once a window has failed', () => {
  expect(follow.reached!(planOf([move]), headerOf([move], 9, { reachedAt: 3 * WINDOW_MS }, 1), [])).toBe(3 * WINDOW_MS);
});

test('windows of a lost spool are done again by their numbers, counted once, and not said to be there before that', () => {
  const again = follow.redo!(planOf([move]), move, [3, 5], true);
  expect(again.bulk).toMatchObject({ only: [3, 5] });
  expect(again.bulk?.endless).toBeUndefined();
  const plan = planOf([move, again]);
  const tasks = follow.expand!(plan, again, 3);
  expect(tasks.map(({ id }) => id)).toEqual(['dump', 'restore', 'reread', 'close'].map((step) => `${step}-b0000003-r101`));
  expect(tasks.at(-1)!.params).toMatchObject({ tally: 'all' });
  expect(follow.reached!(plan, headerOf([move, again], 9), [])).toBe(3 * WINDOW_MS);
});
