/** What is decided without asking anybody: pressure, readiness, comparisons, key ranges. */
import { fc, test as property } from '@fast-check/vitest';
import { vitess } from '@longshore/vitess';
import { describe, expect, test } from 'vitest';
import { diffState } from '../../../packages/vitess/src/plan/diff-result.ts';
import { nextRatio } from '../../../packages/vitess/src/plan/pressure.ts';
import { covered, tabletFindings } from '../../../packages/vitess/src/plan/reshard.ts';
import { RESHARD } from './world.ts';

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

describe('tablets', () => {
  const shard = (name: string, types: ('PRIMARY' | 'REPLICA' | 'RDONLY')[]) => ({ name, primary: 'a', serving: true, types, filled: [] });

  test('of the source that a target lacks are missed before any read is sent there', () => {
    const findings = tabletFindings(
      'ks',
      [shard('-', ['PRIMARY', 'REPLICA'])],
      [shard('-80', ['PRIMARY', 'REPLICA']), shard('80-', ['PRIMARY'])],
    );
    expect(findings).toEqual([
      { level: 'error', text: 'ks/80- has no REPLICA tablet, and the source has: reads of that type would find nobody there' },
    ]);
  });
});

describe('a switch', () => {
  test('may wait no longer than a new holder of the lease waits for the old one', () => {
    for (const kind of vitess.kinds.filter(({ name }) => name === 'vitess.reshard')) {
      const takes = (switchTimeoutMs: number): boolean => kind.params.safeParse({ ...RESHARD.params, switchTimeoutMs }).success;
      // vtctld is given 15 s more, and 2 s to come to an end.
      expect([takes(kind.actionMs! - 17_000), takes(40_000), takes(kind.actionMs!)]).toEqual([false, true, false]);
    }
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
    expect(diffState({ '0': [row({ vdiff_state: 'stopped' })] }, ['0']).failed?.reason).toBe('somebody has stopped it');
  });
});
