import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { ScannerOptions } from '../src/client/opentsdb/scanner.ts';
import { ReplyScanner } from '../src/client/opentsdb/scanner.ts';
import type { FrameSummary } from '../src/model.ts';
import { MAX_POINTS_PER_LINE } from '../src/model.ts';
import { PointSum, TimestampHash } from '../src/point-hash.ts';

const FRAME = { startMs: 1_678_233_600_000, stopMs: 1_678_320_000_000 };
const METRIC = 'kilda.a';

async function scan(
  chunks: Uint8Array[],
  options: Partial<ScannerOptions> = {},
): Promise<{ lines: string; summary: Omit<FrameSummary, 'replyBytes'> }> {
  let lines = '';
  const scanner = new ReplyScanner({ metric: METRIC, frame: FRAME, what: 'the test', ...options }, async (bytes) => {
    lines += bytes.toString();
  });
  for (const chunk of chunks) await scanner.push(chunk);
  return { summary: await scanner.end(), lines };
}
const scanText = (text: string, options: Partial<ScannerOptions> = {}) => scan([Buffer.from(text)], options);

/** Cuts at the given fractions of the length, in any order. */
function cut(bytes: Buffer, fractions: number[]): Buffer[] {
  const at = [0, ...fractions.map((fraction) => Math.floor(fraction * bytes.length)), bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((to, i) => bytes.subarray(at[i], to));
}

const digits = (min: number, max: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: min, maxLength: max });
const integer = digits(0, 19).map((text) => text.replace(/^0+/, '') || '0');
const sign = fc.constantFrom('', '-');
const numberText = fc.oneof(
  fc.tuple(sign, integer).map((parts) => parts.join('')),
  fc.tuple(sign, integer, digits(1, 17)).map(([minus, whole, part]) => `${minus}${whole}.${part}`),
  fc.tuple(sign, integer, fc.constantFrom('e', 'E'), fc.constantFrom('', '-', '+'), digits(1, 3)).map((parts) => parts.join('')),
  fc
    .tuple(sign, integer, digits(1, 9), fc.constantFrom('E', 'E-'), digits(1, 3))
    .map(([minus, whole, part, e, power]) => `${minus}${whole}.${part}${e}${power}`),
);
const space = fc.constantFrom('', '', '', ' ', '\n', '\t ');
const tagText = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => text.isWellFormed() && text !== '__name__');
/** A JSON string in some spelling. */
const spelled = (text: string, escaped: boolean): string =>
  escaped
    ? `"${[...text].map((char) => [...char.split('')].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')).join('')}"`
    : JSON.stringify(text);

const seriesArbitrary = fc.record({
  tags: fc.uniqueArray(fc.tuple(tagText, tagText, fc.boolean()), { maxLength: 4, selector: ([key]) => key }),
  firstMs: fc.integer({ min: FRAME.startMs, max: FRAME.startMs + 1_000_000 }),
  points: fc.array(fc.tuple(fc.integer({ min: 1, max: 400_000 }), numberText), { maxLength: 60 }),
  listForm: fc.boolean(),
  extra: fc.constantFrom('"tsuids":["000001"]', '"x":{"a":[1,"]}\\"",{"b":null}],"c":"\\\\"}', '"y":-1.5e3', '"z":null', ''),
  order: fc.shuffledSubarray(['metric', 'tags', 'aggregateTags', 'dps', 'extra'], { minLength: 5 }),
  usual: fc.boolean(),
});

type SeriesCase = typeof seriesArbitrary extends fc.Arbitrary<infer T> ? T : never;

function timesOf(series: SeriesCase): number[] {
  let time = series.firstMs;
  return series.points.map(([step]) => (time += step));
}

