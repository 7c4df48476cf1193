/**
 * Damaged folders of a spool, against a plain reader: what a restore reads is what is there, to the last chunk, or an error names the file.
 * A half dump that was damaged is gone on with, and ends as the whole dump or with an error that names the chunk.
 */
import { LongshoreError } from '@longshore/core';
import {
  type ChunkFacts,
  type ChunkSeries,
  type DumpFolder,
  openForDump,
  openForRestore,
  openSpool,
  type Spool,
  SpoolSuperseded,
} from '@longshore/spool';
import { beforeAll, expect, test } from 'vitest';
import { Dice, damaged, fuzz } from './harness.ts';
import { MemoryFiles, MODIFIED_MS } from './memory-files.ts';
import { type NaiveBatch, naiveBatch, naiveCrc } from './naive-spool.ts';

const OPERATION = 'op-1';
const BATCH = 'b1';
const HOME = `/spool/${OPERATION}/${BATCH}`;
const START_MS = 1_678_233_600_000;
const HOUR_MS = 3_600_000;

interface Chunk {
  lines: string;
  facts: ChunkFacts;
}

type Files = ReadonlyMap<string, Buffer>;

interface Base {
  chunks: Chunk[];
  /** How it was when only some of it had been dumped, by however many attempts. */
  half: Files;
  /** With a restore begun, or ended. */
  whole: Files;
}

const digits = (dice: Dice): string => dice.times(16, () => dice.below(16).toString(16)).join('');

function chunk(dice: Dice, number: number): Chunk {
  let lines = '';
  const series: ChunkSeries[] = [];
  for (const host of dice.oneIn(6) ? [] : [...new Set(dice.times(1 + dice.below(3), () => dice.pick(['a', 'größe', '"', 'h4'])))]) {
    const labels = JSON.stringify({ __name__: 'kilda.a', host });
    const points = 1 + dice.below(dice.oneIn(6) ? 60 : 4);
    const values = dice.times(points, () => dice.below(1e9));
    lines += `{"metric":${labels},"values":[${values}],"timestamps":[${values.map((_, at) => START_MS + number * HOUR_MS + at)}]}\n`;
    series.push({ labels, points, hash: digits(dice), ...(dice.oneIn(3) ? {} : { pointsHash: digits(dice) }) });
  }
  const facts: ChunkFacts = {
    metric: dice.pick(['kilda.a', 'größe "']),
    startMs: START_MS + number * HOUR_MS,
    stopMs: START_MS + (number + 1) * HOUR_MS,
    points: series.reduce((sum, { points }) => sum + points, 0),
    series,
    ...(series.length === 0 ? {} : { firstMs: START_MS, lastMs: START_MS + dice.below(HOUR_MS) }),
    ...(dice.oneIn(4) ? { notes: [{ kind: 'nan', count: 1 }] } : {}),
  };
  return { lines, facts };
}

async function spoolOf(files: MemoryFiles, dice: Dice): Promise<Spool> {
  files.put('/spool/marker', Buffer.alloc(0));
  const random = { id: () => digits(dice).slice(0, 8), next: () => dice.below(1e9) / 1e9 };
  return openSpool({ name: 'a', path: '/spool' }, { files, random: random as never });
}

async function put(folder: DumpFolder, { lines, facts }: Chunk): Promise<void> {
  const writer = folder.beginChunk();
  try {
    await writer.write(Buffer.from(lines));
    await writer.commit(facts);
  } finally {
    await writer.rollback();
  }
}

async function attempt(spool: Spool, generation: number): Promise<DumpFolder> {
  const opening = await openForDump(spool, { operation: OPERATION, batch: BATCH, generation, meta: { generation } });
  if (opening.state !== 'dumping') throw new Error(opening.state);
  return opening.folder;
}

