/** Points and annotations into a real OpenTSDB, read back and compared there, also while the source is still written to. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '@longshore/core';
import { startOpenTsdb } from '@longshore/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realServer } from '../servers/real.ts';
import { type TsdbOperations, tsdbOperations } from '../support/tsdb-operations.ts';

const sink = await realServer('opentsdb');
const GLOBAL = 'global annotations';

describe.skipIf(!sink.there)(`an OpenTSDB${sink.there ? ` ${sink.version}` : ` (${sink.reason})`}`, () => {
  const url = sink.there ? sink.url : '';
  let path: string;
  let operations: TsdbOperations;
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'longshore-opentsdb-sink-'));
    operations = await tsdbOperations(join(path, 'spool'));
  });
  afterAll(async () => {
    await operations?.[Symbol.asyncDispose]();
    if (sink.there) await sink.stop();
    if (path) await rm(path, { recursive: true, force: true });
  });

  test('takes annotations of series and of none, each once, and is compared with', async () => {
    // Annotations of no series have no names: each run has an hour of its own.
    const startS = 3_600 * (100_000 + (Date.now() % 200_000));
    const metric = `into.${systemRandom.id(8)}`;
    await using source = await startOpenTsdb();
    source.store.add({ metric, tags: { host: 'a' }, points: Array.from({ length: 60 }, (_, at) => [(startS + at) * 1_000, String(at)]) });
    const { tsuid } = source.store.series(metric)[0]!;
    source.store.annotate({ startTime: startS + 1, tsuid, description: 'größe', custom: { by: 'x' } });
    source.store.annotate({ startTime: startS + 2, description: 'of none', notes: 'n' });
    source.store.annotate({
      startTime: startS * 1_000 + 3_123,
      endTime: (startS + 7_200) * 1_000,
      description: 'to the ms, beyond the end',
    });
    const window = { startMs: startS * 1_000, stopMs: (startS + 60) * 1_000, metricsPrefix: metric };
    const moving = { source: source.url, sink: url, ...window, intervalMs: 30_000 };
    const moved = await operations.run('tsdb.migrate', moving);
    expect({ error: moved.header.error, notes: moved.notes }).toEqual({ error: undefined, notes: [] });
    expect(moved.rows).toMatchObject({
      [metric]: { verified: 60, annotationsMoved: 1 },
      [GLOBAL]: { annotations: 2, annotationsMoved: 2 },
    });
    const filled = await operations.run('tsdb.migrate', { ...moving, existing: 'fill' });
    expect(filled).toMatchObject({ header: { state: 'succeeded' }, rows: moved.rows });
    expect(filled.header.counters).toMatchObject({ points: 0 });
    expect(filled.header.counters.annotations ?? 0, 'none is sent again').toBe(0);

    source.store.annotate({ startTime: startS + 2, description: 'of none, and changed' });
    const verified = await operations.run('tsdb.verify', moving);
    expect(verified.header.error).toMatchObject({ code: 'LSH_TSDB_INCOMPLETE', message: expect.stringContaining('1 annotations') });
    expect(verified.rows).toMatchObject({
      [metric]: { verified: 60, annotationsVerified: 1 },
      [GLOBAL]: { annotationsVerified: 1, annotationsDifferent: 1 },
    });
  }, 120_000);

  test('is followed into; what came late is looked up there and sent', async () => {
    const metric = `into.${systemRandom.id(8)}`;
    await using source = await startOpenTsdb();
    const startMs = Math.floor(Date.now() / 1_000) * 1_000;
    const put = (host: string, ms: number, value: string): void => source.store.put(metric, { host }, ms, value);
    put('a', startMs, '1');
    const params = { source: source.url, sink: url, startMs, metricsPrefix: metric, intervalMs: 1_000, graceMs: 10_000 };
    const followed = await operations.run('tsdb.follow', params, 'run', async (service, id) => {
      const reached = async (): Promise<number> => (await service.get(id)).header.reachedAt ?? 0;
      await expect.poll(reached, { timeout: 60_000 }).toBeGreaterThanOrEqual(startMs + 1_000);
      put('late', startMs + 500, '2.5');
      put('a', startMs + 1_500, '3');
      await expect.poll(reached, { timeout: 60_000 }).toBeGreaterThanOrEqual(startMs + 2_000);
      await service.act(id, 'finish', 'tester');
    });
    expect({ error: followed.header.error, notes: followed.notes }).toEqual({ error: undefined, notes: [] });
    expect(followed.totals).toMatchObject({ dumped: 3, restored: 3, verified: 3 });
    expect(followed.totals.late).toBeGreaterThanOrEqual(1);
    const reply = await fetch(`${url}/api/query?start=${startMs - 1}&end=${startMs + 60_000}&m=none:${metric}&ms&no_annotations`);
    const found = (await reply.json()) as { tags: { host: string }; dps: Record<string, number> }[];
    expect(Object.fromEntries(found.map(({ tags, dps }) => [tags.host, dps]))).toEqual({
      a: { [startMs]: 1, [startMs + 1_500]: 3 },
      late: { [startMs + 500]: 2.5 },
    });
  }, 120_000);
});
