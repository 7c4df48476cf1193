import type { OperationHeader } from '@longshore/core';
import type { TaskView } from '@longshore/operations';
import { describe, expect, test } from 'vitest';
import { plainStyle, renderLine } from '../src/text.ts';
import { frame, statusLine } from '../src/watch/frame.ts';
import type { Picture } from '../src/watch/picture.ts';
import { numbersOf } from '../src/watch/picture.ts';
import { Rates } from '../src/watch/rates.ts';

const NOW = Date.UTC(2023, 2, 8, 5, 22, 30);

const stage = (
  name: string,
  state: 'pending' | 'running' | 'done',
  done: number,
  total: number,
  failed = 0,
): OperationHeader['stages'][number] => ({
  name,
  state,
  cursor: done,
  total,
  done,
  failed,
  skipped: 0,
});

const header: OperationHeader = {
  id: 'op_ab12cd34',
  kind: 'tsdb.migrate',
  params: {},
  mode: 'run',
  owner: 'ann',
  createdAt: NOW - 70_000,
  updatedAt: NOW,
  startedAt: NOW - 64_000,
  state: 'running',
  version: 9,
  stage: 1,
  stages: [stage('prove', 'done', 1, 1), stage('move', 'running', 41, 96, 1), stage('count', 'pending', 0, 0)],
  counters: { points: 1_200_000, pointsDumped: 1_400_000, pointsVerified: 1_100_000, bytesSent: 90_000_000, retries: 3 },
  expect: { batches: 96 },
  spools: ['local'],
};

const task = (id: string, more: Partial<TaskView>): TaskView => ({ id, task: 'tsdb.restore', state: 'queued', failures: 0, ...more });
const tasks: TaskView[] = [
  task('restore-b0000041', { state: 'running', worker: 'restorer-a-1', progress: { done: 34_567, total: 40_000, unit: 'points' } }),
  task('dump-b0000044', { task: 'tsdb.dump', state: 'running', worker: 'dumper-a-2' }),
  task('dump-b0000045', {
    task: 'tsdb.dump',
    state: 'gated',
    gate: { gate: 'space', reason: 'the spool local is full (9.9 of 10 GB)', since: NOW - 12_000 },
  }),
  task('dump-b0000046', {
    task: 'tsdb.dump',
    state: 'gated',
    gate: { gate: 'space', reason: 'the spool local is full (9.9 of 10 GB)', since: NOW - 9_000 },
  }),
  task('dump-b0000047', { task: 'tsdb.dump', failures: 1, notBefore: NOW + 4_000, lastError: 'no connection to http://old:4242' }),
];

const picture: Picture = {
  header,
  tasks,
  titles: ['prove that the sink keeps what it takes', 'dump and restore, batch by batch', 'count everything once more'],
  events: [{ id: '1', at: NOW - 5_000, type: 'note', text: 'a batch was\u001b[2J tried again' }],
  numbers: numbersOf({ header, tasks, guards: [] }),
  speeds: { pointsPerSecond: 21_000, bytesPerSecond: 4_200_000, etaMs: 125_000 },
  now: NOW,
  hint: 'Ctrl+C tells how to stop.',
};

const plain = (width = 200): string =>
  frame(picture)
    .map((line) => renderLine(line, width, plainStyle))
    .join('\n');

test('the live view', () => {
  expect(plain()).toBe(
    `
op_ab12cd34 tsdb.migrate: running for 1 min 4 s
  ✓ prove that the sink keeps what it takes  [########################]  1 of 1
  > dump and restore, batch by batch         [##########..............]  42 of 96, 1 failed
  · count everything once more
  1,400,000 points dumped   1,234,567 restored   1,100,000 verified   21,000 points/s   4.2 MB/s   3 retries   about 2 min 5 s left
  waits for 12 s (2 tasks), space: the spool local is full (9.9 of 10 GB)
  at work restore-b0000041, 34,567 of 40,000 points (restorer-a-1)
  at work dump-b0000044 (dumper-a-2)
  again dump-b0000047 in 4 s: no connection to http://old:4242
  05:22:25 a batch was [2J tried again
  Ctrl+C tells how to stop.`.slice(1),
  );
});

test('no line is longer than the terminal is wide, and what is cut is marked', () => {
  for (const width of [20, 40, 79]) {
    const lines = plain(width).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBe(width);
    expect(lines.filter((line) => line.length === width && line.endsWith('…')).length).toBeGreaterThan(0);
  }
});

test('styles do not count as width', () => {
  const styled = renderLine([{ style: 'red', text: 'abcdef' }, 'ghi'], 5, (style, text) => `<${style}>${text}</>`);
  expect(styled).toBe('<red>abcd</>…');
});

test('one line for logs', () => {
  expect(statusLine(picture)).toBe(
    '05:22:30 running for 1 min 4 s, 42 of 96 batches, 1,400,000 points dumped, 1,234,567 restored, 1,100,000 verified, 21,000 points/s, 4.2 MB/s, 3 retries, about 2 min 5 s left, waits: the spool local is full (9.9 of 10 GB)',
  );
});

