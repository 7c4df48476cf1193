import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  giveUpYoungest,
  halfDumpToGiveUp,
  listBatches,
  openForDump,
  openSpool,
  removeVerified,
  type Spool,
  SpoolFull,
  SpoolSuperseded,
} from '../src/index.ts';
import {
  dumpBatch,
  dumpChunk,
  FaultyFiles,
  OPERATION,
  openHalf,
  openReady,
  type Step,
  temporaryFolder,
  temporarySpool,
  verifyAll,
} from './support.ts';

/** Whether this process may mount; said loudly when not, since then only injected faults are tested. */
function mountsPermitted(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    console.warn('cannot mount here:', error);
    return false;
  }
}
const mounts = mountsPermitted();
if (!mounts) console.warn('SKIPPED LOUDLY: not permitted to mount a tmpfs; really full disks are not tested in this run');

async function smallDisk(options: string): Promise<Spool> {
  const path = await temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', path]);
  });
  return openSpool({ name: 'small', path });
}

async function fillUntilFull(spool: Spool, batch: string, generation: number): Promise<number> {
  const folder = await openHalf(spool, batch, generation);
  try {
    for (;;) await dumpChunk(folder, folder.entries.length, { noise: 700_000 });
  } catch (error) {
    expect(error).toSatisfy(SpoolFull.is);
    return folder.entries.length;
  } finally {
    await folder.close();
  }
}

test.runIf(mounts)('a full disk closes nothing but the chunk it hit, and the dump goes on when there is room again', async () => {
  const spool = await smallDisk('size=8m');
  await writeFile(join(spool.root, 'ballast'), Buffer.alloc(4 << 20));
  const first = await fillUntilFull(spool, 'b1', 1);
  expect(first).toBeGreaterThan(2);
  expect(await listBatches(spool, OPERATION)).toEqual([{ batch: 'b1', state: 'dumping' }]);
  // Still full: the next attempt keeps what is there, and names the cause again.
  expect(await fillUntilFull(spool, 'b1', 2)).toBe(first);

  await rm(join(spool.root, 'ballast'));
  const folder = await openHalf(spool, 'b1', 3);
  expect(folder.entries).toHaveLength(first);
  await dumpChunk(folder, first, { noise: 700_000 });
  await folder.finish();
  const batch = await openReady(spool, 'b1');
  expect(await batch.check()).toEqual([]);
  expect(batch.totals.chunks).toBe(first + 1);
});

test.runIf(mounts)('without a single free byte neither a manifest nor a ready folder comes to be', async () => {
  const spool = await smallDisk('size=1m');
  const half = await openHalf(spool, 'b1', 1);
  await dumpChunk(half, 0);
  await writeFile(join(spool.root, 'ballast'), Buffer.alloc(2 << 20)).catch((error: unknown) =>
    expect(error).toMatchObject({ code: 'ENOSPC' }),
  );
  await expect(
    (async () => {
      for (let chunk = 1; ; chunk += 1) await dumpChunk(half, chunk, { series: 50 });
    })(),
  ).rejects.toSatisfy(SpoolFull.is);
  await half.close();
  await rm(join(spool.root, 'ballast'));
  const again = await openHalf(spool, 'b1', 2);
  expect(again.entries.length).toBeGreaterThan(0);
  await again.finish();
  expect(await (await openReady(spool, 'b1')).check()).toEqual([]);
});

test.runIf(mounts)('no inodes left is a full spool too', async () => {
  const spool = await smallDisk('size=8m,nr_inodes=20');
  const batches: string[] = [];
  const refused = await (async () => {
    for (let number = 10; ; number += 1) {
      await dumpBatch(spool, `b${number}`, 1);
      batches.push(`b${number}`);
    }
  })().catch((error: unknown) => error);
  expect(refused).toSatisfy(SpoolFull.is);
  const ready = (await listBatches(spool, OPERATION)).filter(({ state }) => state === 'ready').map(({ batch }) => batch);
  expect(ready).toEqual(batches);
  for (const name of ready) expect(await (await openReady(spool, name)).check()).toEqual([]);
});

test.runIf(mounts)('verified batches can be removed from a disk that is full to the last byte', async () => {
  const spool = await smallDisk('size=8m');
  await dumpBatch(spool, 'b1', 2, { noise: 500_000 });
  await verifyAll(await openReady(spool, 'b1'));
  await writeFile(join(spool.root, 'ballast'), Buffer.alloc(16 << 20)).catch((error: unknown) =>
    expect(error).toMatchObject({ code: 'ENOSPC' }),
  );
  await removeVerified(spool, OPERATION, ['b1']);
  expect(await readdir(join(spool.root, OPERATION))).toEqual(['tombstones']);
});