/** A folder as some attempts have left it: each goes on behind the last, and one that was replaced writes once more. */
async function made(dice: Dice): Promise<Base> {
  const files = new MemoryFiles();
  const spool = await spoolOf(files, dice);
  const chunks = dice.times(1 + dice.below(4), (number) => chunk(dice, number));
  const stop = dice.below(chunks.length + 1);
  let half: Files | undefined;
  let replaced: DumpFolder | undefined;
  for (let generation = 1; ; generation++) {
    const folder = await attempt(spool, generation);
    if (replaced !== undefined) {
      await expect(put(replaced, chunks[replaced.entries.length]!)).rejects.toSatisfy(SpoolSuperseded.is);
      await replaced.close();
      replaced = undefined;
    }
    const goal = generation > 2 ? chunks.length : dice.below(chunks.length + 1);
    for (let number = folder.entries.length; number < goal; number++) {
      if (number === stop) half ??= files.filesIn(`${HOME}.dumping`);
      await put(folder, chunks[number]!);
    }
    if (goal === chunks.length) {
      half ??= files.filesIn(`${HOME}.dumping`);
      await folder.finish();
      break;
    }
    if (dice.oneIn(2)) replaced = folder;
    else await folder.close();
    if (dice.oneIn(2)) {
      const manifest = files.filesIn(`${HOME}.dumping`).get('manifest')!;
      files.put(`${HOME}.dumping/manifest`, Buffer.concat([manifest, Buffer.from('1234abcd {"k":"chu')]));
      await replaced?.close();
      replaced = undefined;
    }
  }
  const opening = await openForRestore(spool, OPERATION, BATCH);
  if (opening.state === 'removed') throw new Error(opening.state);
  await using batch = opening.batch;
  for (const { chunk: number, points } of batch.entries) {
    const generation = 1 + dice.below(2);
    if (!dice.oneIn(4)) await batch.sending([number], generation, START_MS + dice.below(1000));
    if (dice.oneIn(3)) await batch.sending([number], 1 + dice.below(3), START_MS + dice.below(1000));
    if (dice.oneIn(3)) await batch.ended([number], 1 + dice.below(3), START_MS + dice.below(1000));
    if (!dice.oneIn(4)) await batch.acknowledged(number, dice.oneIn(4) ? 2 : generation);
    const compared = { points, matched: points, missing: 0, extra: dice.below(2), different: 0, precisionLost: 0 };
    if (!dice.oneIn(4)) await batch.verified(new Map([[number, compared]]));
  }
  return { chunks, half, whole: files.filesIn(`${HOME}.ready`) };
}

const BASES = 200;
const bases: Base[] = [];
beforeAll(async () => {
  for (let number = 0; number < BASES; number++) bases.push(await made(new Dice(1, number)));
});

const HOSTILE: readonly unknown[] = [
  ...[0, -0, 1, 2, -1, 0.5, 255, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1, 2 ** 53, 1e300, -1e300],
  ...[null, true, false, '', '0', '../manifest', 'data.1', 'data.2', 'data.', '/etc/passwd', 'chunk', 'end', 'owner', '\u0000'],
  ...[[], [0], [null], ['{}'], [0, 1, '0'.repeat(16)], {}, { k: 'owner' }],
];

/** Undefined where an earlier damage has hit the line. */
function recordIn(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(line.slice(9), 'latin1').toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Lines with a right checksum and something in them that cannot be, or in another order, or not all of them. */
function forged(bytes: Buffer, dice: Dice, fields: boolean): Buffer {
  const lines = bytes.toString('latin1').split('\n').slice(0, -1);
  const at = dice.below(lines.length);
  const line = lines[at] ?? '';
  switch (dice.below(fields ? 6 : 3)) {
    case 0:
      lines.splice(at, 1 + dice.below(2));
      break;
    case 1:
      lines.splice(dice.below(lines.length + 1), 0, line);
      break;
    case 2:
      lines.splice(dice.below(lines.length), 0, ...lines.splice(at, 1));
      break;
    default: {
      const record = recordIn(line);
      if (record === undefined) break;
      const key = dice.pick(Object.keys(record));
      const value = record[key];
      if (dice.oneIn(6)) delete record[key];
      else if (Array.isArray(value) && value.length > 0 && !dice.oneIn(3)) value[dice.below(value.length)] = dice.pick(HOSTILE);
      else if (typeof value === 'number' && dice.oneIn(2)) record[key] = value + dice.pick([-1, 1, 2 ** 31]);
      else record[key] = dice.pick(HOSTILE);
      const json = Buffer.from(JSON.stringify(record));
      lines[at] = `${naiveCrc(json).toString(16).padStart(8, '0')} ${json.toString('latin1')}`;
    }
  }
  return Buffer.from(lines.map((text) => `${text}\n`).join(''), 'latin1');
}

/** One file or some damaged, missing, or of another folder. `fields`: lines of logs as well that say what cannot be; or they are another folder's. */
function hurt(files: Files, others: Files, dice: Dice, fields: boolean): Map<string, Buffer> {
  const result = new Map(files);
  for (let left = dice.oneIn(4) ? 2 : 1; left > 0; left--) {
    const name = dice.oneIn(2) ? 'manifest' : dice.pick([...files.keys()]);
    const bytes = result.get(name);
    if (bytes === undefined) continue;
    const isLog = !name.startsWith('data.');
    const fate = dice.below(30);
    if (fate === 0) result.delete(name);
    else if (fate === 1 && (fields || !isLog)) result.set(name, others.get(name) ?? Buffer.alloc(0));
    else result.set(name, isLog && dice.oneIn(3) ? forged(bytes, dice, fields) : damaged(bytes, dice));
  }
  return result;
}

/** Reads come in pieces: a byte at a time, or some. */
function mounted(files: Files, state: 'dumping' | 'ready' | 'verified', dice: Dice): MemoryFiles {
  const memory = new MemoryFiles();
  for (const [name, bytes] of files) memory.put(`${HOME}.${state}/${name}`, bytes);
  if (files.size === 0) memory.put(`${HOME}.${state}/nothing`, Buffer.alloc(0));
  if (dice.oneIn(40)) memory.readAtMost = () => 1;
  else if (dice.oneIn(3)) memory.readAtMost = (asked) => 1 + dice.below(Math.min(asked, 700));
  return memory;
}

/** Undefined for an error of the catalogue that names a file of the folder; any other is a fault. */
async function orDamaged<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    expect(error.data.code, error.message).toBe('LSH_SPOOL_DAMAGED');
    expect(error.message).toMatch(/^\/spool\/op-1\/b1\.(ready|verified)\/(manifest|restore|data\.[^ ]+) is damaged: ./);
    return undefined;
  }
}

