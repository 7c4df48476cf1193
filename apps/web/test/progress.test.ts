import { expect, test } from 'vitest';
import { curve, endedPerSecond, progressOf, secondsOver, speedOf } from '../src/progress.ts';
import type { OperationHeader, StageSpec, StageState, TaskView } from '../src/wire.ts';

const stage = (name: string, change: Partial<StageState>): StageState => ({
  name,
  state: 'pending',
  cursor: 0,
  total: 0,
  done: 0,
  failed: 0,
  skipped: 0,
  ...change,
});
const header = (change: Partial<OperationHeader>): OperationHeader => ({
  id: 'op_a',
  kind: 'counter.move',
  params: {},
  mode: 'run',
  owner: 'a',
  createdAt: 0,
  updatedAt: 0,
  state: 'running',
  version: 1,
  stage: 0,
  stages: [],
  counters: {},
  expect: {},
  spools: [],
  ...change,
});

test('of time series the largest stage counts, and points of attempts that still run', () => {
  const tasks: TaskView[] = [
    { id: 'restore-b1', task: 'tsdb.restore-batch', state: 'running', failures: 0, progress: { done: 5, unit: 'points' } },
  ];
  const found = progressOf(
    header({
      kind: 'tsdb.migrate',
      expect: { batches: 10 },
      counters: { points: 100, pointsDumped: 200 },
      stages: [stage('prove', { state: 'done', total: 1, done: 1 }), stage('move', { state: 'running', total: 10, done: 4, failed: 1 })],
    }),
    tasks,
  );
  expect(found).toMatchObject({ done: 4, failed: 1, total: 10, unit: 'batches', share: 0.5, dumped: 200, restored: 105 });
});

test('what is looked at is counted in what the plan counts it in', () => {
  const looking = (expected: Record<string, number>, total: number, done: number) =>
    header({ kind: 'tsdb.inspect', expect: expected, stages: [stage('inspect', { state: 'running', total, done })] });
  expect(progressOf(looking({ metrics: 5 }, 5, 2))).toMatchObject({ done: 2, total: 5, unit: 'metrics' });
  const tasks: TaskView[] = [
    { id: 'inspect', task: 'tsdb.inspect-folder', state: 'running', failures: 0, progress: { done: 3, total: 5, unit: 'files' } },
  ];
  expect(progressOf(looking({ files: 5 }, 1, 0), tasks)).toMatchObject({ done: 3, total: 5, unit: 'files' });
  expect(progressOf(looking({ files: 5 }, 1, 1))).toMatchObject({ done: 5, total: 5, unit: 'files' });
});

test('stages that have not begun are known from the plan, and without it only weigh as stages', () => {
  const two = header({ stages: [stage('a', { state: 'done', total: 2, done: 2 }), stage('b', {})] });
  const task = { id: 'b', task: 'counter.noop', params: {}, placement: 'role' as const };
  const plan: StageSpec[] = [
    { name: 'a', title: 'a', concurrency: 1, tasks: [task, task] },
    { name: 'b', title: 'b', concurrency: 1, tasks: [task, task] },
  ];
  expect(progressOf(two, [], plan)).toMatchObject({ done: 2, total: 4, share: 0.5 });
  expect(progressOf(two)).toMatchObject({ done: 2, total: 2, share: 0.5 });
  expect(progressOf({ ...two, state: 'succeeded' }).share).toBe(1);
});

test('speed and time left are taken over the last while only', () => {
  const samples = [0, 10, 20, 40, 50].map((second) => ({ at: second * 1_000, values: [second * 100], share: second / 100 }));
  expect(speedOf(samples, 30_000)).toEqual({ perSecond: [100], leftMs: 50_000 });
  expect(speedOf(samples.slice(0, 1))).toEqual({});
  expect(curve(samples, 5_000)).toEqual([
    [10, 20, 40, 50],
    [100, 100, 100, 100],
  ]);
});

test('what ended is counted in equal spans, without the one that is not full', () => {
  expect(endedPerSecond([0, 100, 200, 2_500, 3_900], 4, 4_000)).toEqual([
    [0.5, 1.5, 2.5, 3.5],
    [3, 0, 1, 1],
  ]);
  expect(endedPerSecond([5], 4, 10)).toEqual([[], []]);
});

test('how long tasks take, moment by moment, is the middle one of each; moments without any are left out', () => {
  const ended = (endedAt: number, ms: number): { startedAt: number; endedAt: number } => ({ startedAt: endedAt - ms, endedAt });
  expect(secondsOver([ended(1_000, 500)], 10)).toEqual([[], []]);
  const [at, seconds] = secondsOver([ended(10_000, 1_000), ended(10_100, 3_000), ended(10_200, 2_000), ended(20_000, 500)], 10);
  expect(at).toEqual([10.5, 20.5]);
  expect(seconds).toEqual([2, 0.5]);
});
