import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  batchSize,
  listBatches,
  openForDump,
  openForRestore,
  removeOperation,
  removeVerified,
  SpoolSuperseded,
  tombstonesOf,
} from '../src/index.ts';
import { dumpBatch, dumpChunk, FaultyFiles, OPERATION, openHalf, openReady, sampleChunk, temporarySpool, verifyAll } from './support.ts';

test('what was dumped is read back, byte by byte, with its facts', async () => {
  const spool = await temporarySpool();
  const lines = await dumpBatch(spool, 'b1', 5, { series: 7, points: 40, noise: 2_500_000 });
  const batch = await openReady(spool, 'b1');
  expect(batch.totals).toMatchObject({ chunks: 5, points: 5 * 280, series: 7 });
  expect(batch.meta).toEqual({ batch: 'b1' });
  for (const [chunk, expected] of lines.entries()) {
    expect((await batch.readLines(chunk)).equals(expected)).toBe(true);
    expect(await batch.digests(chunk)).toEqual(sampleChunk(chunk, { series: 7, points: 40 }).facts.series);
  }
  expect(await batch.check()).toEqual([]);
});

test('a finished dump is not begun again', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 1);
  const again = { operation: OPERATION, batch: 'b1', generation: 2, meta: null };
  expect(await openForDump(spool, again)).toMatchObject({ state: 'ready', totals: { points: 6 } });
  await verifyAll(await openReady(spool, 'b1'));
  expect(await openForDump(spool, again)).toMatchObject({ state: 'verified', totals: { points: 6 } });
  await removeVerified(spool, OPERATION, ['b1']);
  expect(await openForDump(spool, again)).toMatchObject({ state: 'removed', totals: { points: 6 } });
});

test('label texts stand in the manifest once', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 3);
  const manifest = await readFile(join(spool.root, OPERATION, 'b1.ready', 'manifest'), 'utf8');
  // In quotes: a random nonce may well hold the letters.
  expect(manifest.split('\\"h1\\"').length - 1).toBe(1);
});

test('a rolled back chunk leaves no byte behind, and its place is used by the next one', async () => {
  const spool = await temporarySpool();
  const folder = await openHalf(spool, 'b1', 1);
  const first = await dumpChunk(folder, 0);
  const writer = folder.beginChunk();
  await writer.write(sampleChunk(1, { noise: 3_000_000 }).lines);
  await writer.rollback();
  const third = await dumpChunk(folder, 2);
  await folder.finish();
  const batch = await openReady(spool, 'b1');
  expect(batch.entries.map(({ offset, length }) => [offset, length])).toEqual([
    [0, batch.entries[0]!.length],
    [batch.entries[0]!.length, batch.entries[1]!.length],
  ]);
  expect((await batch.readLines(0)).equals(first)).toBe(true);
  expect((await batch.readLines(1)).equals(third)).toBe(true);
});

test('an attempt goes on behind the entries of the one before, in a segment of its own', async () => {
  const spool = await temporarySpool();
  const first = await openHalf(spool, 'b1', 1);
  const lines = [await dumpChunk(first, 0), await dumpChunk(first, 1)];
  const unfinished = first.beginChunk();
  await unfinished.write(sampleChunk(2, { noise: 3_000_000 }).lines);
  // The first attempt is gone without a word: nothing of it is closed.
  const second = await openHalf(spool, 'b1', 2);
  expect(second.entries.map(({ chunk, metric, stopMs }) => [chunk, metric, stopMs])).toEqual([
    [0, 'kilda.a', sampleChunk(0).facts.stopMs],
    [1, 'kilda.a', sampleChunk(1).facts.stopMs],
  ]);
  expect(second.disregarded).toBeUndefined();
  lines.push(await dumpChunk(second, 2));
  await second.finish();
  const batch = await openReady(spool, 'b1');
  expect(batch.entries.map(({ segment }) => segment)).toEqual(['data.1', 'data.1', 'data.2']);
  for (const [chunk, expected] of lines.entries()) expect((await batch.readLines(chunk)).equals(expected)).toBe(true);
  await unfinished.rollback();
  await first.close();
});

test('an attempt woken from the dead changes nothing and is told so', async () => {
  const spool = await temporarySpool();
  const old = await openHalf(spool, 'b1', 1);
  await dumpChunk(old, 0);
  const young = await openHalf(spool, 'b1', 2);
  await expect(dumpChunk(old, 1, { series: 9 })).rejects.toSatisfy(SpoolSuperseded.is);
  const second = await dumpChunk(young, 1);
  await expect(dumpChunk(old, 2)).rejects.toSatisfy(SpoolSuperseded.is);
  await expect(old.finish()).rejects.toSatisfy(SpoolSuperseded.is);
  await young.finish();
  const batch = await openReady(spool, 'b1');
  expect(batch.totals).toMatchObject({ chunks: 2, points: 12, series: 2 });
  expect((await batch.readLines(1)).equals(second)).toBe(true);
});