async function read(spool: Spool): Promise<NaiveBatch | undefined> {
  return orDamaged(async () => {
    const opening = await openForRestore(spool, OPERATION, BATCH);
    if (opening.state === 'removed') throw new Error(opening.state);
    await using batch = opening.batch;
    const chunks: NaiveBatch['chunks'] = [];
    for (const entry of batch.entries) {
      const lines = await orDamaged(() => batch.readLines(entry.chunk));
      chunks.push({
        entry: { ...entry },
        lines: lines?.toString('latin1'),
        series: await orDamaged(() => batch.digests(entry.chunk)),
        progress: { ...batch.progress(entry.chunk) },
      });
    }
    return { meta: batch.meta, totals: { ...batch.totals }, chunks };
  });
}

const shown = (files: Files): string =>
  [...files].map(([name, bytes]) => `${name}: ${JSON.stringify(bytes.toString('latin1'))}`).join('\n');

fuzz('a damaged folder is refused with the file that is damaged, or what a plain reader finds in it', 3_000, async (dice) => {
  const { whole } = dice.pick(bases);
  const untouched = dice.oneIn(40);
  const files = untouched ? new Map(whole) : hurt(whole, dice.pick(bases).whole, dice, true);
  const state = dice.oneIn(5) ? 'verified' : 'ready';
  const found = await read(await spoolOf(mounted(files, state, dice), dice));
  const expected = naiveBatch(files, { operation: OPERATION, batch: BATCH, state, sinceMs: MODIFIED_MS });
  expect(found, shown(files)).toEqual(expected);
  if (untouched) expect(found?.chunks.every(({ lines, series }) => lines !== undefined && series !== undefined)).toBe(true);
});

fuzz('a damaged half dump is gone on with, and ends whole, or with an error that names the chunk', 1_000, async (dice) => {
  const { half, chunks } = dice.pick(bases);
  const files = hurt(half, dice.pick(bases).half, dice, false);
  const memory = mounted(files, 'dumping', dice);
  const spool = await spoolOf(memory, dice);
  const folder = await attempt(spool, 9);
  const known = folder.entries.length;
  for (const [at, entry] of folder.entries.entries()) {
    const { series, ...facts } = chunks[at]!.facts;
    expect(entry, shown(files)).toMatchObject({ ...facts, series: series.length });
    const { length, offset, segment } = entry;
    if (length > 0) expect(files.get(segment)?.length, shown(files)).toBeGreaterThanOrEqual(offset + length);
  }
  // To dump the rest takes five times as long as to find out what there is.
  if (!dice.oneIn(4)) return folder.close();
  for (const chunk of chunks.slice(known)) await put(folder, chunk);
  await folder.finish();
  const found = await read(spool);
  expect(found?.chunks.length, shown(files)).toBe(chunks.length);
  for (const [at, { lines, facts }] of chunks.entries()) {
    const there = found!.chunks[at]!;
    // Bytes that were damaged are seen when they are read; those dumped again are whole.
    if (there.lines !== undefined || at >= known) expect(there.lines, shown(files)).toBe(Buffer.from(lines).toString('latin1'));
    const { series, ...others } = facts;
    expect(there.entry, shown(files)).toMatchObject({ ...others, series: series.length });
    expect(there.series, shown(files)).toEqual(series);
  }
});

test('a manifest cut at any byte is gone on with behind its last whole line', async () => {
  const { half } = bases.find(({ chunks }) => chunks.length === 4)!;
  const manifest = half.get('manifest')!;
  const dice = new Dice(1, 0);
  for (let size = 0; size <= manifest.length; size++) {
    const cut = manifest.subarray(0, size);
    const memory = mounted(new Map(half).set('manifest', cut), 'dumping', dice);
    const folder = await attempt(await spoolOf(memory, dice), 9);
    const lines = cut
      .subarray(0, cut.lastIndexOf('\n') + 1)
      .toString()
      .split('\n');
    const chunks = lines.filter((line) => line.includes('{"k":"chunk"')).length;
    expect(folder.entries.length, cut.toString()).toBe(chunks);
    expect(folder.disregarded === undefined, cut.toString()).toBe(size === 0 || cut.at(-1) === 10);
    await folder.close();
  }
});