function replyText(all: SeriesCase[], gap: string): string {
  const objects = all.map((series) => {
    const times = timesOf(series);
    const entries = series.points.map(([, value], i) =>
      series.listForm ? `[${gap}${times[i]}${gap},${gap}${value}${gap}]` : `"${times[i]}"${gap}:${gap}${value}`,
    );
    const body = entries.join(`${gap},${gap}`);
    const tags = series.tags
      .map(([key, value, escaped]) => `${gap}${spelled(key, escaped)}${gap}:${gap}${spelled(value, escaped)}${gap}`)
      .join(',');
    const parts: Record<string, string> = {
      metric: `"metric"${gap}:${gap}"kilda.a"`,
      tags: `"tags":${gap}{${tags}}`,
      aggregateTags: `"aggregateTags":[${gap}]`,
      dps: `"dps":${gap}${series.listForm ? `[${gap}${body}${gap}]` : `{${gap}${body}${gap}}`}`,
      extra: series.extra,
    };
    const order = series.usual ? ['metric', 'tags', 'aggregateTags', 'extra', 'dps'] : series.order;
    return `{${order
      .map((name) => parts[name])
      .filter((part) => part !== '')
      .join(`${gap},${gap}`)}${gap}}`;
  });
  return `${gap}[${gap}${objects.join(`${gap},${gap}`)}${gap}]${gap}`;
}

function expectedLines(all: SeriesCase[]): string {
  return all
    .filter((series) => series.points.length > 0)
    .map((series) => {
      const labels = ['"__name__":"kilda.a"', ...series.tags.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)].join(
        ',',
      );
      return `{"metric":{${labels}},"values":[${series.points.map(([, value]) => value).join(',')}],"timestamps":[${timesOf(series).join(',')}]}\n`;
    })
    .join('');
}

