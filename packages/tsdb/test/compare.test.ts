import { readFileSync } from 'node:fs';
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { compareChunk } from '../src/client/victoriametrics/compare.ts';
import { judge, LOST_ALONE, MATCHED } from '../src/client/victoriametrics/values.ts';
import { MAX_POINTS_PER_LINE } from '../src/model.ts';

interface Observed {
  singleValueRoundTrip: [string, string][];
  sharedBlockRoundTrip: { in: string[]; out: string[] }[];
}

const observed: Observed = JSON.parse(readFileSync(new URL('../../../test/vectors/tsdb/vm_observed.json', import.meta.url), 'utf8'));

const T0 = 1_678_233_600_000;

type Point = [ms: number, value: string];

function lineOf(labels: Record<string, string>, points: Point[]): string {
  return `{"metric":${JSON.stringify(labels)},"values":[${points.map(([, value]) => value)}],"timestamps":[${points.map(([ms]) => ms)}]}\n`;
}

function series(labels: Record<string, string>, values: string[]): string {
  return lineOf(
    labels,
    values.map((value, index) => [T0 + index * 1000, value]),
  );
}

const A = { __name__: 'kilda.a', host: 'h1' };

async function compared(sent: string, found: string | string[], options = {}) {
  const blocks = typeof found === 'string' ? [found] : found;
  return compareChunk(
    Buffer.from(sent),
    blocks.map((block) => Buffer.from(block)),
    options,
  );
}

function verdict(sent: string, found: string): number {
  return judge(Buffer.from(sent), 0, sent.length, Buffer.from(found), 0, found.length);
}

describe('values the sink was seen to give back', () => {
  it.each(observed.singleValueRoundTrip)('%s read back alone as %s', async (sent, found) => {
    const { comparison } = await compared(series(A, [sent]), series(A, [found]));
    const vanished = Number(found) === 0 && Number(sent) !== 0;
    expect(comparison).toMatchObject({
      points: 1,
      matched: vanished ? 0 : 1,
      precisionLost: vanished ? 1 : 0,
      different: 0,
      missing: 0,
      extra: 0,
    });
  });

  it.each(observed.sharedBlockRoundTrip)('$in read back from one block as $out', async ({ in: sent, out }) => {
    const found = out.map((text) => text.replace(' (approx)', ''));
    const { comparison, unexplained } = await compared(series(A, sent), series(A, found));
    const lost = sent.filter((text, index) => Math.abs(Number(text) - Number(found[index])) > Math.abs(Number(text)) * 1e-9).length;
    expect(comparison).toMatchObject({ matched: sent.length - lost, precisionLost: lost, different: 0, missing: 0, extra: 0 });
    expect(unexplained.points).toBe(0);
  });

  it('a value beside 9.0e18', async () => {
    const { comparison } = await compared(series(A, ['0.5135', '9.0e18', '5']), series(A, ['0', '9000000000000000000', '5']));
    expect(comparison).toMatchObject({ matched: 2, precisionLost: 1, different: 0 });
    expect(comparison.examples).toEqual([
      { kind: 'precision-lost', labels: JSON.stringify(A), timestampMs: T0, expected: '0.5135', found: '0' },
    ]);
  });
});

