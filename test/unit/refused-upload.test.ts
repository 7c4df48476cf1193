/** An upload that the sink has refused, or that never left, costs no more than its answer leaves open. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GateClosed, ManualClock, memoryStore } from '@longshore/core';
import { startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { tsdb } from '@longshore/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BATCH, batchContext, OPERATION, START_MS } from '../support/batch-context.ts';

const MINUTE_MS = 60_000;
const QUEUE_MS = 7_000;

let path: string;
let clock: ManualClock;
let store: ReturnType<typeof memoryStore>;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-refused-'));
  clock = new ManualClock(Date.now());
  store = memoryStore(clock);
  await using source = await startOpenTsdb();
  const points = Array.from({ length: 60 }, (_, minute): [number, string] => [START_MS + minute * MINUTE_MS, String(minute)]);
  source.store.add({ metric: 'kilda.a', tags: { host: 'one' }, points });
  await run('tsdb.dump-batch', 1, { source: source.url, unit: 0, redo: 0, tally: 'all' });
});
afterEach(() => rm(path, { recursive: true, force: true }));

async function run(task: string, generation: number, params: { [key: string]: string | number | boolean }, queueMs = 0): Promise<void> {
  const context = batchContext({ task, generation, params, clock, store, path });
  await tsdb.tasks.find(({ name }) => name === task)!.run({ ...context, resultOf: async () => ({ encoding: 'plain', queueMs }) });
}

const restore = (generation: number, sink: string, queueMs: number): Promise<void> =>
  run(
    'tsdb.restore-batch',
    generation,
    { sink, batch: BATCH, from: OPERATION, existing: 'refuse', verify: true, redo: 0, tally: 'all' },
    queueMs,
  );

test('one that was answered with 503 is waited for as long as a request may stand in the queue, and so is its place at the sink', async () => {
  await using sink = await startVictoriaMetrics({ visibleAfterMs: 0 });
  const refusal = sink.knobs.once('/api/v1/import', { kind: 'partial', keep: 0.5, status: 503 });
  await expect(restore(2, sink.url, QUEUE_MS)).rejects.toMatchObject({ code: 'LSH_VM_PUSHED_BACK' });
  expect(refusal.hits).toBe(1);
  expect(await store.permits(`sink:${sink.url}/`, clock.now())).toEqual([
    { holder: `${OPERATION}/${BATCH}`, untilMs: clock.now() + QUEUE_MS },
  ]);
  clock.advance(QUEUE_MS - 1);
  await expect(restore(3, sink.url, QUEUE_MS)).rejects.toBeInstanceOf(GateClosed);
  expect(sink.log.matching('/api/v1/import')).toHaveLength(1);
  clock.advance(1);
  await restore(4, sink.url, QUEUE_MS);
  sink.store().flush();
  expect(sink.store().points, 'what was taken of the refused one is not doubled').toBe(60);
  expect(await store.permits(`sink:${sink.url}/`, clock.now())).toEqual([]);
});

test('one that found nobody is sent again at once', async () => {
  const gone = await startVictoriaMetrics();
  const { url } = gone;
  await gone.close();
  await expect(restore(2, url, QUEUE_MS)).rejects.toMatchObject({ data: { retryable: true } });
  expect(await store.permits(`sink:${url}/`, clock.now())).toEqual([]);
  await using sink = await startVictoriaMetrics({ visibleAfterMs: 0, port: Number(new URL(url).port) });
  await restore(3, url, QUEUE_MS);
  sink.store().flush();
  expect(sink.store().points).toBe(60);
});
