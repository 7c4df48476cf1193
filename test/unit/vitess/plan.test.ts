/** What is decided without asking anybody: pressure, readiness, comparisons, key ranges. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { diffState } from '../../../packages/vitess/src/plan/diff-result.ts';
import { nextRatio } from '../../../packages/vitess/src/plan/pressure.ts';
import { covered } from '../../../packages/vitess/src/plan/reshard.ts';

describe('pressure', () => {
  property.prop([fc.double({ min: 0, max: 0.95, noNaN: true }), fc.double({ min: 0, max: 1_000, noNaN: true })])(
    'stays within bounds, rises only above the limit and falls only well below it',
    (ratio, value) => {
      const next = nextRatio(ratio, { value, limit: 5 });
      expect(next).toBeGreaterThanOrEqual(0);
      expect(next).toBeLessThanOrEqual(0.95);
      if (next > ratio + 0.01) expect(value).toBeGreaterThan(5);
      if (next < ratio - 0.01) expect(value).toBeLessThanOrEqual(2.5);
    },
  );

  test('halves what is left at once, and gives back a tenth at a time until nothing is refused', () => {
    expect(nextRatio(0, { value: 6, limit: 5 })).toBe(0.5);
    expect(nextRatio(0.5, { value: 6, limit: 5 })).toBe(0.75);
    let ratio = 0.95;
    for (let step = 0; step < 10; step += 1) ratio = nextRatio(ratio, { value: 0, limit: 5 });
    expect(ratio).toBe(0);
  });
});

describe('shards', () => {
  test.each<[string[], boolean]>([
    [['-80', '80-'], true],
    [['80-', '-40', '40-80'], true],
    [['-'], true],
    [['-80', '90-'], false],
    [['-80', '40-'], false],
  ])('%j cover a range without gaps: %s', (shards, whole) => {
    expect(covered(shards) !== undefined).toBe(whole);
  });
});

describe('a comparison', () => {
  const row = (own: Record<string, string>) => ({
    vdiff_state: 'completed',
    table_name: 't',
    has_mismatch: '0',
    rows_compared: '5',
    report: '{}',
    ...own,
  });

  test('is through when every target has completed every table', () => {
    expect(diffState({ '-80': [row({})] }, ['-80', '80-']).through).toBe(false);
    expect(diffState({ '-80': [row({})], '80-': [row({ vdiff_state: 'started' })] }, ['-80', '80-']).through).toBe(false);
    expect(diffState({ '-80': [row({})], '80-': [row({})] }, ['-80', '80-'])).toMatchObject({ through: true, different: [] });
  });

  test('names what differs, also where only the report says so, and what failed', () => {
    const report = JSON.stringify({ ExtraRowsTarget: 2 });
    expect(diffState({ '0': [row({ report })] }, ['0']).different).toMatchObject([{ table: 't', extraTarget: 2 }]);
    expect(diffState({ '0': [row({ has_mismatch: '1', report: 'not JSON' })] }, ['0']).different).toHaveLength(1);
    expect(diffState({ '0': [row({ vdiff_state: 'error', last_error: 'no tablet' })] }, ['0']).failed).toEqual({
      shard: '0',
      reason: 'no tablet',
    });
  });
});