describe('a reply', () => {
  property.prop(
    [fc.array(seriesArbitrary, { maxLength: 5 }), space, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })],
    { numRuns: 500 },
  )('of any shape, cut anywhere, gives the lines one would write by hand', async (all, gap, cuts) => {
    const { lines, summary } = await scan(cut(Buffer.from(replyText(all, gap)), cuts));
    expect(lines).toBe(expectedLines(all));
    expect(summary.problems).toEqual([]);
    const times = all.flatMap(timesOf);
    expect(summary.points).toBe(times.length);
    expect(summary.lineBytes).toBe(Buffer.byteLength(lines));
    expect([summary.firstMs, summary.lastMs]).toEqual(
      times.length === 0 ? [undefined, undefined] : [Math.min(...times), Math.max(...times)],
    );
    const expected = new Map<string, { times: TimestampHash; points: PointSum }>();
    for (const line of lines.split('\n').slice(0, -1)) {
      const labels = line.slice('{"metric":'.length, line.indexOf(',"values":['));
      const hashes = expected.get(labels) ?? { times: new TimestampHash(), points: new PointSum() };
      const times = Float64Array.from(line.slice(line.lastIndexOf('[') + 1, -2).split(','), Number);
      const values = Float64Array.from(line.slice(line.indexOf('"values":[') + 10, line.lastIndexOf('],"timestamps"')).split(','), Number);
      for (const time of times) hashes.times.addMs(time);
      hashes.points.addRows(times, values, 0, times.length);
      expected.set(labels, hashes);
    }
    for (const { labels, points, hash, pointsHash } of summary.series) {
      const sums = expected.get(labels)!;
      expect([points, hash]).toEqual([sums.times.points, sums.times.hash]);
      // It may be left out, and is, where there are more digits than a float64 takes at once.
      if (pointsHash !== undefined) expect(pointsHash).toBe(sums.points.hash);
      else expect(lines).toMatch(/\d{16}|[eE]|\d\.\d{15}|\d{9}/);
    }
    expect(summary.series.map(({ labels }) => labels)).toEqual([...expected.keys()]);
  });

  property.prop(
    [fc.array(seriesArbitrary, { minLength: 1, maxLength: 3 }), space, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })],
    { numRuns: 500 },
  )('cut short anywhere is an error, never a short frame', async (all, gap, at) => {
    const bytes = Buffer.from(replyText(all, gap).trimEnd());
    await expect(scan([bytes.subarray(0, Math.floor(at * bytes.length))])).rejects.toMatchObject({
      code: 'LSH_TSDB_TRUNCATED_REPLY',
      data: { retryable: true },
    });
  });

  property.prop([fc.array(seriesArbitrary, { minLength: 1, maxLength: 2 }), fc.nat(), fc.integer({ min: 0, max: 255 })], { numRuns: 400 })(
    'with one wrong byte never gives a line that is no JSON',
    async (all, at, wrong) => {
      const bytes = Buffer.from(replyText(all, ''));
      bytes[at % bytes.length] = wrong;
      const result = await scan([bytes]).catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toMatchObject({ code: expect.stringMatching(/^LSH_TSDB_/) });
      else for (const line of (result as { lines: string }).lines.split('\n').slice(0, -1)) JSON.parse(line);
    },
  );

  test('byte by byte gives the same as in one piece', async () => {
    const text = `[{"metric":"kilda.a","tags":{"host":"größe"},"aggregateTags":[],"tsuids":["0\\"1"],"dps":[[${FRAME.startMs},9223372036854775807],[${FRAME.startMs + 1},-1.5E-10]]},{"statsSummary":{"a":[1]}}]`;
    const bytes = Buffer.from(text);
    const single = await scan([...bytes].map((one) => Uint8Array.of(one)));
    expect(single).toEqual(await scan([bytes]));
    expect(single.lines).toBe(
      `{"metric":{"__name__":"kilda.a","host":"größe"},"values":[9223372036854775807,-1.5E-10],"timestamps":[${FRAME.startMs},${FRAME.startMs + 1}]}\n`,
    );
  });

  test('of a long series is cut into lines, in pieces of bounded size, and never while a sink is busy', async () => {
    const count = 100_000;
    const pairs = Array.from({ length: count }, (_, i) => `[${FRAME.startMs + i},${i}.${'3'.repeat(60)}]`);
    const reply = Buffer.from(`[{"metric":"kilda.a","tags":{},"aggregateTags":[],"dps":[${pairs.join(',')}]}]`);
    let busy = 0;
    let largest = 0;
    let text = '';
    const scanner = new ReplyScanner({ metric: METRIC, frame: FRAME, what: 'the test' }, async (lines) => {
      expect(++busy).toBe(1);
      const before = Buffer.from(lines);
      largest = Math.max(largest, lines.length);
      await new Promise((resolve) => setImmediate(resolve));
      expect(before.equals(lines)).toBe(true);
      text += lines.toString();
      busy--;
    });
    await scanner.push(reply);
    const summary = await scanner.end();
    const parsed = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { values: number[]; timestamps: number[] });
    expect(parsed.flatMap(({ timestamps }) => timestamps)).toEqual(Array.from({ length: count }, (_, i) => FRAME.startMs + i));
    expect(Math.max(...parsed.map(({ values }) => values.length))).toBeLessThanOrEqual(MAX_POINTS_PER_LINE);
    expect(parsed.every(({ values, timestamps }) => values.length === timestamps.length)).toBe(true);
    expect(largest).toBeLessThanOrEqual(1024 * 1024);
    expect(summary.series).toEqual([{ labels: '{"__name__":"kilda.a"}', points: count, hash: expect.stringMatching(/^[0-9a-f]{16}$/) }]);
  });

  test('held back for its tags is written in full, however long', async () => {
    const pairs = Array.from({ length: 60_000 }, (_, i) => `"${FRAME.startMs + i}":${i}`);
    const { lines, summary } = await scanText(`[{"dps":{${pairs.join(',')}},"tags":{"b":"2","a":"1"},"metric":"kilda.a"}]`);
    const parsed = lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { metric: object; values: number[] });
    expect(parsed.flatMap(({ values }) => values)).toEqual(Array.from({ length: 60_000 }, (_, i) => i));
    expect(new Set(parsed.map(({ metric }) => JSON.stringify(metric)))).toEqual(new Set(['{"__name__":"kilda.a","b":"2","a":"1"}']));
    expect(summary.points).toBe(60_000);
  });
});