test('no room at any step: one error, nothing ready that is short, and the next attempt completes it', async () => {
  for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
    for (const when of ['before', 'after'] as const) {
      for (let failing = 1; ; failing += 1) {
        const files = new FaultyFiles();
        files.unflushed = true;
        const spool = await temporarySpool(files);
        let steps = 0;
        const watched: Step[] = ['write', 'sync', 'rename', 'syncFolder', 'makeFolder', 'open'];
        files.fault = (step) => {
          if (!watched.includes(step)) return undefined;
          steps += 1;
          return steps === failing ? { code, when } : undefined;
        };
        const outcome = await dumpBatch(spool, 'b1', 2).catch((error: unknown) => error);
        files.fault = undefined;
        for (const { batch, state } of await listBatches(spool, OPERATION)) {
          if (state !== 'ready') continue;
          const ready = await openReady(spool, batch);
          expect(await ready.check()).toEqual([]);
          await ready.close();
        }
        const opening = await openForDump(spool, { operation: OPERATION, batch: 'b1', generation: 2, meta: null });
        if (opening.state === 'dumping') {
          const { folder } = opening;
          while (folder.entries.length < 2) await dumpChunk(folder, folder.entries.length);
          await folder.finish();
        }
        const batch = await openReady(spool, 'b1');
        expect(batch.totals).toMatchObject({ chunks: 2, points: 12 });
        expect(await batch.check()).toEqual([]);
        if (Array.isArray(outcome)) break;
        expect(outcome).toSatisfy(SpoolFull.is);
        await batch.close();
        expect(files.open_).toBe(0);
      }
    }
  }
});

test('short writes are completed; a disk that takes nothing at all is full', async () => {
  const files = new FaultyFiles();
  const spool = await temporarySpool(files);
  files.writeAtMost = () => 7;
  await dumpBatch(spool, 'b1', 2);
  expect(await (await openReady(spool, 'b1')).check()).toEqual([]);
  files.writeAtMost = () => 0;
  await expect(dumpBatch(spool, 'b2', 1)).rejects.toSatisfy(SpoolFull.is);
});

test('the youngest half dump is given up, never the one it is done for, and its dumper is told', async () => {
  const spool = await temporarySpool();
  const folders = new Map<string, Awaited<ReturnType<typeof openHalf>>>();
  for (const name of ['b1', 'b2', 'b3', 'b4']) folders.set(name, await openHalf(spool, name, 1));
  for (const name of ['b1', 'b2', 'b3']) await dumpChunk(folders.get(name)!, 0);
  await dumpBatch(spool, 'b5', 1);

  // b4 has no data yet, b5 is no half dump.
  expect(await giveUpYoungest(spool, OPERATION, 'b1')).toBe('b3');
  await expect(dumpChunk(folders.get('b3')!, 1)).rejects.toSatisfy(SpoolSuperseded.is);
  expect(await giveUpYoungest(spool, OPERATION, 'b1')).toBe('b2');
  expect(await giveUpYoungest(spool, OPERATION, 'b1')).toBeUndefined();
  expect((await listBatches(spool, OPERATION)).map(({ batch }) => batch)).toEqual(['b1', 'b4', 'b5']);

  const again = await openHalf(spool, 'b3', 2);
  expect(again.entries).toEqual([]);
});

test('which half dump to give up', () => {
  const listing = [
    { batch: 'b10', state: 'dumping' as const },
    { batch: 'b2', state: 'dumping' as const },
    { batch: 'b11', state: 'ready' as const },
  ];
  const byNumber = (a: string, b: string): number => Number(a.slice(1)) - Number(b.slice(1));
  expect(halfDumpToGiveUp(listing, 'b1', byNumber)).toBe('b10');
  expect(halfDumpToGiveUp(listing, 'b1')).toBe('b2');
  expect(halfDumpToGiveUp(listing, 'b10', byNumber)).toBeUndefined();
  expect(halfDumpToGiveUp([], 'b1')).toBeUndefined();
});

test('a folder of somebody else among the files is named and left alone', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 1);
  await verifyAll(await openReady(spool, 'b1'));
  await mkdir(join(spool.root, OPERATION, 'b1.verified', 'theirs'));
  await expect(removeVerified(spool, OPERATION, ['b1'])).rejects.toMatchObject({ code: 'LSH_SPOOL_UNSAFE' });
});
