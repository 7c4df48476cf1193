/** The client against a small server that answers, pushes back, cuts off or lies on demand. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { zstdDecompressSync } from 'node:zlib';
import type { Log } from '@longshore/core';
import { systemClock, systemRandom } from '@longshore/core';
import { afterEach, describe, expect, it } from 'vitest';
import { VictoriaMetricsClient } from '../src/client/victoriametrics/client.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {} };
const LINE = '{"metric":{"__name__":"kilda.a"},"values":[1,2],"timestamps":[1678233600000,1678233600001]}\n';
const RANGE = { startMs: 1_678_233_600_000, stopMs: 1_678_233_660_000 };

interface Seen {
  method: string;
  url: URL;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

type Answer = (seen: Seen, response: ServerResponse) => void;

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function serving(answer: Answer): Promise<{ address: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        url: new URL(request.url ?? '', 'http://vm'),
        headers: request.headers,
        body: Buffer.concat(parts),
      };
      seen.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  open.push({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

function clientOf(address: string, settings = {}, secrets = {}): VictoriaMetricsClient {
  const client = new VictoriaMetricsClient(
    { name: 'vm', system: 'victoriametrics', address, settings, secrets },
    { clock: systemClock, random: systemRandom, log },
  );
  open.push(client);
  return client;
}

const status =
  (code: number, text = '', headers = {}): Answer =>
  (_, response) =>
    void response.writeHead(code, headers).end(text);

describe('an import', () => {
  it('is acknowledged by a clean 204, and sent as it was asked to be', async () => {
    const { address, seen } = await serving(status(204));
    const client = clientOf(address, {}, { authorization: 'Bearer x' });
    expect(await client.importLines(Buffer.from(LINE), 'plain')).toEqual({ result: 'acknowledged' });
    const { zstdCompressSync } = await import('node:zlib');
    expect(await client.importLines(zstdCompressSync(LINE), 'zstd')).toEqual({ result: 'acknowledged' });
    expect(seen.map(({ method, url }) => `${method} ${url.pathname}`)).toEqual(['POST /api/v1/import', 'POST /api/v1/import']);
    expect(seen.map(({ headers }) => headers['content-encoding'])).toEqual([undefined, 'zstd']);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer x', 'Bearer x']);
    expect(String(seen[0]?.body)).toBe(LINE);
    expect(String(zstdDecompressSync(seen[1]?.body ?? ''))).toBe(LINE);
  });

  it.each([
    [200, 'unknown', 'LSH_VM_IMPORT_REFUSED'],
    [302, 'unknown', 'LSH_VM_IMPORT_REFUSED'],
    [400, 'unknown', 'LSH_VM_IMPORT_UNCERTAIN'],
    [401, 'unknown', 'LSH_VM_IMPORT_REFUSED'],
    [404, 'unknown', 'LSH_VM_IMPORT_REFUSED'],
    [429, 'pushed-back', 'LSH_VM_PUSHED_BACK'],
    [500, 'unknown', 'LSH_VM_IMPORT_UNCERTAIN'],
    [502, 'unknown', 'LSH_VM_IMPORT_UNCERTAIN'],
    [503, 'pushed-back', 'LSH_VM_PUSHED_BACK'],
  ])('answered with %d is %s', async (code, result, errorCode) => {
    const { address, seen } = await serving(status(code, 'cannot\n  do that'));
    const before = Date.now();
    const outcome = await clientOf(address).importLines(Buffer.from(LINE), 'plain', { queueMs: 1234 });
    expect(outcome).toMatchObject({ result, error: { code: errorCode, message: expect.stringContaining('cannot do that') } });
    expect('settledAtMs' in outcome && outcome.settledAtMs).toBeGreaterThanOrEqual(before + 1234);
    expect(seen).toHaveLength(1);
  });

  it('says how long it should wait', async () => {
    const { address } = await serving(status(503, '', { 'retry-after': '7' }));
    expect(await clientOf(address).importLines(Buffer.from(LINE), 'plain')).toMatchObject({
      result: 'pushed-back',
      retryAfterMs: 7000,
      error: { data: { retryAfterMs: 7000, retryable: true } },
    });
  });

  it('is unknown when the connection ends after the body', async () => {
    const { address, seen } = await serving((_, response) => void response.socket?.destroy());
    expect(await clientOf(address).importLines(Buffer.from(LINE), 'plain')).toMatchObject({ result: 'unknown' });
    expect(seen).toHaveLength(1);
  });

  it('is unknown when no answer comes', async () => {
    const { address } = await serving(() => undefined);
    expect(await clientOf(address, { deadlineMs: 100 }).importLines(Buffer.from(LINE), 'plain')).toMatchObject({
      result: 'unknown',
      error: { code: 'LSH_HTTP_TIMEOUT' },
    });
  });

  it('is not sent when nobody listens', async () => {
    const { address } = await serving(status(204));
    for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
    expect(await clientOf(address).importLines(Buffer.from(LINE), 'plain')).toMatchObject({ result: 'not-sent' });
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const { address } = await serving(() => stop.abort(new Error('the worker stops')));
    await expect(clientOf(address).importLines(Buffer.from(LINE), 'plain', { signal: stop.signal })).rejects.toThrow('the worker stops');
  });
});

async function exported(client: VictoriaMetricsClient): Promise<string> {
  let text = '';
  for await (const block of client.exportRange({ metric: 'kilda.a"', matchers: { host: 'h\\1' }, range: RANGE })) text += String(block);
  return text;
}

describe('an export', () => {
  it('asks for exactly the range', async () => {
    const { address, seen } = await serving(status(200, LINE + LINE));
    expect(await exported(clientOf(address))).toBe(LINE + LINE);
    expect(Object.fromEntries(seen[0]?.url.searchParams ?? [])).toEqual({
      'match[]': '{__name__="kilda.a\\"",host="h\\\\1"}',
      start: '2023-03-08T00:00:00.0003Z',
      end: '2023-03-08T00:00:59.9993Z',
      max_rows_per_line: '10000',
      deny_partial_response: '1',
    });
  });

  it('is refused with the words of the sink', async () => {
    const { address } = await serving(status(422, 'too many series'));
    await expect(exported(clientOf(address))).rejects.toMatchObject({
      code: 'LSH_VM_READ',
      message: expect.stringContaining('too many series'),
    });
  });

  it('that ends inside a line is no export', async () => {
    const { address } = await serving(status(200, LINE + LINE.slice(0, -1)));
    await expect(exported(clientOf(address))).rejects.toMatchObject({ code: 'LSH_VM_EXPORT' });
  });

  it('that breaks off between lines is no export', async () => {
    const { address } = await serving((_, response) => {
      response.writeHead(200, { 'content-length': LINE.length * 2 });
      response.write(LINE, () => response.socket?.end());
    });
    await expect(exported(clientOf(address))).rejects.toMatchObject({ code: 'LSH_HTTP_BROKEN' });
  });

  it('of nothing asks nothing', async () => {
    const { address, seen } = await serving(status(500));
    for await (const block of clientOf(address).exportRange({ metric: 'a', range: { startMs: 5, stopMs: 5 } }))
      expect(block).toBeUndefined();
    expect(seen).toEqual([]);
  });
});

function vector(...values: string[]): string {
  const result = values.map((value) => ({ metric: {}, value: [1, value] }));
  return JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
}

describe('counting', () => {
  const counts = async (query: Answer): Promise<{ points: number; paths: string[]; seen: Seen[] }> => {
    const { address, seen } = await serving((one, response) => {
      if (one.url.pathname === '/api/v1/query') query(one, response);
      else status(200, LINE)(one, response);
    });
    const points = await clientOf(address).countPoints('kilda.a', RANGE);
    return { points, paths: seen.map(({ url }) => url.pathname), seen };
  };

  it('is one query with the window of the range', async () => {
    const { points, seen } = await counts(status(200, vector('2016000')));
    expect(points).toBe(2_016_000);
    expect(Object.fromEntries(seen[0]?.url.searchParams ?? [])).toMatchObject({
      query: 'sum(count_over_time({__name__="kilda.a"}[60000ms]))',
      time: '2023-03-08T00:00:59.9993Z',
      nocache: '1',
    });
  });

  it.each([
    ['refuses', status(422, '{"status":"error"}')],
    ['finds nothing', status(200, vector())],
    ['is partial', status(200, JSON.stringify({ ...JSON.parse(vector('1')), isPartial: true }))],
    ['says something else', status(200, '{"status":"success","data":{"resultType":"matrix","result":[]}}')],
    ['finds no whole number', status(200, vector('NaN'))],
  ])('reads an export when the query %s', async (_, answer) => {
    expect(await counts(answer)).toMatchObject({ points: 2, paths: ['/api/v1/query', '/api/v1/export'] });
  });

  it('fails when the sink cannot be read at all', async () => {
    const { address } = await serving(status(401, 'who are you'));
    await expect(clientOf(address).countPoints('kilda.a', RANGE)).rejects.toMatchObject({ code: 'LSH_VM_READ' });
  });
});

describe('verifying a chunk', () => {
  it('asks for the largest value of the month when a cut has no reason in the chunk', async () => {
    const sent = '{"metric":{"__name__":"kilda.a"},"values":[0.5135],"timestamps":[1678233600000]}\n';
    const found = '{"metric":{"__name__":"kilda.a"},"values":[0],"timestamps":[1678233600000]}\n';
    const { address, seen } = await serving((one, response) => {
      if (one.url.pathname === '/api/v1/export') return status(200, found)(one, response);
      status(200, vector(one.url.searchParams.get('query')?.startsWith('max') ? '5' : '-9e18'))(one, response);
    });
    const { comparison } = await clientOf(address).verifyChunk(Buffer.from(sent), { metric: 'kilda.a', range: RANGE });
    expect(comparison).toMatchObject({ points: 1, matched: 0, different: 0, precisionLost: 1 });
    const queries = seen.filter(({ url }) => url.pathname === '/api/v1/query').map(({ url }) => url.searchParams);
    expect(queries.map((query) => query.get('query'))).toEqual([
      'max(max_over_time({__name__="kilda.a"}[2678400000ms]))',
      'min(min_over_time({__name__="kilda.a"}[2678400000ms]))',
    ]);
    expect(queries[0]?.get('time')).toBe('2023-03-31T23:59:59.9993Z');
  });
});

/** A sink in memory: keeps lines, or loses them as `loses` says. */
function keeping(loses: (part: string, encoding: string | undefined) => boolean, flags = ''): Answer {
  const kept: { labels: Record<string, string>; line: string }[] = [];
  return ({ url, headers, body }, response) => {
    const encoding = headers['content-encoding'];
    if (url.pathname === '/api/v1/import') {
      const text = encoding === 'zstd' ? String(zstdDecompressSync(body)) : String(body);
      for (const line of text.split('\n').filter((one) => one !== '')) {
        const labels = JSON.parse(line).metric;
        if (!loses(labels.part, encoding)) kept.push({ labels, line });
      }
      return status(204)({ url, headers, body, method: 'POST' }, response);
    }
    if (url.pathname === '/api/v1/export') {
      const part = /part="(\w+)"/.exec(url.searchParams.get('match[]') ?? '')?.[1];
      const found = kept.filter(({ labels }) => labels.part === part).map(({ line }) => `${line}\n`);
      return void response.end(found.join(''));
    }
    if (url.pathname === '/metrics') return void response.end(flags);
    if (url.pathname.endsWith('/delete_series')) return void response.writeHead(204).end();
    response.end();
  };
}