describe('what is no plain point', () => {
  const T = FRAME.startMs;
  const object = (dps: string, more = '"metric":"kilda.a","tags":{"h":"1"},"aggregateTags":[]') => `[{${more},"dps":${dps}}]`;
  const kinds = ({ summary }: { summary: Omit<FrameSummary, 'replyBytes'> }) =>
    Object.fromEntries(summary.problems.map(({ kind, count }) => [kind, count]));

  test('is counted by kind with an example and not written', async () => {
    const result = await scanText(
      object(
        `[[${T},NaN],[${T + 1},null],[${T + 2},Infinity],[${T + 3},-Infinity],[${T + 4},"NaN"],[${T + 5},7],[${T + 5},8],[${T - 1},1],[${FRAME.stopMs},1],[${T + 6},"42"]]`,
      ),
    );
    expect(kinds(result)).toEqual({ nan: 2, null: 1, infinite: 2, 'duplicate-time': 1, 'outside-frame': 2 });
    expect(result.lines).toBe(`{"metric":{"__name__":"kilda.a","h":"1"},"values":[7,8,42],"timestamps":[${T + 5},${T + 5},${T + 6}]}\n`);
    expect(result.summary.problems[0]).toEqual({
      kind: 'nan',
      metric: 'kilda.a',
      count: 2,
      example: `{"__name__":"kilda.a","h":"1"} ${T} NaN`,
    });
  });

  test('a series of which nothing is left has no line and no digest', async () => {
    const { lines, summary } = await scanText(object(`{"${T}":NaN}`));
    expect([lines, summary.series, summary.points]).toEqual(['', [], 0]);
  });

  test('outside the frame but asked for is left out silently', async () => {
    const result = await scanText(object(`[[${T},1],[${T + 1},2]]`), {
      frame: { startMs: T, stopMs: T + 1 },
      asked: { startMs: T, stopMs: T + 2 },
    });
    expect(result.summary.problems).toEqual([]);
    expect(result.lines).toContain(`"timestamps":[${T}]`);
  });

  test('going back in time begins a new line, so that every line ascends', async () => {
    const { lines, summary } = await scanText(object(`[[${T + 5},1],[${T + 6},2],[${T + 1},3],[${T + 2},4]]`));
    expect(lines.split('\n').map((line) => line.slice(line.indexOf('"values"')))).toEqual([
      `"values":[1,2],"timestamps":[${T + 5},${T + 6}]}`,
      `"values":[3,4],"timestamps":[${T + 1},${T + 2}]}`,
      '',
    ]);
    expect([summary.points, summary.firstMs, summary.lastMs, summary.series.length]).toEqual([4, T + 1, T + 6, 1]);
  });

  test.for([1, 99_999, 100_000, 5_000_000])('going back by %i ms among plain points begins a new line too', async (back) => {
    const far = T + 6_000_000;
    const times = [far, far + 1, far + 2, far + 2 - back, far + 3 - back, far + 4 - back];
    const { lines, summary } = await scanText(object(`[${times.map((time, i) => `[${time},${i}]`).join(',')}]`));
    const parsed = lines
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { timestamps: number[] }).timestamps);
    expect(parsed.flat()).toEqual(times);
    for (const line of parsed) expect(line).toEqual(line.toSorted((x, y) => x - y));
    expect([summary.points, summary.firstMs, summary.lastMs]).toEqual([6, Math.min(...times), Math.max(...times)]);
  });

  test.for([
    ['other-metric', '"metric":"kilda.b","tags":{},"aggregateTags":[]'],
    ['aggregated', '"metric":"kilda.a","tags":{},"aggregateTags":["host"]'],
    ['bad-label', '"metric":"kilda.a","tags":{"__name__":"x"},"aggregateTags":[]'],
    ['bad-label', '"metric":"kilda.a","tags":{"\\u005f_name__":"x"},"aggregateTags":[]'],
    ['bad-label', '"metric":"kilda.a","tags":{"":"x"},"aggregateTags":[]'],
    ['bad-label', '"metric":"kilda.a","tags":{"x":""},"aggregateTags":[]'],
    ['unknown-object', '"tags":{}'],
  ] as const)('%s: its points are counted, not written', async ([kind, more]) => {
    const dps = `[[${T},1],[${T + 1},2]]`;
    for (const text of [object(dps, more), `[{"dps":${dps},${more}}]`]) {
      const result = await scanText(text);
      expect(result.lines).toBe('');
      expect(kinds(result)).toEqual({ [kind]: kind === 'unknown-object' ? 1 : 2 });
    }
  });

  test('annotations are reported, statistics are not', async () => {
    const result = await scanText(
      `[{"metric":"kilda.a","tags":{},"aggregateTags":[],"annotations":[{"tsuid":"01"}],"dps":[]},{"statsSummary":{"x":1}}]`,
    );
    expect(kinds(result)).toEqual({ annotations: 1 });
  });

  const annotated = (list: string): string => `[{"metric":"kilda.a","tags":{},"aggregateTags":[],"annotations":${list},"dps":[]}]`;
  const one = `{"tsuid":"01","startTime":${T / 1000}}`;

  test('annotations that are wanted stand in a list, with a comma between any two', async () => {
    const { summary } = await scanText(annotated(` [ ${one} , ${one} ] `), { annotations: true });
    expect(summary).toMatchObject({ found: [{ tsuid: '01', startMs: T }, { tsuid: '01' }], problems: [] });
    for (const none of ['[]', 'null'])
      expect((await scanText(annotated(none), { annotations: true })).summary).toMatchObject({ found: [] });
  });

  test.each([
    [`[,${one}]`, 'an annotation was expected'],
    [`[${one},]`, 'an annotation was expected'],
    [`[${one},,${one}]`, 'an annotation was expected'],
    [`[${one}${one}]`, 'a comma was expected between annotations'],
    [`[${one} 5]`, 'a comma was expected between annotations'],
    ['["text"]', 'an annotation was expected'],
    ['[{"tsuid":"01","startTime":1e}]', 'an annotation is none'],
    [`[{"tsuid":"01","startTime":"${T}"}]`, 'an annotation is none'],
    ['{}', 'annotations is no list'],
    ['5', 'annotations is no list'],
  ])('annotations %s are refused', async (list, reason) => {
    await expect(scanText(annotated(list), { annotations: true })).rejects.toMatchObject({
      code: 'LSH_TSDB_MALFORMED_REPLY',
      message: expect.stringMatching(new RegExp(`${reason}.*at byte \\d+`)),
    });
  });

  test.each(['null"', 'Infinity"', 'nan"'])('a value that ends in a quote without one before it, %s, is refused', async (value) => {
    await expect(scanText(object(`[[${T},1],[${T + 1},${value}]]`))).rejects.toMatchObject({
      code: 'LSH_TSDB_MALFORMED_REPLY',
      message: expect.stringContaining('a value is no number'),
    });
  });

  test('the metric may be spelled with escapes', async () => {
    const result = await scanText(object(`[[${T},1]]`, '"metric":"kilda\\u002ea","tags":{"a\\/b":"\\u00e9\\n"},"aggregateTags":[]'));
    expect(result.summary.problems).toEqual([]);
    expect(result.lines).toBe(`{"metric":{"__name__":"kilda.a","a/b":"é\\n"},"values":[1],"timestamps":[${T}]}\n`);
  });
});

