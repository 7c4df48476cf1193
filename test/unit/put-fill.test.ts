/** Over `/api/put` too only what is missing is sent, and an answer that was lost doubles nothing where the sink can be asked. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Json, memoryStore, type Note, systemClock, type TaskContext } from '@longshore/core';
import { startOpenTsdb, startVictoriaMetrics, type VictoriaMetricsStandIn } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BATCH, batchContext, OPERATION, START_MS } from '../support/batch-context.ts';

const POINTS = 60;
const TAGS = { host: 'one' };
const MINUTES = Array.from({ length: POINTS }, (_, minute): [number, string] => [START_MS + minute * 60_000, String(minute)]);

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-put-fill-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

interface Listener extends AsyncDisposable {
  url: string;
  /** Bytes of the largest body. */
  largest: number;
}

/** The listener in front of a VictoriaMetrics: takes points and says nothing of what it has. `lost`: answers that never come. */
async function startListener(behind: VictoriaMetricsStandIn, lost: number): Promise<Listener> {
  const http = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (request.url !== '/api/put') return response.writeHead(404).end();
    listener.largest = Math.max(listener.largest, body.length);
    for (const { metric, timestamp, value, tags } of JSON.parse(body)) {
      const labels = new Map<string, string>([['__name__', metric], ...(Object.entries(tags) as [string, string][])]);
      const time = timestamp < 2 ** 32 ? timestamp * 1000 : timestamp;
      const line = { metric: Object.fromEntries(labels), values: [value], timestamps: [time] };
      await fetch(`${behind.url}/api/v1/import`, { method: 'POST', body: `${JSON.stringify(line)}\n` });
    }
    lost -= 1;
    return lost >= 0 ? response.destroy() : response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const listener: Listener = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    largest: 0,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      });
    },
  };
  return listener;
}

/** Deadlines are longer. */
const LONGEST_PAUSE_MS = 30_000;

interface Told {
  tallies: Record<string, number>;
  notes: Note[];
}

/** `laterMs`: how much later it is for this attempt. `impatient`: pauses are short, deadlines as they are. */
async function attempt(task: string, generation: number, params: Json, proven: Json = {}, laterMs = 0, impatient = false): Promise<Told> {
  const told: Told = { tallies: {}, notes: [] };
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + laterMs,
    ...(impatient ? { sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms > LONGEST_PAUSE_MS ? ms : 1, signal) } : {}),
  };
  const context: TaskContext<unknown> = {
    ...batchContext({ task, generation, params, clock, store: memoryStore(systemClock), path }),
    resultOf: async () => proven,
    checkpoint: { load: async () => undefined, save: async () => undefined },
    tally(_row, column, by) {
      told.tallies[column] = (told.tallies[column] ?? 0) + by;
    },
    note: (note) => void told.notes.push(note),
  };
  await tsdb.tasks.find(({ name }) => name === task)!.run(context);
  return told;
}

async function dumped(): Promise<void> {
  await using source = await startOpenTsdb();
  source.store.add({ metric: 'kilda.a', tags: TAGS, points: MINUTES });
  await attempt('tsdb.dump-batch', 1, { source: source.url, unit: 0, redo: 0, tally: 'all' });
}
const putting = (sink: string, existing: 'refuse' | 'fill'): Json => ({
  sink,
  existing,
  batch: BATCH,
  from: OPERATION,
  verify: true,
  sync: false,
  tally: 'all',
  requestBytes: 1024,
});

for (const existing of ['refuse', 'fill'] as const)
  test(`answers of a listener are lost, ${existing}: the next attempt looks up what arrived, and nothing is there twice`, async () => {
    await dumped();
    await using behind = await startVictoriaMetrics();
    await using listener = await startListener(behind, 2);
    if (existing === 'fill')
      await fetch(`${behind.url}/api/v1/import`, {
        method: 'POST',
        body: `{"metric":{"__name__":"kilda.a","host":"one"},"values":[0,1],"timestamps":[${START_MS},${START_MS + 60_000}]}\n`,
      });
    const proven = { serves: 'put-only', bodyBytes: 1024, verifyUrl: behind.url, queueMs: 0 };
    await expect(attempt('tsdb.put-batch', 2, putting(listener.url, existing), proven)).rejects.toMatchObject({
      data: { retryable: true },
    });
    await expect(attempt('tsdb.put-batch', 3, putting(listener.url, existing), proven), 'it may still land').rejects.toThrow('looked up');
    const told = await attempt('tsdb.put-batch', 4, putting(listener.url, existing), proven, 600_000);
    expect(told.tallies).toEqual({ restored: POINTS, verified: POINTS });
    expect(behind.store().points).toBe(POINTS);
    expect(listener.largest, 'a body is no larger than was said').toBeLessThanOrEqual(1024);
  });