describe('what a value may have become', () => {
  it.each([
    ['1', '1.0'],
    ['1e3', '1000'],
    ['-0.0', '0'],
    ['0.513504333333333', '0.513504333333'],
    ['7.48222731163748e-7', '0.000000748222731163'],
    ['-426066.01326457394', '-426066.013265'],
    ['100000000000001', '100000000000001.02'],
    ['363749241292701700', '363749241292701600'],
  ])('%s and %s are one value', (sent, found) => expect(verdict(sent, found)).toBe(MATCHED));

  it.each([
    ['1', '2'],
    ['1000000000001', '1000000000002'],
    ['9007199254740', '9007199254741'],
    ['0.5', '-0.5'],
    ['0.123456', '0.1228'],
    ['0.123456', '0.13'],
    ['0.3333333333333333', '0.333333333334'],
    ['5.00000000000000', '5.0000000000001'],
    ['0.1', 'null'],
    ['0.1', '"Infinity"'],
    ['12', ''],
  ])('%s and %s are two', (sent, found) => {
    const magnitude = verdict(sent, found);
    expect(magnitude).not.toBe(MATCHED);
    // No cut either: nothing short of a value nobody can send would explain it.
    expect(magnitude).toBeLessThan(0);
  });

  it.each([
    ['0.123456', '0.123', 9.2e14],
    ['0.5135', '0', 9.2e17],
    ['0.0005', '0', 9.2e14],
    ['1234567', '1234500', 9.2e19],
    ['8625780081485988000', '8625780081400000512', 9.2e25],
  ])('%s cut to %s needs a neighbour of %d', (sent, found, magnitude) => expect(verdict(sent, found) / magnitude).toBeCloseTo(1, 6));

  it('what is too small for the sink vanishes without a neighbour', () => {
    expect(verdict('3.1e-296', '0')).toBe(LOST_ALONE);
    expect(verdict('3.1e-296', '1e-296')).toBeLessThan(0);
  });

  prop.prop([fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ min: 1.01e-12, max: 2 }), fc.boolean()])(
    'a deviation beyond the precision never matches',
    (value, off, up) => {
      fc.pre(Math.abs(value) > 1e-280 && Math.abs(value) < 1e290);
      const wrong = value * (up ? 1 + off : 1 - off);
      expect(verdict(String(value), String(wrong))).not.toBe(MATCHED);
    },
  );

  prop.prop([fc.maxSafeInteger(), fc.integer({ min: 1, max: 1000 })])('a counter that is off by a little never matches', (value, off) => {
    fc.pre(Math.abs(value + off) <= Number.MAX_SAFE_INTEGER);
    expect(verdict(String(value), String(value + off))).not.toBe(MATCHED);
  });

  prop.prop([
    fc.double({ min: -999_999, max: 999_999, noNaN: true }),
    fc.double({ min: -3e-12, max: 3e-12, noNaN: true }),
    fc.integer({ min: 10, max: 17 }),
  ])('settling a line whole and looking at each value agree', async (value, off, digits) => {
    const sent = plain(value);
    const found = plain(Number((value * (1 + off)).toPrecision(digits)));
    fc.pre(sent !== undefined && found !== undefined);
    const { comparison, unexplained } = await compared(series(A, [`${sent}`]), series(A, [`${found}`]));
    const single = verdict(`${sent}`, `${found}`);
    expect(comparison.matched).toBe(single === MATCHED ? 1 : 0);
    expect(unexplained.points > 0).toBe(single > 0 && comparison.precisionLost === 0);
  });
});

function plain(value: number): string | undefined {
  const text = String(value);
  return text.includes('e') ? undefined : text;
}

