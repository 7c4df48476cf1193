/** Series arrive under other names, all of them, or nothing is sent: whole operations, in every sink. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startOpenTsdb, startVictoriaMetrics, type VictoriaMetricsStandIn } from '@longshore/sandbox';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type TsdbOperations, tsdbOperations } from '../support/tsdb-operations.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 1);
const points = (from: number, count: number): [number, string][] =>
  Array.from({ length: count }, (_, at) => [START_MS + from * HOUR_MS + at * 60_000, String(from * 1000 + at)]);
const WINDOW = { startMs: START_MS, stopMs: START_MS + 2 * HOUR_MS, intervalMs: HOUR_MS };
const RENAMING = { rename: ['kilda.flow-*=flow.*'], prometheusNames: true, extraLabels: { dc: 'north' } };

let path: string;
let operations: TsdbOperations;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-renaming-'));
  operations = await tsdbOperations(join(path, 'spool'));
});
afterEach(async () => {
  await operations[Symbol.asyncDispose]();
  await rm(path, { recursive: true, force: true });
});

/** Series by their labels, each with its points. */
async function held(sink: VictoriaMetricsStandIn): Promise<Record<string, number>> {
  await fetch(`${sink.url}/internal/force_flush`);
  const text = await (await fetch(`${sink.url}/api/v1/export?match[]={__name__!=""}&start=1`)).text();
  const found: Record<string, number> = {};
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const { metric, values } = JSON.parse(line) as { metric: Record<string, string>; values: number[] };
    if (metric.__name__ === 'longshore.probe') continue;
    const key = JSON.stringify(Object.entries(metric).sort());
    found[key] = (found[key] ?? 0) + values.length;
  }
  return found;
}
const labels = (...pairs: [string, string][]): string => JSON.stringify(pairs.sort());

async function source() {
  const server = await startOpenTsdb();
  server.store.add({ metric: 'kilda.flow-bytes', tags: { 'switch-id': 's1', host: 'a' }, points: [...points(0, 60), ...points(1, 60)] });
  server.store.add({ metric: 'kilda.flow-bytes', tags: { 'switch-id': 's2', host: 'a' }, points: points(0, 10) });
  server.store.add({ metric: 'kilda.9.latency', tags: { 'a_b.c': 'x' }, points: points(1, 5) });
  return server;
}
const RENAMED = {
  [labels(['__name__', 'flow_bytes'], ['switch_id', 's1'], ['host', 'a'], ['dc', 'north'])]: 120,
  [labels(['__name__', 'flow_bytes'], ['switch_id', 's2'], ['host', 'a'], ['dc', 'north'])]: 10,
  [labels(['__name__', 'kilda_9_latency'], ['a_b_c', 'x'], ['dc', 'north'])]: 5,
};

test('migrated, restored, verified and filled under other names; the report has both', async () => {
  await using from = await source();
  await using sink = await startVictoriaMetrics();
  const migrating = { source: from.url, sink: sink.url, ...WINDOW, settleMs: 0, ...RENAMING };
  const plan = await operations.run('tsdb.migrate', migrating, 'plan');
  expect(plan.plan?.summary.join('\n')).toContain('2 of 2 metrics, such as kilda.9.latency → kilda_9_latency dc=north');
  const migrated = await operations.run('tsdb.migrate', migrating);
  expect({ state: migrated.header.state, error: migrated.header.error, notes: migrated.notes }).toEqual({
    state: 'succeeded',
    error: undefined,
    notes: [],
  });
  expect(Object.keys(migrated.rows).sort()).toEqual(['kilda.9.latency → kilda_9_latency', 'kilda.flow-bytes → flow_bytes']);
  expect(migrated.rows['kilda.flow-bytes → flow_bytes']).toMatchObject({ dumped: 130, restored: 130, verified: 130 });
  expect(await held(sink)).toEqual(RENAMED);

  const again = await operations.run('tsdb.migrate', migrating);
  expect(again.header.error).toMatchObject({ code: 'LSH_TSDB_SINK_NOT_EMPTY', message: expect.stringContaining('kilda_9_latency') });
  await fetch(`${sink.url}/api/v1/admin/tsdb/delete_series?match[]={__name__="flow_bytes",switch_id="s2"}`, { method: 'POST' });
  const verifying = { source: from.url, sink: sink.url, ...WINDOW, ...RENAMING };
  expect((await operations.run('tsdb.verify', verifying)).totals).toMatchObject({ verified: 125, missing: 10 });
  const filled = await operations.run('tsdb.migrate', { ...migrating, existing: 'fill' });
  expect(filled.header).toMatchObject({ state: 'succeeded', counters: { points: 10 } });
  expect(filled.rows['kilda.9.latency → kilda_9_latency']).toMatchObject({ present: 5, verified: 5 });
  expect(await held(sink)).toEqual(RENAMED);
  expect((await operations.run('tsdb.verify', verifying)).header.state).toBe('succeeded');
  const { rename: _none, ...other } = verifying;
  expect((await operations.run('tsdb.verify', other)).totals).toMatchObject({ missing: 130, verified: 5 });
}, 60_000);

