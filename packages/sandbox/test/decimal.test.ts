import { describe, expect, test } from 'vitest';
import { printValue, roundTripBlock } from '../src/victoria-metrics/decimal.ts';
import { observed } from './observed.ts';

const infinity = { positive: '+Inf', negative: '-Inf' };
const through = (texts: string[]): string[] =>
  [...roundTripBlock(Float64Array.from(texts, Number))].map((value) => printValue(value, infinity));

describe('values as VictoriaMetrics gives them back', () => {
  test.each(observed.singleValueRoundTrip)('%s alone is %s', (given, seen) => {
    expect(through([given])).toEqual([seen]);
  });

  test.each(observed.sharedBlockRoundTrip)('a block shares one exponent: $in', (block) => {
    const got = through(block.in);
    expect(got).toHaveLength(block.out.length);
    for (const [at, seen] of block.out.entries()) {
      // One entry was noted down shortened, and says so.
      if (seen.endsWith(' (approx)')) expect(Number(got[at])).toBeCloseTo(Number(seen.replace(' (approx)', '')), -296);
      else expect(got[at]).toBe(seen);
    }
  });

  test('whole numbers within 2^53 are exact beside each other', () => {
    const texts = ['0', '-1', '9007199254740991', '-9007199254740991', '1000000000000000'];
    expect(through(texts)).toEqual(texts);
  });
});
