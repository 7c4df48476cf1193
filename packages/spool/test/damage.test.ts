import { copyFile, cp, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  discardBatch,
  listBatches,
  openForDump,
  openForRestore,
  openSpool,
  type ReadyBatch,
  removeVerified,
  type Spool,
  SpoolDamaged,
  SpoolMissing,
  SpoolUnsafe,
  tombstonesOf,
} from '../src/index.ts';
import {
  dumpBatch,
  dumpChunk,
  FaultyFiles,
  OPERATION,
  openHalf,
  openReady,
  temporaryFolder,
  temporarySpool,
  verifyAll,
} from './support.ts';

async function flipBit(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at]! ^= 1;
  await writeFile(path, bytes);
}

const lineStart = (text: Buffer, index: number): number => {
  let at = 0;
  for (let line = 0; line < index; line += 1) at = text.indexOf(10, at) + 1;
  return at;
};

/** Each damages a ready folder of three chunks; the message must name the file and what is wrong with it. */
const DAMAGES: { name: string; damage(folder: string): Promise<void>; message: RegExp; seenAt: 'opening' | 'reading' }[] = [
  {
    name: 'a bit of a segment has flipped',
    damage: (folder) => flipBit(join(folder, 'data.1'), 20),
    message: /data\.1 is damaged: chunk 0 \(bytes 0 to \d+\) has the checksum [0-9a-f]+, the manifest says [0-9a-f]+/,
    seenAt: 'reading',
  },
  {
    name: 'a segment is short',
    damage: async (folder) => truncate(join(folder, 'data.1'), (await readFile(join(folder, 'data.1'))).length - 1),
    message: /data\.1 is damaged: data\.1 has \d+ bytes, chunk 2 ends at \d+/,
    seenAt: 'opening',
  },
  {
    name: 'a segment is missing',
    damage: (folder) => rm(join(folder, 'data.1')),
    message: /data\.1 is damaged: data\.1, which holds chunk 0, is missing/,
    seenAt: 'opening',
  },
  {
    name: 'the manifest is missing',
    damage: (folder) => rm(join(folder, 'manifest')),
    message: /manifest is damaged: it is missing/,
    seenAt: 'opening',
  },
  {
    name: 'a bit of the manifest has flipped',
    damage: async (folder) => {
      const path = join(folder, 'manifest');
      await flipBit(path, lineStart(await readFile(path), 2) + 30);
    },
    message: /manifest is damaged: the line at byte \d+ does not match its checksum/,
    seenAt: 'opening',
  },
  {
    name: 'the manifest lacks its last line',
    damage: async (folder) => {
      const path = join(folder, 'manifest');
      await truncate(path, lineStart(await readFile(path), 4));
    },
    message: /manifest is damaged: its last line, with the totals, is missing/,
    seenAt: 'opening',
  },
  {
    name: 'the manifest begins with garbage',
    damage: async (folder) =>
      writeFile(join(folder, 'manifest'), Buffer.concat([Buffer.alloc(100, 7), await readFile(join(folder, 'manifest'))])),
    message: /manifest is damaged: the line at byte 0 does not match its checksum/,
    seenAt: 'opening',
  },
  {
    name: 'a line of the manifest stands twice',
    damage: async (folder) => {
      const path = join(folder, 'manifest');
      const text = await readFile(path);
      const end = lineStart(text, 2);
      await writeFile(path, Buffer.concat([text.subarray(0, end), text.subarray(lineStart(text, 1), end), text.subarray(end)]));
    },
    message: /manifest is damaged: the line at byte \d+ is no chunk that can be/,
    seenAt: 'opening',
  },
];

for (const { name, damage, message, seenAt } of DAMAGES) {
  test(`named exactly: ${name}`, async () => {
    const spool = await temporarySpool();
    await dumpBatch(spool, 'b1', 3);
    await damage(join(spool.root, OPERATION, 'b1.ready'));
    if (seenAt === 'opening') {
      const error = await openForRestore(spool, OPERATION, 'b1').catch((thrown: unknown) => thrown);
      expect(SpoolDamaged.is(error) && error.message).toMatch(message);
    } else {
      const batch = await openReady(spool, 'b1');
      await expect(batch.readLines(0)).rejects.toThrow(message);
      expect((await batch.check()).map((each) => each.message)).toEqual([expect.stringMatching(message)]);
      expect((await batch.readLines(1)).length).toBeGreaterThan(0);
    }
    // And it can be made good: discarded and dumped again.
    await discardBatch(spool, OPERATION, 'b1');
    await dumpBatch(spool, 'b1', 3);
    expect(await (await openReady(spool, 'b1')).check()).toEqual([]);
  });
}