test('an older generation does not take over from a newer one; the same one, given out twice, does', async () => {
  const spool = await temporarySpool();
  const five = await openHalf(spool, 'b1', 5);
  await dumpChunk(five, 0);
  await expect(openHalf(spool, 'b1', 4)).rejects.toSatisfy(SpoolSuperseded.is);
  const again = await openHalf(spool, 'b1', 5);
  await dumpChunk(again, 1);
  await expect(dumpChunk(five, 1)).rejects.toSatisfy(SpoolSuperseded.is);
  await again.finish();
  const batch = await openReady(spool, 'b1');
  expect(batch.entries[0]!.segment).toBe('data.5');
  expect(batch.entries[1]!.segment).toMatch(/^data\.5\.[a-z0-9]{8}$/);
  expect(await batch.check()).toEqual([]);
  await five.close();
});

test('two attempts that open at the same moment: one of them owns the folder, and the batch has each chunk once', async () => {
  const spool = await temporarySpool();
  const opened = await Promise.allSettled([openHalf(spool, 'b1', 1), openHalf(spool, 'b1', 2)]);
  const folders = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const written = await Promise.allSettled(folders.map((folder) => dumpChunk(folder, 0)));
  expect(written.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  await Promise.allSettled(folders.map((folder) => folder.finish()));
  const batch = await openReady(spool, 'b1');
  expect(batch.totals.chunks).toBe(1);
});

test('a crash between the end of the manifest and the rename is made up for', async () => {
  const files = new FaultyFiles();
  const spool = await temporarySpool(files);
  const folder = await openHalf(spool, 'b1', 1);
  await dumpChunk(folder, 0);
  files.fault = (step) => (step === 'rename' ? { code: 'EIO', when: 'before' } : undefined);
  await expect(folder.finish()).rejects.toMatchObject({ code: 'LSH_SPOOL_IO' });
  files.fault = undefined;
  expect(await listBatches(spool, OPERATION)).toEqual([{ batch: 'b1', state: 'dumping' }]);
  expect(await openForDump(spool, { operation: OPERATION, batch: 'b1', generation: 2, meta: null })).toMatchObject({
    state: 'ready',
    totals: { points: 6 },
  });
  expect((await openReady(spool, 'b1')).totals.points).toBe(6);
});

test('the restore log is replayed; an acknowledgement ends only its own sending', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 4);
  const first = await openReady(spool, 'b1');
  expect(first.progress(0)).toEqual({ state: 'unsent' });
  await first.sending([0, 1, 2], 1, 5000);
  await first.acknowledged(0, 1);
  await first.verified(new Map([[0, { points: 6, matched: 6, missing: 0, extra: 0, different: 0, precisionLost: 0 }]]));
  const second = await openReady(spool, 'b1');
  expect(second.progress(1)).toEqual({ state: 'sending', generation: 1, untilMs: 5000, sends: 1 });
  await second.sending(1, 2, 4000);
  await first.acknowledged(1, 1);
  await second.sending(2, 2, 9000);
  await second.acknowledged(2, 2);
  const third = await openReady(spool, 'b1');
  expect([0, 1, 2, 3].map((chunk) => third.progress(chunk))).toEqual([
    { state: 'verified', compared: { points: 6, matched: 6, missing: 0, extra: 0, different: 0, precisionLost: 0 }, sends: 1 },
    { state: 'sending', generation: 2, untilMs: 5000, sends: 2 },
    { state: 'acknowledged', generation: 2, sends: 2 },
    { state: 'unsent' },
  ]);
  await expect(third.markVerified()).rejects.toThrow('chunk 1 of batch b1 is sending, not verified');
});

test('a request that has ended without an acknowledgement is waited for until then, not for its longest time', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 4);
  const first = await openReady(spool, 'b1');
  await first.sending([0, 1, 2], 1, 5000);
  await first.ended([0], 1, 700);
  const second = await openReady(spool, 'b1');
  expect(second.progress(0)).toEqual({ state: 'sending', generation: 1, untilMs: 700, sends: 1 });
  // What another attempt may still do does not end with it; nor does an attempt end the requests of the next.
  await second.sending([0, 1], 2, 9000);
  await second.ended([0, 1], 2, 800);
  await second.sending(2, 2, 9000);
  await first.ended(2, 1, 700);
  // A later end says nothing new.
  await second.sending(3, 2, 900);
  await second.ended(3, 2, 1000);
  const third = await openReady(spool, 'b1');
  const sending = { state: 'sending', generation: 2 };
  for (const batch of [second, third])
    expect([0, 1, 2, 3].map((chunk) => batch.progress(chunk))).toEqual([
      { ...sending, untilMs: 800, sends: 2 },
      { ...sending, untilMs: 5000, sends: 2 },
      { ...sending, untilMs: 9000, sends: 2 },
      { ...sending, untilMs: 900, sends: 1 },
    ]);
});