describe('a dump goes into every sink', () => {
  test('VictoriaMetrics, under other names, once', async () => {
    await using from = await source();
    await using sink = await startVictoriaMetrics();
    const dump = await operations.run('tsdb.dump', { source: from.url, ...WINDOW });
    const compared = await operations.run('tsdb.verify', { from: dump.id, sink: sink.url, ...RENAMING });
    expect(compared.totals).toMatchObject({ dumped: 135, missing: 135 });
    const restored = await operations.run('tsdb.restore', { from: dump.id, sink: sink.url, settleMs: 0, ...RENAMING });
    expect({ state: restored.header.state, error: restored.header.error }).toEqual({ state: 'succeeded', error: undefined });
    expect(restored.rows['kilda.flow-bytes → flow_bytes']).toMatchObject({ restored: 130, verified: 130 });
    expect(await held(sink)).toEqual(RENAMED);
  }, 60_000);

  test('an OpenTSDB, read back from there', async () => {
    await using from = await source();
    await using to = await startOpenTsdb();
    const dump = await operations.run('tsdb.dump', { source: from.url, ...WINDOW });
    const rename = { rename: ['kilda.*=moved.*'], extraLabels: { dc: 'north' } };
    const restored = await operations.run('tsdb.restore', { from: dump.id, sink: to.url, via: 'put', ...rename });
    expect({ state: restored.header.state, error: restored.header.error, notes: restored.notes }).toEqual({
      state: 'succeeded',
      error: undefined,
      notes: [],
    });
    expect(restored.rows['kilda.flow-bytes → moved.flow-bytes']).toMatchObject({ restored: 130, verified: 130 });
    await using sink = await startVictoriaMetrics();
    const moved = await operations.run('tsdb.migrate', { source: to.url, sink: sink.url, ...WINDOW, settleMs: 0 });
    expect(moved.header.state).toBe('succeeded');
    expect(Object.values(await held(sink)).sort()).toEqual([10, 120, 5]);
    const refused = await operations.run('tsdb.restore', { from: dump.id, sink: to.url, via: 'put', existing: 'refuse', ...rename });
    expect(refused.header.error).toMatchObject({ code: 'LSH_TSDB_SINK_NOT_EMPTY' });
  }, 60_000);

  test('files of two dumps of one window, into one folder: the first ones stay', async () => {
    await using from = await source();
    const sink = pathToFileURL(join(path, 'out')).href;
    const dumps = [];
    for (const match of ['kilda.9*', 'kilda.flow*'])
      dumps.push(await operations.run('tsdb.dump', { source: from.url, ...WINDOW, startMs: START_MS + HOUR_MS, match: [match] }));
    const [one, other] = dumps.map(({ id }) => id) as [string, string];
    expect((await operations.run('tsdb.restore', { from: one, sink, via: 'lines' })).header.state).toBe('succeeded');
    const [file] = await readdir(join(path, 'out'));
    const before = await readFile(join(path, 'out', file!), 'utf8');
    const refused = await operations.run('tsdb.restore', { from: other, sink, via: 'lines' });
    expect({ state: refused.header.state, left: refused.totals.restored ?? 0 }).toEqual({ state: 'failed', left: 0 });
    expect(await readdir(join(path, 'out'))).toEqual([file]);
    expect(await readFile(join(path, 'out', file!), 'utf8')).toBe(before);
    // Nothing of it was written there, so it is free to go elsewhere.
    const elsewhere = await operations.run('tsdb.restore', { from: other, sink: `${sink}-2`, via: 'lines' });
    expect(elsewhere.header.state).toBe('succeeded');
  }, 60_000);

  test.each(['lines', 'text'] as const)(
    'files, as %s',
    async (via) => {
      await using from = await source();
      const dump = await operations.run('tsdb.dump', { source: from.url, ...WINDOW });
      const folder = join(path, 'out');
      const restored = await operations.run('tsdb.restore', { from: dump.id, sink: pathToFileURL(folder).href, via, ...RENAMING });
      expect({ state: restored.header.state, error: restored.header.error }).toEqual({ state: 'succeeded', error: undefined });
      expect(restored.totals).toMatchObject({ restored: 135, verified: 135 });
      const texts = await Promise.all((await readdir(folder)).sort().map((file) => readFile(join(folder, file), 'utf8')));
      expect(texts).toHaveLength(2);
      if (via === 'lines') {
        await using sink = await startVictoriaMetrics();
        for (const body of texts) await fetch(`${sink.url}/api/v1/import`, { method: 'POST', body });
        expect(await held(sink)).toEqual(RENAMED);
      } else {
        const rows = texts.join('').trimEnd().split('\n');
        expect(rows).toHaveLength(135);
        expect(rows[0]).toBe(`flow_bytes ${START_MS / 1000} 0 switch_id=s1 host=a dc=north`);
      }
    },
    60_000,
  );

  test('but one dump into one sink, under one set of names', async () => {
    await using from = await startOpenTsdb();
    from.store.add({ metric: 'kilda.a', tags: { 'a-b': 'x' }, points: points(0, 3) });
    from.store.add({ metric: 'kilda.a', tags: { a_b: 'x' }, points: points(1, 4) });
    await using sink = await startVictoriaMetrics();
    const dump = await operations.run('tsdb.dump', { source: from.url, ...WINDOW });
    const restoring = { from: dump.id, sink: sink.url, settleMs: 0 };
    const merging = await operations.run('tsdb.restore', { ...restoring, prometheusNames: true });
    expect(merging.header).toMatchObject({ state: 'failed', error: { code: 'LSH_TSDB_MERGE' } });
    expect(await held(sink)).toEqual({});
    const folder = join(path, 'spool', dump.id);
    expect(await readdir(folder), 'it is not bound to a sink').not.toContain('sink');
    expect(await readdir(join(path, 'spool'))).not.toContain(merging.id);
    const match = { ...restoring, rename: ['kilda.a=b'] };
    const restored = await operations.run('tsdb.restore', match);
    expect({ state: restored.header.state, totals: restored.totals }).toMatchObject({ state: 'succeeded', totals: { verified: 7 } });
    expect(await readFile(join(folder, 'sink'), 'utf8')).toBe(`${sink.url}, with other names (kilda.a=b)`);
  }, 60_000);

  test('and not under other names, once a part of it was sent', async () => {
    await using from = await source();
    const dump = await operations.run('tsdb.dump', { source: from.url, ...WINDOW });
    const out = join(path, 'out');
    await mkdir(out);
    await writeFile(join(out, '20260101T010000Z-20260101T020000Z-b0000001.jsonl'), 'of somebody else');
    const restoring = { from: dump.id, sink: pathToFileURL(out).href, via: 'lines', prometheusNames: true };
    const half = await operations.run('tsdb.restore', restoring);
    expect({ state: half.header.state, totals: half.totals }).toEqual({ state: 'failed', totals: { restored: 70, verified: 70 } });
    for (const change of [{ sink: `${restoring.sink}-2` }, { rename: ['kilda.a=b'] }, { via: 'text' }]) {
      const other = await operations.run('tsdb.restore', { ...restoring, ...change });
      expect({ error: other.header.error, totals: other.totals }).toMatchObject({ error: { code: 'LSH_TSDB_OTHER_SINK' }, totals: {} });
      expect(other.header.error?.message).toContain('with other names (names as Prometheus allows them)');
    }
  }, 60_000);
});