test.each([
  ['metrics', 5, stage('inspect', 'running', 2, 5), undefined, '2 of 5 metrics'],
  ['metrics', 1, stage('inspect', 'running', 0, 1), undefined, '0 of 1 metric'],
  ['files', 5, stage('inspect', 'running', 0, 1), 3, '3 of 5 files'],
  ['files', 5, stage('inspect', 'done', 1, 1), undefined, '5 of 5 files'],
] as const)('what looks at %s counts those', (unit, expected, one, done, shown) => {
  const looking: OperationHeader = { ...header, kind: 'tsdb.inspect', stage: 0, stages: [one], counters: {}, expect: { [unit]: expected } };
  const at = done === undefined ? [] : [task('inspect', { state: 'running', progress: { done, total: expected, unit } })];
  const numbers = numbersOf({ header: looking, tasks: at, guards: [] });
  expect(statusLine({ ...picture, header: looking, tasks: at, numbers })).toContain(`, ${shown}`);
  expect(statusLine({ ...picture, header: looking, tasks: at, numbers })).not.toContain('batch');
});

test('before the plan, after the end, and while the fleet is silent', () => {
  const fresh: OperationHeader = { ...header, state: 'submitted', stages: [], counters: {}, expect: {} };
  const { startedAt: _started, ...unstarted } = fresh;
  const none = { ...picture, tasks: [], events: [], titles: [], speeds: {}, silentSince: NOW - 3_000 };
  const shown = frame({ ...none, header: unstarted, numbers: numbersOf({ header: unstarted, tasks: [], guards: [] }) });
  expect(shown.map((line) => renderLine(line, 200, plainStyle))).toEqual([
    'op_ab12cd34 tsdb.migrate: being planned, for 1 min 10 s',
    '  the fleet gives no answer since 3 s; trying again',
    '  Ctrl+C tells how to stop.',
  ]);
  const ended: OperationHeader = { ...header, state: 'succeeded', endedAt: NOW - 4_000 };
  expect(statusLine({ ...picture, header: ended, tasks: [] })).toMatch(/^05:22:30 succeeded after 1 min, /);
  const asked: OperationHeader = { ...header, intent: 'drain', intentBy: 'ben' };
  expect(statusLine({ ...picture, header: asked })).toContain('running for 1 min 4 s, drain asked by ben');
});

describe('speeds', () => {
  test('come from the last half minute, and say nothing too early', () => {
    const rates = new Rates();
    expect(rates.add({ at: 0, points: 0, bytes: 0, share: 0 })).toEqual({});
    expect(rates.add({ at: 1_000, points: 900, bytes: 0, share: 0.1 })).toEqual({});
    expect(rates.add({ at: 10_000, points: 10_000, bytes: 50_000, share: 0.5 })).toEqual({
      pointsPerSecond: 1_000,
      bytesPerSecond: 5_000,
      etaMs: 10_000,
    });
    for (let at = 11_000; at <= 60_000; at += 1_000) rates.add({ at, points: 10_000, bytes: 50_000, share: 0.5 });
    expect(rates.add({ at: 61_000, points: 10_000, bytes: 50_000, share: 0.5 })).toEqual({ pointsPerSecond: 0, bytesPerSecond: 0 });
  });
});

test('a guard that is open stands in the live view with the time it has left, and says so when that is over', () => {
  const guard = {
    key: 'deny',
    what: 'writes to hits are denied',
    target: 'old',
    before: null,
    after: null,
    openedAt: NOW - 20_000,
    maxMs: 60_000,
    close: { task: 't', params: null },
    state: 'open' as const,
  };
  const text = (guards: Picture['guards']): string =>
    frame({
      header,
      tasks: [],
      guards: guards!,
      titles: [],
      events: [],
      numbers: numbersOf({ header, tasks: [], guards: [] }),
      speeds: {},
      now: NOW,
    })
      .map((line) => renderLine(line, 120, plainStyle))
      .join('\n');
  expect(text([guard])).toContain('guard writes to hits are denied, on old: 40 s left of 1 min');
  expect(text([{ ...guard, maxMs: 5_000 }])).toContain('over its time by 15 s, it is being ended');
  expect(text([{ ...guard, state: 'closed' }])).not.toContain('guard');
});

test('an operation that expects many of something is counted in that, with the time it has left', () => {
  const moves = (done: number): OperationHeader => ({
    ...header,
    kind: 'openio.rebalance',
    stage: 0,
    stages: [stage('move', 'running', done, 3_000), stage('measure', 'pending', 0, 0)],
    counters: { moves: done },
    expect: { moves: 3_000 },
  });
  const rates = new Rates();
  const sample = (at: number, done: number) =>
    rates.add({ at, points: 0, bytes: 0, share: numbersOf({ header: moves(done), tasks: [], guards: [] }).share });
  sample(0, 1_000);
  const speeds = sample(10_000, 1_100);
  const text = (shown: OperationHeader): string =>
    statusLine({ ...picture, header: shown, tasks: [], numbers: numbersOf({ header: shown, tasks: [], guards: [] }), speeds });
  expect(text(moves(1_100))).toContain('1,100 of 3,000 moves, about 3 min 10 s left');
  // Nothing is counted yet, or nothing can be: the tasks are.
  expect(text({ ...moves(7), counters: {} })).toContain('7 of 3,000 tasks');
  expect(text({ ...moves(0), expect: { moves: 1 }, stages: [stage('move', 'running', 0, 1)] })).toContain('0 of 1 stage,');
});