describe('times', () => {
  test('in seconds become ms when the reply is in seconds', async () => {
    const { lines } = await scanText('[{"metric":"kilda.a","tags":{},"aggregateTags":[],"dps":{"1678233600":1,"1678233601":2.5}}]', {
      seconds: true,
    });
    expect(lines).toContain('"timestamps":[1678233600000,1678233601000]');
  });

  test('of the first months of 1970 are ms in a reply that could be in seconds, where only that lies in what was asked for', async () => {
    const reply = '[{"metric":"kilda.a","tags":{},"aggregateTags":[],"dps":{"4294970000":1,"4294971":2}}]';
    const { lines } = await scanText(reply, { seconds: true, frame: { startMs: 4_294_969_000, stopMs: 4_294_972_000 } });
    expect(lines).toContain('"timestamps":[4294970000,4294971000]');
    const both = await scanText(reply, { seconds: true, frame: { startMs: 0, stopMs: 5e12 } });
    expect(both.lines, 'seconds where both were asked for').toMatch(/"timestamps":\[4294970000000\].*\n.*"timestamps":\[4294971000\]/);
  });

  test('before 2001 have fewer digits and are ms all the same', async () => {
    const { lines } = await scanText(
      '[{"metric":"kilda.a","tags":{},"aggregateTags":[],"dps":[[7,1],[5000000000,1],[999999999999,2],[1000000000000,3],[1000000000001,3]]}]',
      {
        frame: { startMs: 0, stopMs: 2e12 },
      },
    );
    expect(lines).toContain('"timestamps":[7,5000000000,999999999999,1000000000000,1000000000001]');
  });
});

