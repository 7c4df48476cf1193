/** Estimates of rows agree, or they say nothing; none is ever called proof. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { compareRows, type RowsRead } from '../src/plan/rows.ts';

const of = (cluster: string, ...rows: (number | null)[]): RowsRead => ({ cluster, rows: Object.fromEntries(rows.entries()) });

describe('rows are not counted', () => {
  test.each<[string, RowsRead, RowsRead, string]>([
    ['one of the two offers nothing', of('a', 5), { why: 'the servers of b offer no estimate' }, 'the servers of b offer no estimate'],
    ['a node is silent', of('a', 1_000, null, 5), of('b', 1_000, 5, 5), 'a does not tell them of partition 1'],
    ['the target has not looked yet', of('a', 1_000, 1_000), of('b', 1_000, 0), 'b has made no estimate yet of partition 1'],
    ['a partition is missing', of('a', 1_000, 1_000), of('b', 1_000), 'too far apart'],
    ['they differ in one partition alone', of('a', 1_000, 1_000_000), of('b', 500, 1_000_000), 'more than 10 % in partition 0'],
    ['half was overwritten, and compacted in the copy', of('a', 2_000, 2_000), of('b', 1_000, 1_000), '2 partitions: 0, 1'],
  ])('where %s', (_, before, after, why) => {
    const { text, agree } = compareRows(before, after);
    expect([agree, text.startsWith('rows: not counted, ')]).toEqual([false, true]);
    expect(text).toContain(why);
  });
});

test('estimates that agree are told, as what they are', () => {
  const { text, agree } = compareRows(of('onebox', 600_000, 603_000), of('onebox2', 600_010, 600_000));
  expect(agree).toBe(true);
  expect(text).toBe(
    'rows, estimated by the servers and no proof: about 1,203,000 at onebox before writes were denied, about 1,200,010 at onebox2 after that; within 10 % in each partition',
  );
});

const rows = fc.array(fc.option(fc.nat(5_000)), { minLength: 1, maxLength: 6 });
test.prop([rows, rows])('no estimate is called proven or verified, and a partition that is lost never passes', (before, after) => {
  const { text, agree } = compareRows(of('a', ...before), of('b', ...after));
  expect(text).toMatch(agree ? /no proof/ : /^rows: not counted, /);
  expect(text).not.toMatch(/verified|proven/);
  if (agree) for (const [partition, held] of before.entries()) if ((held ?? 0) > 200) expect(after[partition] ?? 0).toBeGreaterThan(0);
});
