/** What is put away, and when: nothing an upload may still write to, nothing that somebody still waits for. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GateClosed, type Json, ManualClock, memoryStore, type Store } from '@longshore/core';
import { startOpenTsdb, startVictoriaMetrics } from '@longshore/sandbox';
import { discardBatch, listBatches, openForDump, openForRestore, openSpool } from '@longshore/spool';
import { tsdb } from '@longshore/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BATCH, batchContext, OPERATION, START_MS } from '../support/batch-context.ts';

const MINUTE_MS = 60_000;

let path: string;
let clock: ManualClock;
let store: Store;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'longshore-putting-away-'));
  // Behind the time of the files: what they say of `restored at` is past.
  clock = new ManualClock(Date.now() + MINUTE_MS);
  store = memoryStore(clock);
});
afterEach(() => rm(path, { recursive: true, force: true }));

async function run(task: string, generation: number, params: Json): Promise<void> {
  const context = batchContext({ task, generation, params, clock, store, path });
  await tsdb.tasks.find(({ name }) => name === task)!.run(context);
}

async function dumpHour(source: { url: string }): Promise<void> {
  await run('tsdb.dump-batch', 1, { source: source.url, unit: 0, redo: 0, tally: 'all' });
}

async function sourceOfAnHour() {
  const source = await startOpenTsdb();
  const points = Array.from({ length: 60 }, (_, minute): [number, string] => [START_MS + minute * MINUTE_MS, String(minute)]);
  source.store.add({ metric: 'kilda.a', tags: { host: 'one' }, points });
  return source;
}

test('what a sink has lost is not sent again while an interrupted upload of it may still take effect', async () => {
  await using source = await sourceOfAnHour();
  await using sink = await startVictoriaMetrics();
  await using emptied = await startVictoriaMetrics();
  await dumpHour(source);
  await run('tsdb.restore-batch', 2, {
    sink: sink.url,
    batch: BATCH,
    from: OPERATION,
    existing: 'refuse',
    verify: true,
    redo: 0,
    tally: 'all',
  });

  const spool = await openSpool({ name: 'local', path });
  const opening = await openForRestore(spool, OPERATION, BATCH);
  if (opening.state !== 'verified') throw new Error(`the batch is ${opening.state}`);
  // An earlier attempt was cut off while it sent the batch once more.
  await opening.batch.sending([0], 3, clock.now() + MINUTE_MS);
  await opening.batch.close();

  const settle = { sink: emptied.url, from: OPERATION, verify: true, settleMs: 0, spool: 'local', last: true };
  await expect(run('tsdb.settle', 4, settle)).rejects.toBeInstanceOf(GateClosed);
  expect(emptied.log.matching('/api/v1/import')).toEqual([]);

  clock.advance(2 * MINUTE_MS);
  await run('tsdb.settle', 5, settle);
  expect(emptied.log.matching('/api/v1/import')).toHaveLength(1);
  emptied.store().flush();
  expect(emptied.store().points).toBe(60);
  expect(await store.permits(`sink:${emptied.url}/`, clock.now())).toEqual([]);
  expect(await listBatches(spool, OPERATION)).toEqual([]);
});

test('a dump that ends gives back the room it had reserved, and keeps what it has finished', async () => {
  await using source = await sourceOfAnHour();
  await dumpHour(source);
  const spool = await openSpool({ name: 'local', path });
  const half = await openForDump(spool, { operation: OPERATION, batch: 'b0000001', generation: 9, meta: null });
  if (half.state !== 'dumping') throw new Error(`the batch is ${half.state}`);
  await half.folder.close();
  const unbounded = { bytes: 1e15, inodes: 1e9 };
  for (const holder of [`${OPERATION}/b0000001`, 'op_other/b0000001'])
    await store.reserve('local', holder, { bytes: 100_000_000, inodes: 8 }, unbounded);

  await run('tsdb.cleanup', 10, { spool: 'local', last: true, keep: 'finished' });
  expect(await listBatches(spool, OPERATION)).toEqual([{ batch: BATCH, state: 'ready' }]);
  expect((await store.reservations('local')).map(({ holder }) => holder)).toEqual(['op_other/b0000001']);
});

test('a half dump that was finished a moment before it is given up is left alone', async () => {
  await using source = await sourceOfAnHour();
  await dumpHour(source);
  const spool = await openSpool({ name: 'local', path });
  await discardBatch(spool, OPERATION, BATCH, ['dumping']);
  expect(await listBatches(spool, OPERATION)).toEqual([{ batch: BATCH, state: 'ready' }]);
});

test('what a sink still lacks after a restore is sent by the next one that fills, and nothing else', async () => {
  await using source = await sourceOfAnHour();
  source.store.add({ metric: 'kilda.a', tags: { host: 'two' }, points: [[START_MS, '7']] });
  await using sink = await startVictoriaMetrics();
  await dumpHour(source);
  const params = { sink: sink.url, batch: BATCH, from: OPERATION, verify: true, redo: 0, tally: 'all' };
  const time = setInterval(() => clock.advance(500), 5);
  try {
    // Acknowledged, and kept in part, however often it is sent.
    const loses = sink.knobs.always('/api/v1/import', { kind: 'partial', keep: 0, status: 204 });
    await run('tsdb.restore-batch', 2, { ...params, existing: 'refuse' });
    const spool = await openSpool({ name: 'local', path });
    const lacking = async () => {
      const opening = await openForRestore(spool, OPERATION, BATCH);
      if (opening.state !== 'verified') throw new Error(`the batch is ${opening.state}`);
      await using batch = opening.batch;
      return batch.entries.filter(({ chunk }) => batch.lacks(chunk)).length;
    };
    expect(await lacking()).toBe(1);
    loses.remove();

    await run('tsdb.restore-batch', 3, { ...params, existing: 'refuse' });
    expect(await lacking(), 'without --existing fill it is only told again').toBe(1);
    await run('tsdb.restore-batch', 4, { ...params, existing: 'fill' });
    expect(await lacking()).toBe(0);
    const sent = sink.log.matching('/api/v1/import').length;
    await run('tsdb.restore-batch', 5, { ...params, existing: 'fill' });
    expect(sink.log.matching('/api/v1/import')).toHaveLength(sent);

    // Whoever fills it is lost while it sends: whatever comes next may neither put it away nor take it for done.
    const cut = await openForRestore(spool, OPERATION, BATCH);
    if (cut.state === 'removed') throw new Error('it was put away');
    await cut.batch.sending([0], 6, clock.now());
    await cut.batch.close();
    expect(await lacking()).toBe(1);
    await run('tsdb.restore-batch', 7, { ...params, existing: 'refuse' });
    expect(await lacking()).toBe(0);
  } finally {
    clearInterval(time);
  }
});
