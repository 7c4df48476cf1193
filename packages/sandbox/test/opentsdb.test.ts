import { expect, test } from 'vitest';
import { demoData, startOpenTsdb } from '../src/index.ts';
import { javaDouble, storedText } from '../src/opentsdb/numbers.ts';
import { ask } from './ask.ts';

const T = 1_678_233_600_000;
const DAY_MS = 86_400_000;

test('number texts go through untouched', async () => {
  const texts = ['1', '2.5', '9223372036854775807', '1.5E10', '-0.0', '3.0', '0.30000001192092896'];
  await using tsdb = await startOpenTsdb({
    series: [{ metric: 'm', tags: { a: 'b' }, points: texts.map((text, at) => [T + at, text] as const) }],
  });
  const { body } = await ask(`${tsdb.url}/api/query?start=${T}&end=${T + 100}&m=none:m&ms&arrays`);
  expect(body).toBe(
    `[{"metric":"m","tags":{"a":"b"},"aggregateTags":[],"dps":[${texts.map((text, at) => `[${T + at},${text}]`).join(',')}]}]`,
  );
});

test('a huge metric costs no memory', async () => {
  await using tsdb = await startOpenTsdb();
  tsdb.store.addVirtual({
    metric: 'huge',
    tags: { a: 'b' },
    startMs: T,
    stopMs: T + 10 * DAY_MS,
    stepMs: 100,
    phaseMs: 7,
    value: (ms) => String(ms % 1000),
  });
  const one = await ask(`${tsdb.url}/api/query?start=${T}&end=${T + 250}&m=none:huge&ms&arrays`);
  expect(one.body).toContain(`"dps":[[${T + 7},7],[${T + 107},107],[${T + 207},207]]`);
  const { body } = await ask(`${tsdb.url}/api/query?start=${T}&end=${T + 2 * DAY_MS - 1}&m=none:huge&ms&arrays`);
  expect(body.match(/\],\[/g)).toHaveLength(2 * 864_000 - 1);
});

test('large bodies: refused in words without chunk support, by closing with it', async () => {
  await using tsdb = await startOpenTsdb({ enableChunked: false });
  const put = (bytes: number): ReturnType<typeof ask> => ask(`${tsdb.url}/api/put`, { method: 'POST', body: `[${' '.repeat(bytes)}]` });
  const refused = await put(9000);
  expect([refused.status, JSON.parse(refused.body).error.message]).toEqual([400, 'Chunked request not supported.']);
  expect(JSON.parse((await put(100)).body).error.message).toBe('No datapoints found in content');
  Object.assign(tsdb.knobs.settings, { enableChunked: true, maxChunkBytes: 4096 });
  expect((await put(5000)).status).toBe('cut');
});

test('deletes are seen, however they are asked for', async () => {
  await using tsdb = await startOpenTsdb({ series: [{ metric: 'm', tags: { a: 'b' }, points: [[T, '1']] }] });
  const url = `${tsdb.url}/api/query?start=${T}&end=${T + 1}&m=none:m`;
  const count = (): number | undefined => tsdb.store.series('m')[0]?.range(0, Number.MAX_SAFE_INTEGER).length;
  await ask(url, { method: 'DELETE' });
  await ask(`${url}&method_override=delete`);
  expect([tsdb.log.deletes.length, count()]).toEqual([2, 1]);
  await ask(`${tsdb.url}/api/query`, {
    method: 'POST',
    body: JSON.stringify({ start: T, end: T + 1, delete: true, queries: [{ aggregator: 'none', metric: 'm' }] }),
  });
  expect([tsdb.log.deletes.length, count()]).toEqual([3, 0]);
});

test('limits of a query are a 413, hidden metrics are not suggested, and 2.2 knows no "none"', async () => {
  await using tsdb = await startOpenTsdb({
    maxPointsPerQuery: 1,
    // A row more than comes from storage together.
    series: Array.from({ length: 129 }, (_, at) => ({ metric: 'm', tags: { a: String(at) }, points: [[T, '1']] as const })),
  });
  const query = (): ReturnType<typeof ask> => ask(`${tsdb.url}/api/query?start=${T}&end=${T + 5}&m=none:m`);
  expect((await query()).status).toBe(413);
  expect((await ask(`${tsdb.url}/api/suggest?type=metrics`)).body).toBe('["m"]');
  tsdb.knobs.settings.hiddenMetrics.add('m');
  expect((await ask(`${tsdb.url}/api/suggest?type=metrics`)).body).toBe('[]');
  Object.assign(tsdb.knobs.settings, { maxPointsPerQuery: 0, version: '2.2' });
  expect(JSON.parse((await query()).body).error.message).toBe('No such aggregation function: none');
});

test('floats are 32 bits wide before 2.4', () => {
  expect([storedText('0.1', true), storedText('0.1', false), storedText('1', false)]).toEqual(['0.1', '0.10000000149011612', '1']);
  expect([1e7, 1.5e-10, 123, 0.001, 9_999_999, 1.8e300].map(javaDouble)).toEqual([
    '1.0E7',
    '1.5E-10',
    '123.0',
    '0.001',
    '9999999.0',
    '1.8E300',
  ]);
});

test('the demo is the same every time', async () => {
  const print = (): unknown[] =>
    [...demoData({ startMs: T, days: 1 })].map(({ points, ...series }) => [series, [...points].slice(0, 3), [...points].length]);
  const series = print();
  expect(series).toEqual(print());
  expect(series.length).toBeGreaterThan(40);
});
