/** Sources and sinks of OpenTSDB's protocol, against the stand-in: an old one without raw reads, and putting with its limits. */
import { systemClock, systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { startOpenTsdb } from '@longshore/sandbox';
import { expect, test } from 'vitest';
import { openTsdb, openTsdbSink, putObjects } from '../../packages/tsdb/src/client/opentsdb/index.ts';
import { compareWithOpenTsdb } from '../../packages/tsdb/src/client/opentsdb/read-back.ts';
import { PutWriter } from '../../packages/tsdb/src/tasks/put-writer.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2023, 2, 8);
const deps = { clock: systemClock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
const target = (address: string) => ({ name: 'tsd', system: 'opentsdb', address, settings: {}, secrets: {} });

async function linesOf(url: string, metric: string, tags?: Record<string, string>): Promise<string[]> {
  await using source = openTsdb.connect(target(url), deps);
  let text = '';
  await source.readRange(
    metric,
    { startMs: START_MS, stopMs: START_MS + 3 * HOUR_MS },
    {
      ...(tags === undefined ? {} : { reading: { tags } }),
      frame: () => {
        let part = '';
        return {
          async write(lines) {
            part += lines.toString();
          },
          async rollback() {
            part = '';
          },
          async commit() {
            text += part;
          },
        };
      },
    },
  );
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

/** The points of import lines, one text each. */
function pointsIn(lines: string[]): string[] {
  return lines
    .flatMap((line) => {
      const { metric, values, timestamps } = JSON.parse(line) as { metric: object; values: number[]; timestamps: number[] };
      return values.map((value, at) => `${JSON.stringify(metric)} ${timestamps[at]} ${value}`);
    })
    .sort();
}

function fill(
  store: { put(metric: string, tags: Record<string, string>, ms: number, value: string): void },
  metric: string,
  series: number,
): void {
  for (let at = 0; at < series; at++)
    for (const [step, value] of ['1', '2.5', '9007199254740993'].entries())
      store.put(metric, at % 2 === 0 ? { host: `h${at}` } : { host: `h${at}`, dc: 'x' }, START_MS + step * 60_000, value);
}

test('an OpenTSDB of 2.2 gives the same series as one that can be read raw', async () => {
  await using old = await startOpenTsdb({ version: '2.2' });
  await using new_ = await startOpenTsdb({});
  fill(old.store, 'kilda.a', 90);
  fill(new_.store, 'kilda.a', 90);
  const found = await linesOf(old.url, 'kilda.a');
  expect(found.length).toBe(90);
  expect(found).toEqual(await linesOf(new_.url, 'kilda.a'));
});

test.each([undefined, { 'a:b': 'x' }])(
  'an OpenTSDB of 2.2 gives also series whose names mean something in a query, tags asked for: %j',
  async (tags) => {
    await using old = await startOpenTsdb({ version: '2.2', specialCharacters: ':{},| ()=' });
    await using new_ = await startOpenTsdb({ specialCharacters: ':{},| ()=' });
    for (const { store } of [old, new_])
      for (const metric of ['kilda:a{b},c|d', 'kilda.plain'])
        for (let at = 0; at < 45; at++)
          store.put(metric, { 'a:b': at < 40 ? `v|{${at}},` : 'x', host: `h:${at}` }, START_MS + at, String(at));
    for (const metric of ['kilda:a{b},c|d', 'kilda.plain']) {
      const found = await linesOf(old.url, metric, tags);
      expect(found.length).toBe(tags === undefined ? 45 : 5);
      expect(found).toEqual(await linesOf(new_.url, metric, tags));
    }
  },
);

test('an OpenTSDB of 2.2 gives series whose sum is too large for a number', async () => {
  await using old = await startOpenTsdb({ version: '2.2' });
  for (const host of ['a', 'b'])
    for (const [step, value] of ['1.7976931348623157E308', '-1.7976931348623157E308'].entries())
      old.store.put('kilda.a', { host }, START_MS + step, value);
  expect(pointsIn(await linesOf(old.url, 'kilda.a')).length).toBe(4);
});

/** Hours of a metric that has no tag in common, one of few values, one of many, and one that cannot be asked for by its values. */
function fillMany(store: { put(metric: string, tags: Record<string, string>, ms: number, value: string): void }): void {
  for (let at = 0; at < 400; at++)
    for (let step = 0; step < 6; step++)
      store.put(
        'kilda.many',
        at % 50 === 0
          ? { name: `a|${at}` }
          : { dc: at % 3 === 0 ? 'x' : 'y', host: `h${at}`, ...(at % 2 === 0 ? { port: String(at % 7) } : {}) },
        START_MS + step * 1_800_000,
        String(at * 10 + step),
      );
}

test.each(['2.4', '2.2'] as const)(
  'of a metric that is too much for one query even for an hour, %s gives every point all the same',
  async (version) => {
    await using whole = await startOpenTsdb({ specialCharacters: '|' });
    await using limited = await startOpenTsdb({ specialCharacters: '|', maxPointsPerQuery: 150, version });
    fillMany(whole.store);
    fillMany(limited.store);
    const expected = pointsIn(await linesOf(whole.url, 'kilda.many'));
    expect(expected).toHaveLength(400 * 6);
    expect(pointsIn(await linesOf(limited.url, 'kilda.many'))).toEqual(expected);
    const asked = limited.log.requests.filter(({ path }) => path === '/api/search/lookup');
    expect(asked, 'its series are asked for once').toHaveLength(1);
    const hosts = { host: 'h1*', dc: 'x|y' };
    const some = pointsIn(await linesOf(whole.url, 'kilda.many', hosts));
    expect(some.length).toBeGreaterThan(300);
    expect(pointsIn(await linesOf(limited.url, 'kilda.many', hosts))).toEqual(some);
  },
);

test('an hour of one series that is too much for one query is said, and is not asked for for ever', async () => {
  await using server = await startOpenTsdb({});
  fill(server.store, 'kilda.a', 2);
  const refusal = JSON.stringify({
    error: { code: 413, message: 'Sorry, you have attempted to fetch more than our limit of 1 data points.' },
  });
  server.knobs.always('/api/query', { kind: 'reply', status: 413, body: refusal });
  await expect(linesOf(server.url, 'kilda.a')).rejects.toMatchObject({ code: 'LSH_TSDB_SERIES_TOO_LARGE', data: { retryable: false } });
  expect(server.log.requests.length).toBeLessThan(10);
  server.knobs.always('/api/search', { kind: 'status', status: 404 });
  await expect(linesOf(server.url, 'kilda.b')).rejects.toMatchObject({ code: 'LSH_TSDB_SERIES_UNLISTED' });
});

test('annotations come with the points of their window, named where the source does not name their series', async () => {
  await using server = await startOpenTsdb({});
  fill(server.store, 'kilda.a', 2);
  const [one, two] = server.store.series('kilda.a').map(({ tsuid }) => tsuid);
  const annotate = (ms: number, tsuid: string, description: string) => server.store.annotate({ startTime: ms, tsuid, description });
  annotate(START_MS + 1, one!, 'with "quotes" and ]}');
  annotate(START_MS + HOUR_MS - 1, two!, 'last of the hour');
  annotate(START_MS + HOUR_MS, two!, 'first of the next, which has no points');
  await using source = openTsdb.connect(target(server.url), deps);
  const read = async (startMs: number, annotations?: true) => {
    const range = { startMs, stopMs: startMs + HOUR_MS };
    const summary = await source.readFrame('kilda.a', range, async () => undefined, annotations ? { reading: { annotations } } : {});
    return { problems: summary.problems, told: summary.annotations?.map(({ labels, fields }) => [labels, fields.description]) };
  };
  const [first, second] = ['{"__name__":"kilda.a","host":"h0"}', '{"__name__":"kilda.a","host":"h1","dc":"x"}'];
  expect(await read(START_MS, true)).toEqual({
    problems: [],
    told: [
      [first, 'with "quotes" and ]}'],
      [second, 'last of the hour'],
    ],
  });
  const next = await read(START_MS + HOUR_MS, true);
  expect(next.told).toEqual([[second, 'first of the next, which has no points']]);
  expect(next.problems).toEqual([]);
  expect(await read(START_MS + HOUR_MS), 'an object without names and points is no loss').toEqual({ problems: [], told: undefined });
});

test('a server of small requests is learned, and what it takes is what was sent', async () => {
  await using server = await startOpenTsdb({ enableChunked: false });
  await using sink = openTsdbSink.connect(target(server.url), deps);
  const values = Array.from({ length: 2_000 }, (_, at) => String(at));
  const times = values.map((_, at) => String(START_MS + at * 1_000));
  const lines = Buffer.from(
    `{"metric":{"__name__":"kilda.put","host":"größe"},"values":[${values.join(',')}],"timestamps":[${times.join(',')}]}\n`,
  );
  const writer = new PutWriter(sink, { sync: false, exact: true }, deps, 64 * 1024);
  expect(await writer.send(putObjects(lines))).toEqual([]);
  expect(writer.bodyBytes).toBeLessThan(64 * 1024);
  await using source = openTsdb.connect(target(server.url), deps);
  const range = { startMs: START_MS, stopMs: START_MS + HOUR_MS };
  const { comparison, missingLines } = await compareWithOpenTsdb(source, 'kilda.put', range, lines, deps.signal);
  expect(comparison).toMatchObject({ points: 2_000, matched: 2_000, missing: 0, different: 0 });
  expect(missingLines).toEqual([]);
});

test('points a server will never take are named, the others are stored', async () => {
  await using server = await startOpenTsdb({});
  await using sink = openTsdbSink.connect(target(server.url), deps);
  const line = (metric: string): string => `{"metric":{"__name__":"${metric}","host":"a"},"values":[1],"timestamps":[${START_MS}]}\n`;
  const writer = new PutWriter(sink, { sync: false, exact: true }, deps);
  const rejected = await writer.send(putObjects(Buffer.from(line('kilda.good') + line('kilda:bad'))));
  expect(rejected).toMatchObject([{ reason: expect.stringContaining('illegal character') }]);
  expect(await linesOf(server.url, 'kilda.good')).toHaveLength(1);
});
