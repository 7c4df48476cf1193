/** Annotations: from an OpenTSDB into folders and into another one, each once; named where the sink has none. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Json, memoryStore, type Note, systemClock, type TaskContext } from '@longshore/core';
import { startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
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

async function attempt(task: string, params: Json, proven: Json = {}): Promise<Ran> {
  const rows: Ran['rows'] = {};
  const notes: Note[] = [];
  const context: TaskContext<unknown> = {
    ...batchContext({ task, generation: 1, params, clock: systemClock, store: memoryStore(systemClock), path }),
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
  expect(restored.rows['kilda.a']).toMatchObject({ annotationsMoved: 2 });
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
  expect(notes).toMatchObject([{ level: 'warning', text: expect.stringContaining('2 annotations of 1 metrics') }]);
});