describe('two series never become one', () => {
  test('metrics: the plan says which, and nothing is sent', async () => {
    await using from = await startOpenTsdb();
    for (const metric of ['kilda.a-b', 'kilda.a.b', 'kilda.c']) from.store.add({ metric, tags: { host: 'a' }, points: points(0, 3) });
    await using sink = await startVictoriaMetrics();
    const migrating = { source: from.url, sink: sink.url, ...WINDOW, settleMs: 0 };
    const { header, plan } = await operations.run('tsdb.migrate', { ...migrating, prometheusNames: true });
    expect(header.error).toMatchObject({ code: 'LSH_TSDB_MERGE', exitCode: 4 });
    expect(plan?.findings[0]?.text).toBe('the metric kilda.a-b and the metric kilda.a.b would both become kilda_a_b in the sink');
    const starred = await operations.run('tsdb.migrate', { ...migrating, rename: ['kilda.*=x'] });
    expect(starred.header.error).toMatchObject({ code: 'LSH_TSDB_MERGE' });
    expect(await held(sink)).toEqual({});
  }, 60_000);

  const MERGING: [string, Record<string, string>[], { prometheusNames?: boolean; extraLabels?: Record<string, string> }, RegExp][] = [
    [
      'tags of series that show up later',
      [{ 'a-b': 'x' }, { a_b: 'x' }],
      { prometheusNames: true },
      /the tag "a[-_]b" and the tag "a[-_]b" would both/,
    ],
    ['tags of one series', [{ 'a-b': 'x', 'a.b': 'y' }], { prometheusNames: true }, /the tag "a-b" and the tag "a\.b" would both/],
    [
      'a tag that is there already with another value',
      [{ dc: 'south' }],
      { extraLabels: { dc: 'north' } },
      /it has the tag dc=south, and dc=north/,
    ],
    ['a tag that some series have already', [{ h: 'a' }, { h: 'a', dc: 'n' }], { extraLabels: { dc: 'n' } }, /the tag "dc"/],
    ['a tag that becomes the name of the metric', [{ '-.name--': 'x' }], { prometheusNames: true }, /take the place of the metric's name/],
  ];
  test.each(MERGING)(
    '%s',
    async (_what, tags, renaming, sentence) => {
      await using from = await startOpenTsdb();
      for (const [hour, each] of tags.entries()) from.store.add({ metric: 'kilda.a', tags: each, points: points(hour, 3) });
      from.store.add({ metric: 'kilda.b', tags: { host: 'a' }, points: points(1, 2) });
      await using sink = await startVictoriaMetrics();
      const migrating = { source: from.url, sink: sink.url, ...WINDOW, settleMs: 0, ...renaming };
      const { header, notes } = await operations.run('tsdb.migrate', migrating);
      expect(header).toMatchObject({
        state: 'failed',
        error: { code: 'LSH_TSDB_INCOMPLETE', message: expect.stringContaining('1 batches failed') },
      });
      expect(notes.map(({ text }) => text).join('\n')).toMatch(sentence);
      // Of the series that would be one, those of one batch at most.
      const { ...found } = await held(sink);
      for (const metric of ['kilda.b', 'kilda_b'])
        delete found[labels(['__name__', metric], ['host', 'a'], ...Object.entries(renaming.extraLabels ?? {}))];
      expect([[], [3]]).toContainEqual(Object.values(found));
      expect(await readdir(join(path, 'spool')), 'its folders are put away').not.toContain(header.id);
      const verified = await operations.run('tsdb.verify', { source: from.url, sink: sink.url, ...WINDOW, ...renaming });
      expect(verified.header).toMatchObject({ state: 'failed' });
    },
    60_000,
  );
});
