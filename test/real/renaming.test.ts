/** Other names, and the listener for OpenTSDB's protocol, on a real VictoriaMetrics: sent, read back, found, and its query port proven. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOpenTsdb } from '@longshore/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realServer } from '../servers/real.ts';
import { type TsdbOperations, tsdbOperations } from '../support/tsdb-operations.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 1);
const RENAMING = { rename: ['kilda.*=flow.*'], prometheusNames: true, extraLabels: { dc: 'north' } };

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const putPort = await freePort();
const sink = await realServer('victoria-metrics', { own: true, flags: [`-opentsdbHTTPListenAddr=127.0.0.1:${putPort}`] });

describe.skipIf(!sink.there)(`a VictoriaMetrics${sink.there ? ` ${sink.version}` : ` (${sink.reason})`}`, () => {
  const url = sink.there ? sink.url : '';
  const listener = `http://127.0.0.1:${putPort}`;
  let path: string;
  let operations: TsdbOperations;
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'longshore-renaming-'));
    operations = await tsdbOperations(join(path, 'spool'));
  });
  afterAll(async () => {
    await operations[Symbol.asyncDispose]();
    if (sink.there) await sink.stop();
    await rm(path, { recursive: true, force: true });
  });

  /** Points by series of a metric. */
  const held = async (metric: string): Promise<Record<string, number>> => {
    await fetch(`${url}/internal/force_flush`);
    const query = new URLSearchParams({ 'match[]': `{__name__="${metric}"}`, start: '1' });
    const lines = (await (await fetch(`${url}/api/v1/export?${query}`)).text()).split('\n').filter((line) => line !== '');
    return Object.fromEntries(
      lines.map((line) => {
        const { metric: labels, values } = JSON.parse(line) as { metric: Record<string, string>; values: number[] };
        return [`${labels.switch_id} ${labels.dc}`, values.length];
      }),
    );
  };
  const source = async (metric: string) => {
    const server = await startOpenTsdb();
    for (const id of ['s1', 's2'])
      server.store.add({
        metric,
        tags: { 'switch-id': id, host: 'a' },
        points: Array.from({ length: 240 }, (_, at) => [START_MS + at * 30_000, at % 2 === 0 ? `${at}` : `${at}.125`]),
      });
    return server;
  };
  const window = { startMs: START_MS, stopMs: START_MS + 2 * HOUR_MS, intervalMs: HOUR_MS };

  test('has what was sent under its other names, in native blocks, too; verify and fill find it there', async () => {
    await using from = await source('kilda.a-b');
    const moving = { source: from.url, sink: url, ...window, settleMs: 100, ...RENAMING };
    const moved = await operations.run('tsdb.migrate', moving);
    expect({ state: moved.header.state, error: moved.header.error, notes: moved.notes }).toEqual({
      state: 'succeeded',
      error: undefined,
      notes: [],
    });
    expect(moved.rows).toMatchObject({ 'kilda.a-b → flow_a_b': { dumped: 480, restored: 480, verified: 480 } });
    expect(moved.header.counters.lookups ?? 0).toBe(0);
    expect(await held('flow_a_b')).toEqual({ 's1 north': 240, 's2 north': 240 });
    const verified = await operations.run('tsdb.verify', { source: from.url, sink: url, ...window, ...RENAMING });
    expect(verified).toMatchObject({ header: { state: 'succeeded' }, totals: { verified: 480 } });
    const filled = await operations.run('tsdb.migrate', { ...moving, existing: 'fill' });
    expect({ state: filled.header.state, points: filled.header.counters.points ?? 0 }).toEqual({ state: 'succeeded', points: 0 });
  }, 60_000);

  test('is read back behind its listener where --verify-url says, and nowhere else', async () => {
    await using from = await source('kilda.put');
    const dump = await operations.run('tsdb.dump', { source: from.url, ...window });
    const unknown = await operations.run('tsdb.restore', { from: dump.id, sink: listener, settleMs: 0 }, 'plan');
    expect(unknown.plan?.findings.map(({ text }) => text).join()).toContain('only takes points');
    const restored = await operations.run('tsdb.restore', { from: dump.id, sink: listener, verifyUrl: url, settleMs: 0, ...RENAMING });
    expect({ state: restored.header.state, error: restored.header.error, notes: restored.notes }).toEqual({
      state: 'succeeded',
      error: undefined,
      notes: [],
    });
    expect(restored.totals).toMatchObject({ restored: 480, verified: 480 });
    expect(await held('flow_put')).toEqual({ 's1 north': 240, 's2 north': 240 });
    const again = await operations.run('tsdb.migrate', { source: from.url, sink: listener, ...window, settleMs: 0 });
    expect(again.header.error).toMatchObject({ code: 'LSH_TSDB_UNVERIFIED', exitCode: 3 });
    const elsewhere = { source: from.url, sink: listener, verifyUrl: 'http://127.0.0.1:9', ...window };
    expect((await operations.run('tsdb.migrate', elsewhere, 'plan')).header.state).toBe('failed');
  }, 60_000);
});
