import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Json, Log } from '@longshore/core';
import { systemClock, systemRandom } from '@longshore/core';
import { afterEach, describe, expect, test } from 'vitest';
import { discover } from '../src/client/opentsdb/discovery.ts';
import { frameQuery } from '../src/client/opentsdb/queries.ts';
import { errorText, replyError } from '../src/client/opentsdb/replies.ts';
import type { OpenTsdbClient } from '../src/client/opentsdb/source.ts';
import { openTsdb } from '../src/client/opentsdb/source.ts';

const T = 1_678_233_600_000;
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});
const quiet: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

async function source(
  answer: (url: URL, response: ServerResponse, request: IncomingMessage) => void,
  settings: { [key: string]: Json } = {},
  secrets: { [key: string]: string } = {},
): Promise<OpenTsdbClient> {
  const server = createServer((request, response) => answer(new URL(request.url ?? '', 'http://x'), response, request)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/proxy/`;
  const target = { name: 'otsdb-old', system: 'opentsdb', address, settings, secrets };
  const client = openTsdb.connect(target, { clock: systemClock, random: systemRandom, signal: new AbortController().signal, log: quiet });
  open.push(client, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
  return client;
}

const seriesText = (metric: string, dps: string) =>
  JSON.stringify([{ metric, tags: { h: '1' }, aggregateTags: [], dps: [] }]).replace('"dps":[]', `"dps":${dps}`);

describe('a frame', () => {
  test('is one query whose names are percent-encoded, and its lines and summary come back', async () => {
    const asked: string[] = [];
    const client = await source(
      (_url, response, request) => {
        asked.push(`${request.url} ${request.headers.authorization} ${request.headers['accept-encoding']} ${request.headers['x-tenant']}`);
        response.end(seriesText('größe/a b+&c', `[[${T},9007199254740993],[${T + 1},0.30000001192092896]]`));
      },
      { headers: { 'x-tenant': 'a' } },
      { authorization: 'Bearer t' },
    );
    let lines = '';
    const summary = await client.readFrame('größe/a b+&c', { startMs: T, stopMs: T + 60_000 }, async (bytes) => {
      lines += bytes.toString();
    });
    expect(asked).toEqual([
      `/proxy/api/query?start=${T}&end=${T + 59_999}&m=none%3Agr%C3%B6%C3%9Fe%2Fa%20b%2B%26c&ms=true&arrays=true&no_annotations=true Bearer t identity a`,
    ]);
    expect(lines).toBe(
      `{"metric":{"__name__":"größe/a b+&c","h":"1"},"values":[9007199254740993,0.30000001192092896],"timestamps":[${T},${T + 1}]}\n`,
    );
    expect(summary).toMatchObject({
      points: 2,
      firstMs: T,
      lastMs: T + 1,
      lineBytes: Buffer.byteLength(lines),
      replyBytes: expect.any(Number),
      problems: [],
    });
  });

  test('of one millisecond is asked wider and filtered silently', async () => {
    const client = await source((url, response) => {
      expect([url.searchParams.get('start'), url.searchParams.get('end')]).toEqual([String(T), String(T + 1)]);
      response.end(seriesText('m', `[[${T},1],[${T + 1},2]]`));
    });
    const summary = await client.readFrame('m', { startMs: T, stopMs: T + 1 }, async () => undefined);
    expect([summary.points, summary.problems]).toEqual([1, []]);
  });

  test('is asked for in gzip when told, and cut-off gzip is an error', async () => {
    const whole = gzipSync(seriesText('m', `[[${T},1]]`));
    let wire = whole;
    const client = await source(
      (_url, response, request) => {
        expect(request.headers['accept-encoding']).toBe('gzip');
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(wire);
      },
      { compression: 'gzip' },
    );
    const read = () => client.readFrame('m', { startMs: T, stopMs: T + 10 }, async () => undefined);
    expect(await read()).toMatchObject({ points: 1, replyBytes: whole.length });
    wire = whole.subarray(0, whole.length - 4);
    await expect(read()).rejects.toMatchObject({ code: 'LSH_HTTP_BROKEN' });
  });

  test('early in 1970 is not taken for seconds', () => {
    expect(frameQuery('m', { startMs: 5_000, stopMs: 10_000 })).toMatchObject({
      query: { start: '0', end: '0004294967296' },
      asked: { startMs: 0, stopMs: 4_294_967_297 },
    });
    expect(frameQuery('m', { startMs: 5_000_000_000, stopMs: 5_000_000_010 }).query).toMatchObject({
      start: '0005000000000',
      end: '0005000000009',
    });
  });

  test('of a metric that cannot stand in m= is posted, and no form ever says delete', () => {
    const posted = frameQuery('a{b}', { startMs: T, stopMs: T + 10 });
    expect(posted).toMatchObject({ method: 'POST', query: { arrays: 'true' } });
    expect(JSON.parse(posted.body ?? '')).toEqual({
      start: String(T),
      end: String(T + 9),
      msResolution: true,
      noAnnotations: true,
      queries: [{ aggregator: 'none', metric: 'a{b}' }],
    });
    for (const metric of ['a', 'a{b}']) expect(JSON.stringify(frameQuery(metric, { startMs: T, stopMs: T + 10 }))).not.toMatch(/delete/i);
  });
});

describe('a refusal', () => {
  const body = (message: string) => JSON.stringify({ error: { code: 400, message, details: 'more', trace: 'java.lang.Secret' } });
  test.for([
    [400, body("No such name for 'metrics': 'm'"), 'LSH_TSDB_NO_SUCH_METRIC', false],
    [400, body('No such aggregation function: none'), 'LSH_TSDB_NO_RAW_READS', false],
    [400, body('Query is already executing with endpoint: x'), 'LSH_TSDB_SOURCE_BUSY', true],
    [400, body('Found out of order or duplicate data'), 'LSH_TSDB_SOURCE_DUPLICATES', false],
    [500, body('Found out of order or duplicate data'), 'LSH_TSDB_SOURCE_DUPLICATES', false],
    [400, body('End time'), 'LSH_TSDB_SOURCE_REFUSED', false],
    [401, '', 'LSH_TSDB_SOURCE_REFUSED', false],
    [404, '<html>Not <b>here</b></html>', 'LSH_TSDB_SOURCE_REFUSED', false],
    [302, '', 'LSH_TSDB_SOURCE_REFUSED', false],
    [413, body('too much'), 'LSH_TSDB_TOO_MUCH', true],
    [413, body('Sorry, you have attempted to fetch more than our limit of 5 data points.'), 'LSH_TSDB_OVER_LIMIT', true],
    [504, 'upstream', 'LSH_TSDB_SOURCE_TIMEOUT', true],
    [500, body('org.hbase.async.UnknownScannerException: Scanner 7 timed out'), 'LSH_TSDB_SOURCE_TIMEOUT', true],
    [408, body('late'), 'LSH_TSDB_TOO_MUCH', true],
    [424, body('HBase'), 'LSH_TSDB_SOURCE_BUSY', true],
    [429, '', 'LSH_TSDB_SOURCE_BUSY', true],
    [503, 'Service Unavailable', 'LSH_TSDB_SOURCE_BUSY', true],
  ] as const)('%i %s is %s', async ([status, text, code, retryable]) => {
    const client = await source((_url, response) => response.writeHead(status, { 'retry-after': '7' }).end(text));
    const read = client.readFrame('m', { startMs: T, stopMs: T + 10 }, async () => undefined);
    await expect(read).rejects.toMatchObject({
      code,
      data: { retryable, ...(code === 'LSH_TSDB_SOURCE_BUSY' ? { retryAfterMs: 7000 } : {}) },
    });
    await expect(read).rejects.toThrow(/^((?!Secret).)*$/);
  });

  test('is told in few words', () => {
    expect(errorText(`{"error":{"message":"${'long '.repeat(200)}"}}`).length).toBeLessThan(310);
    expect(errorText('<html>Not <b>here</b>\r\n\u0000</html>')).toBe('Not here');
    expect(errorText('{"err":"no"}')).toBe('no');
    expect(errorText('')).toBe('no reason given');
    expect(replyError({ status: 400, body: "No such name for 'tagk': 'x'", what: 'w', metric: 'm' }).code).toBe('LSH_TSDB_SOURCE_REFUSED');
  });
});

describe('a probe', () => {
  test('takes what the server has and does without the rest', async () => {
    const client = await source((url, response) => {
      if (url.pathname.endsWith('/version')) response.end('{"version":"BuildData"}');
      else if (url.pathname.endsWith('/aggregators')) response.end('["sum","none"]');
      else response.writeHead(404).end();
    });
    expect(await client.probe()).toEqual({ version: 'BuildData', rawReads: true });
  });

  test('settings that are none are refused', () => {
    const target = { name: 'x', system: 'opentsdb', address: 'http://127.0.0.1:1', settings: { compresion: 'gzip' }, secrets: {} };
    const deps = { clock: systemClock, random: systemRandom, signal: new AbortController().signal, log: quiet };
    expect(() => openTsdb.connect(target, deps)).toThrow(/settings of the source x/);
  });
});

describe('discovery', () => {
  const all = [...'abcXYZ']
    .flatMap((letter) => Array.from({ length: 9 }, (_, i) => `kilda.${letter}${i}`))
    .concat('kilda.ö1', 'kilda./x', 'kilda.');
  const suggestUpTo =
    (bound: number, log: string[] = []) =>
    async (prefix: string, max: number) => {
      log.push(prefix);
      return all
        .filter((name) => name.startsWith(prefix))
        .sort()
        .slice(0, Math.min(bound, max));
    };

  test('finds all names of the server in two requests, whatever their letters', async () => {
    const asked: string[] = [];
    const client = await source((url, response) => {
      asked.push(url.pathname + url.search);
      if (url.pathname.endsWith('/suggest')) response.end(JSON.stringify(['kilda.a', 'kilda.ö']));
      else response.writeHead(404).end();
    });
    expect(await client.metrics('kilda.')).toEqual({ metrics: ['kilda.a', 'kilda.ö'], complete: true });
    expect(asked.slice(1)).toEqual([
      '/proxy/api/suggest?type=metrics&q=kilda.&max=1000000',
      '/proxy/api/suggest?type=metrics&q=kilda.%C3%B6&max=1000000',
    ]);
  });

  test('goes deeper when a reply is as long as was asked for, and says that it may be incomplete', async () => {
    const found = await discover('kilda.', suggestUpTo(Number.POSITIVE_INFINITY), '', 10);
    expect(found).toMatchObject({ metrics: all.toSorted(), complete: false, reason: expect.stringContaining('more than 10') });
  });

  test('notices a bound the server does not tell', async () => {
    const found = await discover('kilda.', suggestUpTo(25), '');
    expect(found).toMatchObject({ metrics: all.toSorted(), complete: false });
    const log: string[] = [];
    expect(await discover('kilda.', suggestUpTo(1000, log), '')).toEqual({ metrics: all.toSorted(), complete: true });
    expect(log).toHaveLength(2);
    expect(await discover('none.', suggestUpTo(1000), '')).toEqual({ metrics: [], complete: true });
  });
});
