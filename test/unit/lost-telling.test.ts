/**
 * A worker lost between its last write and the telling: the next attempt reports the same, or the report is short of a batch. The first
 * was found by `faults --seed 99 --only kill-dumper`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Json, memoryStore, type Note, systemClock, type TaskContext } from '@longshore/core';
import { dpsFaults, startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { openSpool, removeVerified } from '@longshore/spool';
import { tsdb } from '@longshore/tsdb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BATCH, batchContext, OPERATION, START_MS } from '../support/batch-context.ts';

interface Told {
  tallies: [row: string, column: string, by: number][];
  notes: Note[];
}

let path: string;
beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-telling-'));
});
afterAll(() => rm(path, { recursive: true, force: true }));

async function attempt(task: string, generation: number, params: Json): Promise<Told> {
  const told: Told = { tallies: [], notes: [] };
  const context: TaskContext<unknown> = {
    ...batchContext({ task, generation, params, clock: systemClock, store: memoryStore(systemClock), path }),
    tally: (row, column, by) => void told.tallies.push([row, column, by]),
    note: (note) => void told.notes.push(note),
  };
  const end = await tsdb.tasks.find(({ name }) => name === task)!.run(context);
  expect(end?.output).toEqual({ points: 59 });
  return told;
}

test('what a finished folder and a removed one held is reported by whoever comes later', async () => {
  await using source = await startOpenTsdb();
  await using sink = await startVictoriaMetrics();
  const points = Array.from({ length: 60 }, (_, minute): [number, string] => [START_MS + minute * 60_000, String(minute)]);
  source.store.add({ metric: 'kilda.a', tags: { host: 'one' }, points });
  source.knobs.once('/api/query', { kind: 'rewrite', edit: dpsFaults.nan });

  const dump = { source: source.url, unit: 0, redo: 0, tally: 'all' };
  const dumped = await attempt('tsdb.dump-batch', 1, dump);
  expect(dumped.tallies).toEqual([
    ['kilda.a', 'dumped', 59],
    ['kilda.a', 'unsendable', 1],
  ]);
  expect(await attempt('tsdb.dump-batch', 2, dump)).toEqual(dumped);

  const restore = { sink: sink.url, batch: BATCH, from: OPERATION, existing: 'refuse', verify: true, redo: 0, tally: 'all' };
  const restored = await attempt('tsdb.restore-batch', 3, restore);
  expect(restored.tallies).toEqual([
    ['kilda.a', 'restored', 59],
    ['kilda.a', 'verified', 59],
  ]);
  expect(await attempt('tsdb.restore-batch', 4, restore)).toEqual(restored);

  await removeVerified(await openSpool({ name: 'local', path }), OPERATION, [BATCH]);
  expect(await attempt('tsdb.restore-batch', 5, restore)).toEqual(restored);
});