test('numbers with leading zeros: a timestamp is written without them, a value is malformed', async () => {
  const early = { frame: { startMs: 0, stopMs: 2e12 } };
  const reply = (dps: string) => `[{"metric":"kilda.a","tags":{},"aggregateTags":[],"dps":[[1,1],${dps}]}]`;
  expect((await scanText(reply('[0000000000007,1]'), early)).lines).toContain('"timestamps":[1,7]');
  for (const value of ['007', '-00', '00.5']) {
    await expect(scanText(reply(`[1000000000000,${value}]`), early)).rejects.toMatchObject({ code: 'LSH_TSDB_MALFORMED_REPLY' });
  }
});

describe('a reply that is none', () => {
  test('an error in place of points is told in its own words', async () => {
    const list = scanText(
      `[{"metric":"kilda.a","tags":{},"aggregateTags":[],"dps":[[${FRAME.startMs},1]]},{"error":{"code":500,"message":"boom","trace":"secret"}}]`,
    );
    await expect(list).rejects.toMatchObject({
      code: 'LSH_TSDB_ERROR_IN_REPLY',
      message: 'the test: a reply that began well ended with an error: boom',
    });
    await expect(scanText('{"error":{"message":"no"}}')).rejects.toMatchObject({ code: 'LSH_TSDB_ERROR_IN_REPLY' });
  });

  test.for([
    '<html>',
    '{"metric":"kilda.a"}',
    '[1]',
    '[{"metric":1}]',
    '[{"dps":[[1,2}]',
    '[]x',
    '[{"dps":[[1678233600000,1.2.3]]}]',
    `[{"tags":{"a":1}}]`,
    `[{"dps":[[${'1'.repeat(20)},1]]}]`,
    '[{,}]',
    '[{"a":1},]',
  ])('%s is malformed', async (text) => {
    await expect(scanText(text)).rejects.toMatchObject({ code: 'LSH_TSDB_MALFORMED_REPLY' });
  });

  test('a number or a key without end is not waited for', async () => {
    await expect(scanText(`[{"dps":[[${FRAME.startMs},1],[${FRAME.startMs + 1},${'1'.repeat(2_000_000)}]]}]`)).rejects.toMatchObject({
      code: 'LSH_TSDB_MALFORMED_REPLY',
    });
    await expect(scanText(`[{"${'k'.repeat(5_000_000)}":1}]`)).rejects.toMatchObject({ code: 'LSH_TSDB_MALFORMED_REPLY' });
  });

  test("a sink's failure ends the scan", async () => {
    const pairs = Array.from({ length: 200_000 }, (_, i) => `[${FRAME.startMs + i},${i}]`);
    const reply = Buffer.from(`[{"metric":"kilda.a","tags":{},"aggregateTags":[],"dps":[${pairs.join(',')}]}]`);
    const full = new Error('disk full');
    const scanner = new ReplyScanner({ metric: METRIC, frame: FRAME, what: 'the test' }, () => Promise.reject(full));
    const run = (async () => {
      await scanner.push(reply);
      return scanner.end();
    })();
    await expect(run).rejects.toBe(full);
    await scanner.abandon();
  });
});

property.prop([fc.array(fc.integer({ min: 0, max: 9_999_999_999_999 }), { maxLength: 30 }), fc.nat()])(
  'hashes do not depend on order or on parts',
  (times, at) => {
    const whole = new TimestampHash();
    for (const time of times) whole.addMs(time);
    const middle = at % (times.length + 1);
    const first = new TimestampHash();
    const second = new TimestampHash();
    for (const time of times.slice(middle).reverse()) first.addMs(time);
    for (const time of times.slice(0, middle)) second.addMs(time);
    first.merge(second);
    expect([first.points, first.hash]).toEqual([whole.points, whole.hash]);
  },
);

test('hashes tell shifted and swapped timestamps apart', () => {
  const seen = new Set<string>();
  for (let shift = 0; shift < 20_000; shift++) {
    const hash = new TimestampHash();
    hash.addMs(FRAME.startMs - shift);
    hash.addMs(FRAME.startMs + 60_000 + shift);
    seen.add(hash.hash);
  }
  expect(seen.size).toBe(20_000);
});
