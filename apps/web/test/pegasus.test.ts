import { expect, test } from 'vitest';
import { clockOf, partitionsOf } from '../src/pictures/denial.ts';
import type { GuardRecord } from '../src/wire.ts';

const guard = (change: Partial<GuardRecord> = {}): GuardRecord => ({
  key: 'deny-writes:temp',
  what: 'writes to temp are denied',
  target: 'pegasus:onebox',
  before: null,
  after: 'timeout*write',
  openedAt: 1_000,
  maxMs: 10_000,
  close: { task: 'pegasus.lift-denial', params: {} },
  state: 'open',
  ...change,
});

test('the clock tells what the time of a denial goes to', () => {
  expect(clockOf(guard(), 5_000, 3_000)).toMatchObject({
    phase: expect.stringContaining('spreading'),
    elapsedMs: 2_000,
    spread: 0.2,
    used: 0.2,
  });
  expect(clockOf(guard(), 5_000, 8_000)).toMatchObject({ phase: expect.stringContaining('drains'), spread: 0.4, used: 0.7 });
  const over = clockOf(guard({ state: 'replaced', endedAt: 9_000 }), 5_000, 50_000);
  expect(over).toMatchObject({ phase: expect.stringContaining('at the target'), elapsedMs: 8_000, used: 0.8 });
  expect(clockOf(guard({ state: 'handed-over', endedAt: 9_000 }), 5_000, 31_000)).toMatchObject({ elapsedMs: 30_000, used: 1 });
});

test('an exhibit of another shape is no picture', () => {
  const shown = { exhibits: { partitions: { at: 1, partitions: [[0, 'n', 3, false]] } }, series: {} };
  expect(partitionsOf(shown)?.partitions).toHaveLength(1);
  expect(partitionsOf({ exhibits: { partitions: { at: 1, partitions: [[0, 'n', 'many', false]] } }, series: {} })).toBeUndefined();
  expect(partitionsOf({ exhibits: { partitions: 7 }, series: {} })).toBeUndefined();
  expect(partitionsOf({ exhibits: {}, series: {} })).toBeUndefined();
});