test('a folder of another batch under this name is refused', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 1);
  await rename(join(spool.root, OPERATION, 'b1.ready'), join(spool.root, OPERATION, 'b2.ready'));
  await expect(openForRestore(spool, OPERATION, 'b2')).rejects.toThrow(/manifest is damaged: the line at byte 0 belongs to "op-1" "b1"/);
});

test('a manifest cut anywhere in its last line resumes behind the line before it', async () => {
  const files = new FaultyFiles();
  files.unflushed = true;
  const spool = await temporarySpool(files);
  const half = await openHalf(spool, 'b1', 1);
  await dumpChunk(half, 0);
  await dumpChunk(half, 1);
  await half.close();
  const folder = join(spool.root, OPERATION, 'b1.dumping');
  const manifest = await readFile(join(folder, 'manifest'));
  const last = lineStart(manifest, 2);
  const saved = join(await temporaryFolder(), 'saved');
  await cp(folder, saved, { recursive: true });
  for (let size = last; size <= manifest.length; size += 1) {
    await rm(folder, { recursive: true, force: true });
    await cp(saved, folder, { recursive: true });
    await truncate(join(folder, 'manifest'), size);
    const resumed = await openHalf(spool, 'b1', 2);
    expect(resumed.entries).toHaveLength(size === manifest.length ? 2 : 1);
    expect(resumed.disregarded === undefined).toBe(size === manifest.length || size === last);
    while (resumed.entries.length < 3) await dumpChunk(resumed, resumed.entries.length);
    await resumed.finish();
    const batch = await openReady(spool, 'b1');
    expect(batch.totals).toMatchObject({ chunks: 3, points: 18, series: 2 });
    expect(await batch.check()).toEqual([]);
    await batch.close();
    await rm(batch.path, { recursive: true });
  }
});

test('whatever is done to the bytes of a half dump, the batch that comes of it is whole', async () => {
  const root = await temporaryFolder();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          file: fc.constantFrom('manifest', 'data.1'),
          at: fc.nat(1600),
          kind: fc.constantFrom('flip', 'cut', 'append', 'zero'),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      async (hurts) => {
        run += 1;
        const path = join(root, String(run));
        await mkdir(path);
        const spool = await openSpool({ name: 'a', path });
        const first = await openHalf(spool, 'b1', 1);
        for (let chunk = 0; chunk < 3; chunk += 1) await dumpChunk(first, chunk);
        await first.close();
        for (const { file, at, kind } of hurts) {
          const target = join(path, OPERATION, 'b1.dumping', file);
          const bytes = await readFile(target);
          if (kind === 'flip' && at < bytes.length) await flipBit(target, at);
          if (kind === 'cut') await truncate(target, Math.min(at, bytes.length));
          if (kind === 'append') await writeFile(target, Buffer.alloc(at, 'x\n'), { flag: 'a' });
          if (kind === 'zero') await writeFile(target, bytes.fill(0, Math.min(at, bytes.length)));
        }
        const second = await openHalf(spool, 'b1', 2);
        while (second.entries.length < 4) await dumpChunk(second, second.entries.length);
        await second.finish();
        const batch = await openReady(spool, 'b1');
        expect(batch.totals).toMatchObject({ chunks: 4, points: 24, series: 2 });
        const damages = await batch.check();
        // Bytes of a segment are compared with their checksum when they are read, not when a dump is resumed.
        if (!hurts.some(({ file, kind }) => file === 'data.1' && kind !== 'append')) expect(damages).toEqual([]);
        else for (const damage of damages) expect(damage.message).toContain('data.1 is damaged: chunk');
        await batch.close();
        await rm(path, { recursive: true });
      },
    ),
    { numRuns: 60 },
  );
});

test('a half dump that cannot be what we wrote is begun anew, and the damage is named', async () => {
  const spool = await temporarySpool();
  const half = await openHalf(spool, 'b1', 1);
  await dumpChunk(half, 0);
  await half.close();
  await rename(join(spool.root, OPERATION, 'b1.dumping'), join(spool.root, OPERATION, 'b2.dumping'));
  const again = await openHalf(spool, 'b2', 1);
  expect(again.redone?.message).toMatch(/b2\.dumping\/manifest is damaged: the line at byte 0 belongs to "op-1" "b1"/);
  expect(again.entries).toEqual([]);
});

test('a ready folder that lost its end goes back to being dumped, and keeps its chunks', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 3);
  const manifest = join(spool.root, OPERATION, 'b1.ready', 'manifest');
  await truncate(manifest, lineStart(await readFile(manifest), 4) + 5);
  const half = await openHalf(spool, 'b1', 2);
  expect(half.entries).toHaveLength(3);
  await half.finish();
  expect((await openReady(spool, 'b1')).totals.chunks).toBe(3);
});

async function sendAll(batch: ReadyBatch): Promise<void> {
  for (const { chunk } of batch.entries) {
    await batch.sending(chunk, 1, 1000);
    await batch.acknowledged(chunk, 1);
  }
}

