/** Annotations: from an OpenTSDB into folders and into another one, each once; named where the sink has none. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Json, memoryStore, type Note, systemClock, type TaskContext } from '@longshore/core';
import { startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { openSpool, removeVerified } from '@longshore/spool';
import { tsdb } from '@longshore/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BATCH, batchContext, OPERATION, START_MS } from '../support/batch-context.ts';
import { fastClock } from '../support/fast-clock.ts';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-annotations-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

interface Ran {
  rows: Record<string, Record<string, number>>;
  notes: Note[];
  followers: unknown;
}

async function attempt(task: string, params: Json, proven: Json = {}, planned: { [key: string]: Json } = {}): Promise<Ran> {
  const rows: Ran['rows'] = {};
  const notes: Note[] = [];
  const usual = batchContext({ task, generation: 1, params, clock: systemClock, store: memoryStore(systemClock), path });
  const context: TaskContext<unknown> = {
    ...usual,
    plan: { ...(usual.plan as { [key: string]: Json }), ...planned },
    resultOf: async () => proven,
    tally(row, column, by) {
      rows[row] = { ...rows[row], [column]: (rows[row]?.[column] ?? 0) + by };
    },
    note: (note) => void notes.push(note),
  };
  const end = await tsdb.tasks.find(({ name }) => name === task)!.run(context);
  return { rows, notes, followers: end?.followers };
}

const restoring = (sink: string): { [key: string]: Json } => ({
  sink,
  existing: 'fill',
  batch: BATCH,
  from: OPERATION,
  verify: true,
  tally: 'all',
});
const dumping = (source: string): Json => ({ source, unit: 0, redo: 0, tally: 'all' });

async function startSource(points: boolean) {
  const source = await startOpenTsdb();
  // Ids are others than in the sink.
  source.store.addName('something.else');
  source.store.add({
    metric: 'kilda.a',
    tags: { host: 'one', dc: 'x' },
    points: points ? [[START_MS, '1']] : [[START_MS - 7_200_000, '1']],
  });
  const { tsuid } = source.store.series('kilda.a')[0]!;
  source.store.annotate({ startTime: START_MS / 1000 + 5, tsuid, description: 'größe', notes: 'n', custom: { by: 'x' } });
  source.store.annotate({ startTime: START_MS + 6_001, endTime: START_MS + 7_000, tsuid, description: 'to the ms' });
  source.store.annotate({ startTime: START_MS / 1000 + 3_600, tsuid, description: 'of the next window' });
  return source;
}

test.each([true, false])('into an OpenTSDB, in an hour with points: %s; what is there already stays', async (points) => {
  await using source = await startSource(points);
  await using sink = await startOpenTsdb();
  const dumped = await attempt('tsdb.dump-batch', dumping(source.url));
  expect(dumped.rows['kilda.a']).toMatchObject({ annotations: 2 });
  expect(dumped.followers, 'there is something to restore').toBe('run');
  expect(dumped.notes).toEqual([]);

  sink.store.put('kilda.a', { host: 'one', dc: 'x' }, START_MS - 1, '7');
  const { tsuid } = sink.store.series('kilda.a')[0]!;
  expect(tsuid).not.toBe(source.store.series('kilda.a')[0]!.tsuid);
  const facts = { serves: 'opentsdb', bodyBytes: 4096, queueMs: 0 };
  sink.store.annotate({ startTime: START_MS + 6_001, tsuid, description: 'somebody’s own' });
  const restored = await attempt('tsdb.put-batch', { ...restoring(sink.url), sync: false }, facts);
  const told = { annotationsMoved: 1, annotationsDifferent: 1 };
  expect(restored.rows['kilda.a']).toMatchObject(told);
  const again = await attempt('tsdb.put-batch', { ...restoring(sink.url), sync: false }, facts);
  expect(again.rows['kilda.a'], 'an attempt that finds all done tells the same').toMatchObject(told);
  expect(restored.notes.map(({ text }) => text).join()).toContain('the sink has another annotation');
  const there = sink.store.annotationsOf(tsuid, 0, Number.MAX_SAFE_INTEGER);
  expect(there).toMatchObject([
    { startTime: START_MS / 1000 + 5, description: 'größe', notes: 'n', custom: { by: 'x' } },
    { startTime: START_MS + 6_001, description: 'somebody’s own' },
  ]);
});

test('a sink that loses them makes the batch fail, to be tried again', async () => {
  await using source = await startSource(true);
  await using sink = await startOpenTsdb();
  await attempt('tsdb.dump-batch', dumping(source.url));
  sink.knobs.always('/api/annotation/bulk', { kind: 'reply', status: 200, body: '[]' });
  const facts = { serves: 'opentsdb', bodyBytes: 4096, queueMs: 0 };
  const clock = fastClock(50);
  const context: TaskContext<unknown> = {
    ...batchContext({
      task: 'restore',
      generation: 1,
      params: { ...restoring(sink.url), sync: false },
      clock,
      store: memoryStore(clock),
      path,
    }),
    resultOf: async () => facts,
  };
  const lost = tsdb.tasks.find(({ name }) => name === 'tsdb.put-batch')!.run(context);
  await expect(lost).rejects.toMatchObject({ code: 'LSH_TSDB_ANNOTATIONS_UNSEEN', data: { retryable: true } });
});

test('into a VictoriaMetrics they are counted and named', async () => {
  await using source = await startSource(true);
  await using sink = await startVictoriaMetrics({});
  await attempt('tsdb.dump-batch', dumping(source.url));
  const { rows, notes } = await attempt('tsdb.restore-batch', { ...restoring(sink.url), redo: 0 }, { encoding: 'plain', queueMs: 0 });
  expect(rows['kilda.a']).toMatchObject({ restored: 1, verified: 1 });
  expect(rows['kilda.a']?.annotationsMoved).toBeUndefined();
  expect(notes).toMatchObject([{ level: 'warning', text: expect.stringContaining('2 annotations (of 1 metrics)') }]);
});

const GLOBAL = 'global annotations';
const ALL = { annotations: 'all' };
const OPENTSDB = { serves: 'opentsdb', bodyBytes: 4096, queueMs: 0 };

async function startAnnotated() {
  const source = await startSource(true);
  source.store.annotate({ startTime: START_MS / 1000, description: 'deploy', custom: { by: 'x' } });
  source.store.annotate({
    startTime: START_MS + 8_001,
    endTime: START_MS + 7_200_000,
    description: 'to the ms, and longer than the window',
  });
  source.store.annotate({ startTime: START_MS / 1000 - 1, endTime: START_MS / 1000 + 5, description: 'of the window before' });
  source.store.annotate({ startTime: START_MS / 1000 + 3_600, description: 'of the next window' });
  return source;
}

test('those of no series go with the first slice of their window, and arrive once, also told when all is put away', async () => {
  await using source = await startAnnotated();
  await using sink = await startOpenTsdb();
  const dumped = await attempt('tsdb.dump-batch', dumping(source.url), {}, ALL);
  expect(dumped.rows).toEqual({ 'kilda.a': { dumped: 1, annotations: 2 }, [GLOBAL]: { annotations: 2 } });
  const slices = { ...ALL, metrics: ['kilda.a', 'kilda.b'], metricsPerBatch: 1 };
  const other = await attempt('tsdb.dump-batch', { source: source.url, unit: 1, redo: 0, tally: 'all' }, {}, slices);
  expect(other.rows[GLOBAL], 'not once more with another slice').toBeUndefined();

  const put = { ...restoring(sink.url), sync: false };
  const told = { 'kilda.a': { restored: 1, verified: 1, annotationsMoved: 2 }, [GLOBAL]: { annotationsMoved: 2 } };
  const restored = await attempt('tsdb.put-batch', put, OPENTSDB, ALL);
  expect(restored.rows).toMatchObject(told);
  const there = () => sink.store.annotationsOf('', 0, Number.MAX_SAFE_INTEGER).map(({ description }) => description);
  expect(there()).toEqual(['deploy', 'to the ms, and longer than the window']);
  expect(sink.log.requests.filter(({ path: asked }) => asked === '/api/annotation/bulk')).toHaveLength(2);
  expect((await attempt('tsdb.put-batch', put, OPENTSDB, ALL)).rows, 'done already').toMatchObject(told);
  await removeVerified(await openSpool({ name: 'local', path }), OPERATION, [BATCH]);
  expect((await attempt('tsdb.put-batch', put, OPENTSDB, ALL)).rows, 'put away already').toMatchObject(told);
  expect(there()).toHaveLength(2);
});

test('into a VictoriaMetrics those of no series are counted, before and after the batch is put away', async () => {
  await using source = await startAnnotated();
  await using sink = await startVictoriaMetrics({});
  await attempt('tsdb.dump-batch', dumping(source.url), {}, ALL);
  const restore = () => attempt('tsdb.restore-batch', { ...restoring(sink.url), redo: 0 }, { encoding: 'plain', queueMs: 0 }, ALL);
  const text = expect.stringContaining('4 annotations (of 1 metrics, and global ones)');
  expect((await restore()).notes).toMatchObject([{ level: 'warning', text }]);
  await removeVerified(await openSpool({ name: 'local', path }), OPERATION, [BATCH]);
  expect((await restore()).notes).toMatchObject([{ level: 'warning', text }]);
});

test('switched off they are neither asked for nor told, and what an earlier dump has of them stays', async () => {
  await using source = await startAnnotated();
  await using sink = await startOpenTsdb();
  const off = { annotations: 'none' };
  expect((await attempt('tsdb.dump-batch', dumping(source.url), {}, off)).rows).toEqual({ 'kilda.a': { dumped: 1 } });
  expect(source.log.requests.map(({ path: asked }) => asked)).toEqual(['/api/query']);
  expect(source.log.requests[0]!.query).toContain('no_annotations');
  await rm(join(path, OPERATION), { recursive: true });
  await attempt('tsdb.dump-batch', dumping(source.url), {}, ALL);
  const restored = await attempt('tsdb.put-batch', { ...restoring(sink.url), sync: false }, OPENTSDB, off);
  expect(restored.rows).toEqual({ 'kilda.a': { restored: 1, verified: 1 } });
  expect(sink.log.requests.some(({ path: asked }) => asked.startsWith('/api/annotation'))).toBe(false);
});

test.each(['source', 'folder'])('verify compares the annotations of a %s with those of an OpenTSDB', async (from) => {
  await using source = await startAnnotated();
  await using sink = await startOpenTsdb();
  await attempt('tsdb.dump-batch', dumping(source.url), {}, ALL);
  await attempt('tsdb.put-batch', { ...restoring(sink.url), sync: false }, OPENTSDB, ALL);
  const compare = () =>
    from === 'source'
      ? attempt('tsdb.compare-batch', { source: source.url, sink: sink.url, via: 'put', unit: 0 }, {}, ALL)
      : attempt('tsdb.compare-folder', { from: OPERATION, batch: BATCH, sink: sink.url, via: 'put' }, {}, ALL);
  const whole = { annotations: 2, annotationsVerified: 2 };
  expect(await compare()).toMatchObject({ rows: { 'kilda.a': { dumped: 1, verified: 1, ...whole }, [GLOBAL]: whole }, notes: [] });

  const { tsuid } = sink.store.series('kilda.a')[0]!;
  sink.store.annotate({ startTime: START_MS / 1000 + 5, tsuid, description: 'changed' });
  sink.store.annotate({ startTime: START_MS / 1000, description: 'changed, too' });
  sink.store.put('kilda.a', { host: 'one', dc: 'x' }, START_MS + 1, '7');
  sink.store.put('kilda.a', { host: 'two' }, START_MS + 1, '7');
  const { rows, notes } = await compare();
  expect(rows).toMatchObject({
    'kilda.a': { dumped: 1, verified: 1, extra: 2, foreign: 1, annotationsVerified: 1, annotationsDifferent: 1 },
    [GLOBAL]: { annotationsVerified: 1, annotationsDifferent: 1 },
  });
  expect(notes.map(({ text }) => text).join()).toContain('another annotation at 2026-01-01T00:00:00.000Z of no series');
  await using empty = await startOpenTsdb();
  const lost = await attempt('tsdb.compare-batch', { source: source.url, sink: empty.url, via: 'put', unit: 0 }, {}, ALL);
  expect(lost.rows).toMatchObject({ 'kilda.a': { missing: 1, annotationsMissing: 2 }, [GLOBAL]: { annotationsMissing: 2 } });
});

test('a plan says which annotations are moved: all, those of series where the source lists no others, or none', async () => {
  await using source = await startAnnotated();
  await using sink = await startOpenTsdb();
  const migrate = tsdb.kinds.find(({ name }) => name === 'tsdb.migrate')!;
  const plan = async (given: object) => {
    const params = migrate.params.parse({ source: source.url, sink: sink.url, startMs: START_MS, stopMs: START_MS + 1, ...given });
    const usual = batchContext({ task: 'plan', generation: 1, params: {}, clock: systemClock, store: memoryStore(systemClock), path });
    const { findings = [], summary, data } = await migrate.plan({ ...usual, params, liveSpools: async () => ['local'] });
    return { annotations: (data as { annotations?: string }).annotations, findings: findings.map(({ text }) => text), summary };
  };
  expect(await plan({})).toMatchObject({
    annotations: 'all',
    findings: [],
    summary: expect.arrayContaining([expect.stringContaining('annotations too')]),
  });
  const off = await plan({ annotations: 'off' });
  expect(off).toMatchObject({ annotations: 'none', findings: [] });
  expect(off.summary).toContain('annotations are left out');
  for (const [status, body] of [
    [404, ''],
    [500, 'no such rpc'],
    [200, '<html>welcome</html>'],
  ] as const) {
    source.knobs.clear();
    source.knobs.always('/api/annotations', { kind: 'reply', status, body });
    const series = await plan({});
    expect(series).toMatchObject({ annotations: 'series', findings: [expect.stringContaining('global annotations are left out')] });
  }
  source.knobs.clear();
  source.knobs.always('/api/annotations', { kind: 'status', status: 503 });
  await expect(plan({}), 'not now is not never').rejects.toMatchObject({ code: 'LSH_TSDB_SOURCE_BUSY' });
  expect((await plan({ annotations: 'off' })).findings).toEqual([]);
});