test('a listener nobody can ask behind: points whose answer was lost are sent again, and that is said', async () => {
  await dumped();
  await using behind = await startVictoriaMetrics();
  await using listener = await startListener(behind, 1);
  const told = await attempt('tsdb.put-batch', 2, putting(listener.url, 'fill'), { serves: 'put-only', bodyBytes: 1024 });
  expect(told.tallies).toEqual({ restored: POINTS });
  expect(behind.store().points).toBeGreaterThan(POINTS);
  expect(told.notes.map(({ text }) => text).join()).toContain('may keep them twice');
});

test('a point an OpenTSDB has with another number is not overwritten, but named', async () => {
  await dumped();
  await using sink = await startOpenTsdb();
  sink.store.put('kilda.a', TAGS, START_MS, '777');
  const told = await attempt('tsdb.put-batch', 2, putting(sink.url, 'fill'), { serves: 'opentsdb', bodyBytes: 1024, queueMs: 0 });
  expect(told.tallies).toEqual({ restored: POINTS, verified: POINTS - 1, different: 1 });
});

test('kilda-otsdb-restore says how many points a listener may have twice; an OpenTSDB has none', async () => {
  const rows = MINUTES.map(([ms, value]) => `${ms / 1000}.0|kilda.a|{'host': 'one'}|${value}\r\n`).join('');
  await writeFile(join(path, 'kilda.a.ndjson'), rows);
  await using behind = await startVictoriaMetrics();
  await using listener = await startListener(behind, 1);
  const told = await attempt('tsdb.kilda-restore-folder', 2, {
    folder: pathToFileURL(path).href,
    sink: listener.url,
    requestBytes: 1 << 20,
  });
  expect(told.tallies).toEqual({ restored: POINTS, maybeDoubled: POINTS });
  expect(told.notes.map(({ text }) => text).join()).toContain(`${POINTS} points were sent again`);
  expect(behind.store().points, 'it is true').toBe(2 * POINTS);

  expect(await readdir(path), 'nothing is in doubt').toEqual(['kilda.a.ndjson', 'kilda.a.ndjson.rmeta.json']);

  await rm(join(path, 'kilda.a.ndjson.rmeta.json'));
  await using sink = await startOpenTsdb();
  sink.knobs.once('/api/put', { kind: 'reset-after' });
  const again = await attempt('tsdb.kilda-restore-folder', 3, { folder: pathToFileURL(path).href, sink: sink.url, requestBytes: 1 << 20 });
  expect(again.tallies).toEqual({ restored: POINTS });
});

test('a batch that another kilda-otsdb-restore may have sent is sent again and said, once, whatever operation goes on', async () => {
  const rows = MINUTES.map(([ms, value]) => `${ms / 1000}.0|kilda.a|{'host': 'one'}|${value}\r\n`).join('');
  const folder = join(path, 'rows');
  await mkdir(folder);
  await writeFile(join(folder, 'kilda.a.ndjson'), rows);
  await using behind = await startVictoriaMetrics();
  await using listener = await startListener(behind, 0);
  const params = { folder: pathToFileURL(folder).href, sink: listener.url, requestBytes: 1 << 20 };
  // What a worker leaves that is killed between the answer and its note.
  await attempt('tsdb.kilda-restore-folder', 1, params);
  await rm(join(folder, 'kilda.a.ndjson.rmeta.json'));
  await writeFile(join(folder, '.restoring.json'), JSON.stringify({ sinks: [listener.url] }));
  const told = await attempt('tsdb.kilda-restore-folder', 2, params);
  expect(told.tallies).toEqual({ restored: POINTS, maybeDoubled: POINTS });
  expect(behind.store().points, 'it is true').toBe(2 * POINTS);
  expect((await attempt('tsdb.kilda-restore-folder', 3, params)).tallies).toEqual({});
  await writeFile(join(folder, 'kilda.b.ndjson'), rows.replaceAll('kilda.a', 'kilda.b'));
  expect((await attempt('tsdb.kilda-restore-folder', 4, params)).tallies, 'of what comes later nothing is in doubt').toEqual({
    restored: POINTS,
  });
});

test.each([
  ['refused', { kind: 'status', status: 400, body: '{"error":{"message":"no such thing"}}' } as const, 'no such thing', []],
  ['taken, and its answer lost', { kind: 'reset-after' } as const, 'closed', ['.restoring.json']],
])('after a request that was %s the folder says what is in doubt', async (_what, effect, error, left) => {
  const rows = MINUTES.map(([ms, value]) => `${ms / 1000}.0|kilda.a|{'host': 'one'}|${value}\r\n`).join('');
  const folder = join(path, 'rows');
  await mkdir(folder);
  await writeFile(join(folder, 'kilda.a.ndjson'), rows);
  await using sink = await startOpenTsdb();
  sink.knobs.always('/api/put', effect);
  const params = { folder: pathToFileURL(folder).href, sink: sink.url, requestBytes: 1 << 20 };
  await expect(attempt('tsdb.kilda-restore-folder', 1, params, {}, 0, true)).rejects.toThrow(error);
  expect((await readdir(folder)).filter((file) => file !== 'kilda.a.ndjson')).toEqual(left);
});