test('after a damaged restore log nothing is believed to be unsent', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 2);
  const batch = await openReady(spool, 'b1');
  await sendAll(batch);
  await flipBit(join(batch.path, 'restore'), 12);
  const again = await openReady(spool, 'b1');
  expect(again.progress(0)).toMatchObject({ state: 'unknown' });
  expect(again.progress(1)).toEqual({ state: 'acknowledged', generation: 1, sends: 1 });
  expect(again.doubt?.message).toMatch(/restore is damaged: the line at byte 0 is broken/);
});

test('a batch dumped again after part of it was sent starts with every chunk unknown', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 2);
  await sendAll(await openReady(spool, 'b1'));
  await discardBatch(spool, OPERATION, 'b1');
  expect(await listBatches(spool, OPERATION)).toEqual([{ batch: 'b1', state: 'dumping' }]);
  await dumpBatch(spool, 'b1', 2);
  const again = await openReady(spool, 'b1');
  expect([0, 1].map((chunk) => again.progress(chunk).state)).toEqual(['unknown', 'unknown']);
  await again.sending(0, 2, 3000);
  expect((await openReady(spool, 'b1')).progress(0)).toEqual({ state: 'sending', generation: 2, untilMs: 3000, sends: 1 });
});

async function buried(spool: Spool, ...names: string[]): Promise<string> {
  for (const name of names) {
    await dumpBatch(spool, name, 1);
    await verifyAll(await openReady(spool, name));
    await removeVerified(spool, OPERATION, [name]);
  }
  return join(spool.root, OPERATION, 'tombstones');
}

test('a torn tombstone is passed over; a damaged one is an error for a batch that could be meant', async () => {
  const spool = await temporarySpool();
  const path = await buried(spool, 'b1');
  await writeFile(path, '0123abcd {"k":"batch","ba', { flag: 'a' });
  await buried(spool, 'b2');
  expect(await tombstonesOf(spool, OPERATION).batches()).toEqual(['b1', 'b2']);
  expect(await tombstonesOf(spool, OPERATION).find('b3')).toBeUndefined();

  const elsewhere = join(await temporaryFolder(), 'spool');
  await cp(spool.root, elsewhere, { recursive: true });
  await flipBit(join(elsewhere, OPERATION, 'tombstones'), (await readFile(path, 'utf8')).indexOf('"k":"batch","batch":"b1"'));
  const damaged = await openSpool({ name: 'a', path: elsewhere });
  expect(await tombstonesOf(damaged, OPERATION).find('b2')).toMatchObject({ batch: 'b2' });
  await expect(openForDump(damaged, { operation: OPERATION, batch: 'b1', generation: 9, meta: null })).rejects.toThrow(
    /tombstones is damaged: the line at byte \d+ does not match its checksum/,
  );
});

test('names that lead elsewhere are refused', async () => {
  const spool = await temporarySpool();
  for (const name of ['..', '../x', 'a/b', '/etc', '.hidden', 'A', '', 'a..b', 'a\0b', 'ä', 'x'.repeat(200)]) {
    await expect(openForDump(spool, { operation: name, batch: 'b', generation: 1, meta: null })).rejects.toSatisfy(SpoolUnsafe.is);
    await expect(openForDump(spool, { operation: 'op', batch: name, generation: 1, meta: null })).rejects.toSatisfy(SpoolUnsafe.is);
  }
});

test('symbolic links inside a spool are refused, whichever part is one', async () => {
  const spool = await temporarySpool();
  const outside = await temporaryFolder();
  const request = { operation: OPERATION, batch: 'b1', generation: 1, meta: null };

  await symlink(outside, join(spool.root, OPERATION));
  await expect(openForDump(spool, request)).rejects.toSatisfy(SpoolUnsafe.is);
  await rm(join(spool.root, OPERATION));

  await mkdir(join(spool.root, OPERATION));
  await symlink(outside, join(spool.root, OPERATION, 'b1.dumping'));
  await expect(openForDump(spool, request)).rejects.toSatisfy(SpoolUnsafe.is);
  await rm(join(spool.root, OPERATION, 'b1.dumping'));

  await dumpBatch(spool, 'b1', 1);
  const segment = join(spool.root, OPERATION, 'b1.ready', 'data.1');
  await copyFile(segment, join(outside, 'data'));
  await rm(segment);
  await symlink(join(outside, 'data'), segment);
  await expect(openForRestore(spool, OPERATION, 'b1')).rejects.toSatisfy(SpoolDamaged.is);
});

test('a spool whose folder is not there is named, not made', async () => {
  const path = join(await temporaryFolder(), 'not-mounted');
  await expect(openSpool({ name: 'a', path })).rejects.toSatisfy(SpoolMissing.is);
});