test('a verified batch becomes a tombstone that still counts every series', async () => {
  const spool = await temporarySpool();
  for (const name of ['b1', 'b2']) {
    const folder = await openHalf(spool, name, 1);
    await dumpChunk(folder, 0, { series: 3 });
    await dumpChunk(folder, 1, { series: 2 });
    await dumpChunk(folder, 2, { series: 1, metric: 'kilda.b' });
    await folder.finish();
    await verifyAll(await openReady(spool, name));
  }
  await removeVerified(spool, OPERATION, ['b1', 'b2']);
  expect(await listBatches(spool, OPERATION)).toEqual([]);
  expect(await readdir(join(spool.root, OPERATION))).toEqual(['tombstones']);
  const opening = await openForRestore(spool, OPERATION, 'b2');
  expect(opening).toMatchObject({
    state: 'removed',
    tombstone: {
      batch: 'b2',
      meta: { batch: 'b2' },
      totals: { chunks: 3, points: 18, series: 4 },
      compared: { points: 18, matched: 18 },
      metrics: [
        { metric: 'kilda.a', points: 15, series: 3, hash: (0 + 1 + 2 + 1000 + 1001).toString(16).padStart(16, '0') },
        { metric: 'kilda.b', points: 3, series: 1 },
      ],
    },
  });
  const counts = await tombstonesOf(spool, OPERATION).seriesCounts('b2', 'kilda.a');
  expect([...counts.values()]).toEqual([6, 6, 3]);
  // The labels are written once, although two batches have them.
  expect((await readFile(join(spool.root, OPERATION, 'tombstones'), 'utf8')).match(/"k":"labels"/g)).toHaveLength(2);
  await removeOperation(spool, OPERATION);
  expect(await readdir(spool.root)).toEqual([]);
});

test('removal goes on after a crash at any of its steps', async () => {
  for (let failing = 1; failing < 20; failing += 1) {
    const files = new FaultyFiles();
    const spool = await temporarySpool(files);
    for (const name of ['b1', 'b2']) {
      await dumpBatch(spool, name, 2);
      await verifyAll(await openReady(spool, name));
    }
    let steps = 0;
    files.fault = (step) => {
      if (step === 'open') return undefined;
      steps += 1;
      return steps === failing ? { code: 'EIO', when: failing % 2 === 0 ? 'before' : 'after' } : undefined;
    };
    const outcome = await removeVerified(spool, OPERATION, ['b1', 'b2']).catch((error: unknown) => error);
    files.fault = undefined;
    await removeVerified(spool, OPERATION, ['b1', 'b2']);
    expect(await readdir(join(spool.root, OPERATION))).toEqual(['tombstones']);
    expect(await tombstonesOf(spool, OPERATION).batches()).toEqual(['b1', 'b2']);
    if (outcome === undefined) return;
  }
  throw new Error('the removal never came to its end');
});

test('a small batch takes few files and few flushes', async () => {
  const files = new FaultyFiles();
  const spool = await temporarySpool(files);
  await dumpBatch(spool, 'b0', 1);
  const flushes = (): number => (files.counts.get('sync') ?? 0) + (files.counts.get('syncFolder') ?? 0);
  let before = flushes();
  await dumpBatch(spool, 'b1', 1);
  expect(flushes() - before).toBe(4);
  expect(await readdir(join(spool.root, OPERATION, 'b1.ready'))).toEqual(['data.1', 'manifest']);

  before = flushes();
  const folder = await openHalf(spool, 'b2', 1);
  const writer = folder.beginChunk();
  await writer.commit({ metric: 'kilda.a', startMs: 0, stopMs: 1000, points: 0, series: [] });
  await folder.finish();
  expect(flushes() - before).toBe(3);
  expect(await readdir(join(spool.root, OPERATION, 'b2.ready'))).toEqual(['manifest']);
  expect((await batchSize(spool, OPERATION, { batch: 'b2', state: 'ready' })).inodes).toBe(2);

  before = flushes();
  const batch = await openReady(spool, 'b1');
  await verifyAll(batch);
  expect(flushes() - before).toBe(2);
  before = flushes();
  await verifyAll(await openReady(spool, 'b2'));
  expect(flushes() - before).toBe(0);
  await removeVerified(spool, OPERATION, ['b1', 'b2']);
  expect(flushes() - before).toBe(2);
});

test('no file stays open', async () => {
  const files = new FaultyFiles();
  const spool = await temporarySpool(files);
  await dumpBatch(spool, 'b1', 2);
  {
    const opening = await openForRestore(spool, OPERATION, 'b1');
    if (opening.state === 'removed') throw new Error('removed');
    await using batch = opening.batch;
    await batch.check();
    await verifyAll(batch);
  }
  await removeVerified(spool, OPERATION, ['b1']);
  expect(files.open_).toBe(0);
});