describe('a chunk beside what the sink has', () => {
  it('is whole when the lines are the same', async () => {
    const lines = series(A, ['1', '2.5']) + series({ ...A, host: 'h2' }, ['3']);
    const result = await compared(lines, lines, { missingLines: true });
    expect(result).toEqual({
      comparison: { points: 3, matched: 3, missing: 0, extra: 0, different: 0, precisionLost: 0, examples: [] },
      missingLines: [],
      missingSeries: 0,
      foreign: { series: 0, points: 0 },
      unexplained: { points: 0, magnitude: 0 },
    });
  });

  it('knows a series by its labels, not by their order, escapes, or empty values', async () => {
    const sent = '{"metric":{"__name__":"kilda.a","b":"<ß>","a":"","c":"x},\\"values\\":["},"values":[1],"timestamps":[5]}\n';
    const found = '{"metric":{"c":"x},\\"values\\":[","b":"\\u003c\\u00df>","__name__":"kilda.a"},"values":[1],"timestamps":[5]}\n';
    const { comparison } = await compared(sent, found);
    expect(comparison).toMatchObject({ matched: 1, extra: 0, missing: 0 });
  });

  it('names series the chunk does not have', async () => {
    const { comparison, foreign } = await compared(series(A, ['1']), series({ ...A, dc: 'x' }, ['1', '2']) + series(A, ['1']));
    expect(comparison).toMatchObject({ matched: 1, extra: 2, missing: 0 });
    expect(foreign).toEqual({ series: 1, points: 2 });
    expect(comparison.examples).toEqual([{ kind: 'extra', labels: JSON.stringify({ ...A, dc: 'x' }), timestampMs: T0, found: '1' }]);
  });

  it('counts what was written twice', async () => {
    const doubled = lineOf(A, [
      [1, '1'],
      [1, '1'],
      [2, '2'],
      [2, '2'],
    ]);
    const { comparison } = await compared(
      lineOf(A, [
        [1, '1'],
        [2, '2'],
      ]),
      doubled,
    );
    expect(comparison).toMatchObject({ matched: 2, extra: 2, missing: 0, different: 0 });
  });

  it('takes the right one of two values at one time', async () => {
    const { comparison } = await compared(lineOf(A, [[1, '7']]), [lineOf(A, [[1, '9']]), lineOf(A, [[1, '7']])]);
    expect(comparison).toMatchObject({ matched: 1, extra: 1, different: 0 });
  });

  it('gives back one of two points of one time', async () => {
    const result = await compared(
      lineOf(A, [
        [1, '7'],
        [1, '9'],
        [2, '3'],
      ]),
      lineOf(A, [
        [1, '9'],
        [2, '3'],
      ]),
      { missingLines: true },
    );
    expect(result.comparison).toMatchObject({ matched: 2, missing: 1 });
    expect(result.missingLines?.map(String)).toEqual([lineOf(A, [[1, '7']])]);
  });

  it('keeps the digits of what is missing, and lines short', async () => {
    const points: Point[] = Array.from({ length: MAX_POINTS_PER_LINE + 5 }, (_, index) => [T0 + index, '9223372036854775807']);
    const sent = lineOf(A, points.slice(0, 6000)) + lineOf(A, points.slice(6000));
    const { missingLines } = await compared(sent, lineOf(A, points.slice(0, 1)), { missingLines: true });
    expect(missingLines?.map((line) => JSON.parse(String(line)).timestamps.length)).toEqual([MAX_POINTS_PER_LINE, 4]);
    expect(String(missingLines?.[1])).toBe(lineOf(A, points.slice(-4)));
  });

  it('does not excuse a cut that nothing large is near of, and says what would', async () => {
    const [sent, found] = [series(A, ['0.5135', '5']), series(A, ['0', '5'])];
    const first = await compared(sent, found);
    expect(first.comparison).toMatchObject({ matched: 1, different: 1, precisionLost: 0 });
    expect(first.unexplained.points).toBe(1);
    const second = await compared(sent, found, { largestNear: first.unexplained.magnitude });
    expect(second.comparison).toMatchObject({ matched: 1, different: 0, precisionLost: 1 });
    const third = await compared(sent, series(A, ['0.3', '5']), { largestNear: 1e300 });
    expect(third.comparison).toMatchObject({ different: 1, precisionLost: 0 });
  });

  it('keeps few examples', async () => {
    const values = Array.from({ length: 100 }, (_, index) => String(index));
    const { comparison } = await compared(
      series(A, values),
      series(
        A,
        values.map((value) => `${value}5`),
      ),
    );
    expect(comparison.different).toBe(100);
    expect(comparison.examples).toHaveLength(3);
  });

  it.each([
    ['a cut line', '{"metric":{"__name__":"a"},"values":[1],"timesta'],
    ['an error in the place of a line', 'remoteAddr: "127.0.0.1"; cannot export\n'],
    ['labels that are no JSON', '{"metric":{"__name__":a},"values":[1],"timestamps":[1]}\n'],
    ['labels that are no texts', '{"metric":{"__name__":1},"values":[1],"timestamps":[1]}\n'],
    ['unequal lists', `{"metric":${JSON.stringify(A)},"values":[1,2],"timestamps":[1]}\n`],
  ])('refuses %s', async (_, found) => {
    await expect(compared(series(A, ['1']), found)).rejects.toMatchObject({ code: 'LSH_VM_EXPORT' });
  });
});

/** What happens to one point on its way. */
const fate = fc.constantFrom('keep', 'keep', 'keep', 'drop', 'double', 'change');

interface Damaged {
  sent: string;
  found: string[];
  /** As `found`, without what does not belong there. */
  foundOnlyOurs: string[];
  expected: { points: number; matched: number; missing: number; extra: number; different: number };
}

