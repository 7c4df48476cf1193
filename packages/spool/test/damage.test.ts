import { copyFile, cp, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '@longshore/core';
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
import { encodeLine } from '../src/line-log.ts';
import { dumpBatch, dumpChunk, OPERATION, openHalf, openReady, temporaryFolder, temporarySpool, verifyAll } from './support.ts';

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

/** A line whose checksum is right says what nobody can have meant: `change` gets its fields. */
async function forge(path: string, index: number, change: (fields: Record<string, Json>) => void): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  const fields = JSON.parse(lines[index]!.slice(9)) as Record<string, Json>;
  change(fields);
  lines[index] = encodeLine(fields).toString().trimEnd();
  await writeFile(path, lines.join('\n'));
}

const CANNOT_BE: { name: string; change(fields: Record<string, Json>): void; seenAt: 'opening' | 'digests' }[] = [
  { name: 'points without bytes', change: (fields) => Object.assign(fields, { length: 0 }), seenAt: 'opening' },
  { name: 'points without lines', change: (fields) => Object.assign(fields, { lineBytes: 0 }), seenAt: 'opening' },
  { name: 'bytes without points', change: (fields) => Object.assign(fields, { points: 0 }), seenAt: 'opening' },
  { name: 'labels that are no text', change: (fields) => Object.assign(fields, { labels: [5, '{}'] }), seenAt: 'opening' },
  { name: 'no series', change: (fields) => Object.assign(fields, { digests: [], pointHashes: [] }), seenAt: 'digests' },
  { name: 'fewer points in its series', change: (fields) => (fields.digests as Json[]).splice(1, 1, 2), seenAt: 'digests' },
  { name: 'a hash that is none', change: (fields) => (fields.digests as Json[]).splice(2, 1, '7'), seenAt: 'digests' },
  { name: 'a point hash that is none', change: (fields) => (fields.pointHashes as Json[]).splice(0, 1, 7), seenAt: 'digests' },
  { name: 'too few point hashes', change: (fields) => (fields.pointHashes as Json[]).pop(), seenAt: 'digests' },
];

test.each(CANNOT_BE)('a chunk of $name is refused, its checksum right or not', async ({ change, seenAt }) => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 1);
  await forge(join(spool.root, OPERATION, 'b1.ready', 'manifest'), 1, change);
  if (seenAt === 'opening')
    await expect(openForRestore(spool, OPERATION, 'b1')).rejects.toThrow(
      /manifest is damaged: the line at byte \d+ is no chunk that can be/,
    );
  else
    await expect((await openReady(spool, 'b1')).digests(0)).rejects.toThrow(
      /manifest is damaged: the series of chunk 0, at byte \d+, cannot be read/,
    );
});

test.each<[index: number, change: (fields: Record<string, Json>) => void]>([
  [0, (fields) => Object.assign(fields, { chunks: ['0'] })],
  [0, (fields) => Object.assign(fields, { generation: -1 })],
  [2, (fields) => Object.assign(fields, { chunk: 0.5 })],
  [3, (fields) => (fields.compared as Json[]).pop()],
  [3, (fields) => (fields.compared as Json[]).splice(1, 1, '6')],
])('line %i of a restore log is refused when it says what cannot be', async (index, change) => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 1);
  const batch = await openReady(spool, 'b1');
  await batch.sending([0], 1, 1000);
  await batch.sending([0], 2, 2000);
  await batch.acknowledged(0, 2);
  await batch.verified(new Map([[0, { points: 6, matched: 6, missing: 0, extra: 0, different: 0, precisionLost: 0 }]]));
  await forge(join(batch.path, 'restore'), index, change);
  await expect(openForRestore(spool, OPERATION, 'b1')).rejects.toThrow(
    /restore is damaged: the line at byte \d+ is no line of a restore log/,
  );
});

test('a folder of another batch under this name is refused', async () => {
  const spool = await temporarySpool();
  await dumpBatch(spool, 'b1', 1);
  await rename(join(spool.root, OPERATION, 'b1.ready'), join(spool.root, OPERATION, 'b2.ready'));
  await expect(openForRestore(spool, OPERATION, 'b2')).rejects.toThrow(/manifest is damaged: the line at byte 0 belongs to "op-1" "b1"/);
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

test('a line that lacked only its line feed is not made a whole one by the next attempt', async () => {
  const spool = await temporarySpool();
  const first = await openHalf(spool, 'b1', 1);
  await dumpChunk(first, 0);
  await first.close();
  await (await openHalf(spool, 'b1', 2)).close();
  const path = join(spool.root, OPERATION, 'b1.dumping', 'manifest');
  const text = await readFile(path);
  // The last line says behind which byte it goes on; with less before it, that cannot be.
  await writeFile(path, Buffer.concat([text.subarray(0, 20), text.subarray(40, -1)]));
  const third = await openHalf(spool, 'b1', 3);
  expect(third.entries).toEqual([]);
  await dumpChunk(third, 0);
  await third.finish();
  expect(await (await openReady(spool, 'b1')).check()).toEqual([]);
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
  await expect(tombstonesOf(damaged, OPERATION).batches()).rejects.toSatisfy(SpoolDamaged.is);
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