const FLAGS = `flag{name="retentionPeriod", value="1", is_set="false"} 1
flag{name="insert.maxQueueDuration", value="30s", is_set="true"} 1
flag{name="dedup.minScrapeInterval", value="1ms", is_set="true"} 1
vm_app_version{version="victoria-metrics-v1.147.0", short_version="v1.147.0"} 1
`;

describe('the probe', () => {
  const wanted = { oldestMs: Date.UTC(2020, 0), newestMs: Date.UTC(2023, 0) };

  it('finds zstd, the queue time and what else the server says, and cleans up', async () => {
    const { address, seen } = await serving(keeping(() => false, FLAGS));
    expect(await clientOf(address).probe(wanted)).toEqual({
      encoding: 'zstd',
      readBack: 'json',
      readBackReason: expect.stringContaining('-dedup.minScrapeInterval'),
      queueMs: 30_000,
      version: 'v1.147.0',
      retention: '1',
      dedupMs: 1,
      deleted: true,
      warnings: [expect.stringContaining('-dedup.minScrapeInterval')],
    });
    const removed = seen.find(({ url }) => url.pathname === '/api/v1/admin/tsdb/delete_series');
    expect(removed?.url.searchParams.get('match[]')).toMatch(/^\{__name__="longshore\.probe",run="[a-z0-9]{16}"\}$/);
  });

  it('falls back to plain bodies when zstd ones are acknowledged and lost', async () => {
    const { address } = await serving(keeping((_, encoding) => encoding === 'zstd'));
    expect(await clientOf(address).probe(wanted)).toMatchObject({ encoding: 'plain', queueMs: 60_000 });
    await expect(clientOf(address, { encoding: 'zstd' }).probe(wanted)).rejects.toMatchObject({ code: 'LSH_VM_ENCODING' });
  });

  it.each([['oldest'], ['newest']])('refuses a sink that drops the %s point', async (lost) => {
    const { address, seen } = await serving(keeping((part) => part === lost, FLAGS));
    await expect(clientOf(address).probe(wanted)).rejects.toMatchObject({
      code: 'LSH_SINK_RETENTION',
      message: expect.stringContaining(`the ${lost} wanted points`),
    });
    expect(seen.some(({ url }) => url.pathname === '/api/v1/admin/tsdb/delete_series')).toBe(true);
  });

  it('gives up on a sink that shows nothing', async () => {
    const { address } = await serving(keeping(() => true));
    await expect(clientOf(address, { readDeadlineMs: 100 }).probe(wanted)).rejects.toMatchObject({ code: 'LSH_VM_PROBE' });
  });

  it('says when it could not clean up', async () => {
    const keep = keeping(() => false);
    const { address } = await serving((one, response) => {
      if (one.url.pathname.endsWith('/delete_series')) status(401, 'key')(one, response);
      else keep(one, response);
    });
    expect(await clientOf(address).probe(wanted)).toMatchObject({
      deleted: false,
      warnings: [expect.stringContaining('could not be deleted')],
    });
  });
});

describe('a cluster', () => {
  it('is written, read and flushed in its own places', async () => {
    const { address, seen } = await serving(status(200, LINE));
    const client = clientOf(`${address}/insert/7/prometheus`);
    await client.importLines(Buffer.from(LINE), 'plain');
    await exported(client);
    expect(await client.flush()).toBe(false);
    expect(await clientOf(`${address}/insert/7/prometheus`, { storageUrls: [address] }).flush()).toBe(true);
    expect(seen.map(({ url }) => url.pathname)).toEqual([
      '/insert/7/prometheus/api/v1/import',
      '/select/7/prometheus/api/v1/export',
      '/internal/force_flush',
    ]);
  });
});