const value = fc.oneof(
  fc.integer({ min: -1e9, max: 1e9 }).map(String),
  fc.double({ min: 1, max: 1e6, noNaN: true }).map((number) => number.toFixed(6)),
);

const damaged: fc.Arbitrary<Damaged> = fc
  .record({
    hosts: fc.array(fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), value, fate), { minLength: 1, maxLength: 30 }), {
      minLength: 1,
      maxLength: 4,
    }),
    extra: fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 40 })), { maxLength: 5 }),
    perLine: fc.integer({ min: 1, max: 40 }),
    perFoundLine: fc.integer({ min: 1, max: 40 }),
    backwards: fc.boolean(),
  })
  .map(({ hosts, extra, perLine, perFoundLine, backwards }) => {
    const expected = { points: 0, matched: 0, missing: 0, extra: 0, different: 0 };
    const sent: string[] = [];
    const found: string[] = [];
    const foundOnlyOurs: string[] = [];
    for (const [host, steps] of hosts.entries()) {
      const labels = { __name__: 'kilda.a', host: `h${host}` };
      const ours: Point[] = [];
      const there: Point[] = [];
      const kept: Point[] = [];
      let ms = T0;
      for (const [step, text, what] of steps) {
        ms += step * 10;
        ours.push([ms, text]);
        expected.points++;
        if (what === 'drop') {
          expected.missing++;
          continue;
        }
        const now = what === 'change' ? String(Number(text) + 1.25) : text;
        there.push([ms, now]);
        kept.push([ms, now]);
        if (what === 'change') expected.different++;
        else expected.matched++;
        if (what === 'double') {
          there.push([ms, text]);
          expected.extra++;
        }
      }
      for (const [of, at] of extra) {
        if (of !== host) continue;
        // Between the grid of ours.
        there.push([T0 + at * 10 + 5, '1']);
        expected.extra++;
      }
      there.sort(([a], [b]) => (backwards ? b - a : a - b));
      sent.push(...cut(labels, ours, perLine));
      found.push(...cut(labels, there, perFoundLine));
      foundOnlyOurs.push(...cut(labels, kept, perFoundLine));
    }
    return { sent: sent.join(''), found: backwards ? found.reverse() : found, foundOnlyOurs, expected };
  });

function cut(labels: Record<string, string>, points: Point[], perLine: number): string[] {
  const lines: string[] = [];
  for (let at = 0; at < points.length; at += perLine) lines.push(lineOf(labels, points.slice(at, at + perLine)));
  return lines;
}

describe('whatever is damaged', () => {
  prop.prop([damaged])('is counted exactly', async ({ sent, found, expected }) => {
    const { comparison } = await compared(sent, found);
    expect(comparison).toMatchObject({ ...expected, precisionLost: 0 });
  });

  prop.prop([damaged])('is completed by sending what is missing', async ({ sent, foundOnlyOurs, expected }) => {
    const first = await compared(sent, foundOnlyOurs, { missingLines: true });
    expect(first.comparison.missing).toBe(expected.missing);
    const second = await compared(sent, [...foundOnlyOurs, ...(first.missingLines ?? []).map(String)]);
    expect(second.comparison).toMatchObject({ points: expected.points, missing: 0, extra: 0, different: expected.different });
  });
});

describe('lines that are not whole', () => {
  const sent = series(A, ['1', '2', '3']);
  const settledLater = series({ host: 'h1', __name__: 'kilda.a' }, ['1', '2', '3']);
  const foreign = series({ __name__: 'kilda.a', host: 'h2' }, ['1', '2']);

  it.each([
    ['a comma behind the last time', settledLater.replace('000]}', '000,]}')],
    ['a comma behind the last value', settledLater.replace('3]', '3,]')],
    ['more values than times', settledLater.replace('1,2', '1,2,2')],
    ['fewer values than times', settledLater.replace('1,2', '1')],
    ['a time that is none', settledLater.replace(String(T0), 'x')],
    ['a series of its own with more values than times', foreign.replace('1,2', '1,2,2')],
  ])('%s is refused', async (_, found) => {
    await expect(compared(sent, found, { sink: 'vm' })).rejects.toMatchObject({ code: 'LSH_VM_EXPORT' });
  });
});
