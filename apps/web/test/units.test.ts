import { expect, test } from 'vitest';
import { insideGuard, linesOf, mostTelling } from '../src/operation/tasks.ts';
import { cellsOf, layOut, rulerOf, unitOfTask, windowName, windowsOf } from '../src/pictures/units.ts';
import type { StageSpec, StageState, StoredPlan, TaskView } from '../src/wire.ts';

const HOUR_MS = 3_600_000;
const spec = (count: number, only?: number[]): StageSpec => ({
  name: 'move',
  title: 'move',
  concurrency: 4,
  bulk: { count, params: {}, ...(only ? { only } : {}) },
});
const state = (cursor: number, change: Partial<StageState> = {}): StageState => ({
  name: 'move',
  state: 'running',
  cursor,
  total: 6,
  done: 0,
  failed: 0,
  skipped: 0,
  ...change,
});
const live = (unit: number, task: string, is: TaskView['state'], change: Partial<TaskView> = {}): TaskView => ({
  id: `${task}-${unit}`,
  task,
  unit,
  state: is,
  failures: 0,
  ...change,
});
const plan = (data: StoredPlan['data'], count: number): StoredPlan => ({
  summary: [],
  findings: [],
  stages: [spec(count)],
  fingerprint: null,
  leases: [],
  expect: {},
  data,
  hash: '',
  madeAt: 0,
});

test('a unit is what its live tasks say, done behind the cursor, planned before it', () => {
  const tasks = [
    live(2, 'tsdb.dump-batch', 'running'),
    live(2, 'tsdb.restore-batch', 'waiting'),
    live(3, 'tsdb.restore-batch', 'queued'),
    live(4, 'tsdb.restore-batch', 'gated'),
  ];
  expect(cellsOf(state(5, { failed: 1 }), spec(7), tasks, new Set([1]), false).join('')).toBe('vfdrwpp');
  expect(cellsOf(state(5, { failed: 1 }), spec(7), tasks, new Set([1]), true).join('')).toBe('vfvvvnn');
});

test('a stage of some units only knows them by their own numbers', () => {
  const tasks = [live(9, 'tsdb.restore-batch', 'running')];
  expect(cellsOf(state(2), spec(10, [4, 9, 7]), tasks, new Set(), false).join('')).toBe('vsp');
  expect([unitOfTask('dump-b0000002-r1'), unitOfTask('noop-1-5'), unitOfTask('count')]).toEqual([2, 5, undefined]);
});

test('of windows without an end those that have come due are drawn; what waits for its second reading is in the sink', () => {
  const followed = { ...spec(0), bulk: { count: 0, params: null, endless: { from: 0, everyMs: HOUR_MS } } };
  const tasks = [
    live(1, 'tsdb.follow-reread', 'gated'),
    live(1, 'tsdb.follow-close', 'waiting'),
    live(2, 'tsdb.follow-restore', 'running'),
    live(2, 'tsdb.follow-reread', 'waiting'),
    live(3, 'tsdb.follow-dump', 'running'),
    live(3, 'tsdb.follow-restore', 'waiting'),
  ];
  expect(cellsOf(state(4), followed, tasks, new Set(), false).join('')).toBe('vrsd');
});

test('windows of hours make a row of each day, in line with the hours', () => {
  const startMs = Date.UTC(2026, 2, 1, 22);
  const windows = windowsOf(plan({ startMs, stopMs: startMs + 5 * HOUR_MS, intervalMs: HOUR_MS, metrics: ['a'] }, 5))!;
  const { rows, columns } = layOut(['v', 'v', 'd', 'p', 'p'], windows, undefined);
  expect(columns).toBe(24);
  expect(rows.map(({ label, cells }) => [label, cells.trimStart(), cells.length])).toEqual([
    ['2026-03-01', 'vv', 24],
    ['2026-03-02', 'dpp', 3],
  ]);
  expect(windowName(windows, 2)).toBe('2026-03-02 00:00 to 01:00 UTC');
  expect(rulerOf(windows, 24, false).map(({ text, column }) => `${text}@${column}`)).toEqual([
    '00:00@1',
    '06:00@7',
    '12:00@13',
    '18:00@19',
  ]);
});

test('a hundred thousand units are drawn as cells of many, each as bad as its worst', () => {
  const cells = Array.from({ length: 100_000 }, (_, at) => (at === 70_000 ? ('f' as const) : ('v' as const)));
  const { rows, each } = layOut(cells, undefined, undefined);
  const drawn = rows.map((row) => row.cells).join('');
  expect(drawn.length).toBeLessThanOrEqual(1_440);
  expect(drawn.length * each).toBeGreaterThanOrEqual(100_000);
  expect([...drawn].filter((cell) => cell === 'f')).toHaveLength(1);
});

test('stages between the opening and the ending of a guard lie inside it', () => {
  const stages = [{}, { guard: { opens: ['a', 'b'] } }, {}, { guard: { ends: ['a'] } }, { guard: { ends: ['b'] } }, {}].map(
    (change, at): StageSpec => ({ name: String(at), title: '', concurrency: 1, ...change }),
  );
  expect(insideGuard(stages)).toEqual([false, true, true, true, true, false]);
});

test('of many tasks those that failed, run or wait are named first', () => {
  const tasks = Array.from({ length: 20 }, (_, at) => ({
    id: `t${at}`,
    task: 'counter.noop',
    params: {},
    placement: 'role' as const,
  }));
  const done = new Map([['t3', { id: 't3', task: 'counter.noop', stage: 0, result: 'failed' as const, endedAt: 1 }]]);
  const running = new Map([['t7', live(7, 'counter.noop', 'running')]]);
  const lines = linesOf({ name: 'a', title: '', concurrency: 1, tasks }, running, done);
  expect(mostTelling(lines, 3).map(({ id }) => id)).toEqual(['t3', 't7', 't0']);
});
