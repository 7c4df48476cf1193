/**
 * A batch's folder read in the plainest way, from files in memory and without any code of ours: the whole manifest at once, a list of what
 * stands of its lines, checksums bit by bit. Undefined for a folder that cannot be a whole batch.
 */
import { zstdDecompressSync } from 'node:zlib';

type Fields = Readonly<Record<string, unknown>>;

export interface NaiveSeries {
  labels: string;
  points: number;
  hash: string;
  pointsHash?: string;
}

export interface NaiveChunk {
  entry: Fields;
  /** Undefined where they cannot be read. */
  lines: string | undefined;
  series: NaiveSeries[] | undefined;
  progress: Fields;
}

export interface NaiveBatch {
  meta: unknown;
  totals: Fields;
  chunks: NaiveChunk[];
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  return crc;
});

export function naiveCrc(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffff_ffff) >>> 0;
}

interface Line {
  from: number;
  end: number;
  /** Undefined: broken. */
  fields: Fields | undefined;
}

class Damaged extends Error {}
function must(condition: boolean): asserts condition {
  if (!condition) throw new Damaged();
}

/** Lines of a log, each with the object it holds. */
export function naiveLines(bytes: Buffer): Line[] {
  const lines: Line[] = [];
  for (let from = 0; from < bytes.length; ) {
    const feed = bytes.indexOf('\n', from);
    const end = feed < 0 ? bytes.length : feed + 1;
    lines.push({ from, end, fields: feed < 0 ? undefined : fieldsIn(bytes.subarray(from, feed)) });
    from = end;
  }
  return lines;
}

function fieldsIn(line: Buffer): Fields | undefined {
  const [, sum, json] = /^([0-9a-f]{8}) (.+)$/s.exec(line.toString('latin1')) ?? [];
  if (sum === undefined || json === undefined) return undefined;
  const bytes = Buffer.from(json, 'latin1');
  if (Number.parseInt(sum, 16) !== naiveCrc(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

const count = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const hash = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{16}$/.test(value);

interface Manifest {
  owner: Fields;
  end: Fields;
  chunks: Fields[];
}

function manifestIn(bytes: Buffer, operation: string, batch: string): Manifest {
  let standing: Line[] = [];
  let owner: Fields | undefined;
  for (const line of naiveLines(bytes)) {
    const { fields } = line;
    if (fields === undefined) {
      standing.push(line);
      continue;
    }
    const broken = standing.find((other) => other.fields === undefined);
    if (fields.k === 'owner') {
      const { after } = fields;
      must(fields.v === 1 && fields.operation === operation && fields.batch === batch);
      must(count(fields.generation) && typeof fields.nonce === 'string' && count(after) && (after as number) <= line.from);
      if (broken !== undefined && broken.from < (after as number)) continue;
      standing = standing.filter(({ end, fields: known }) => known !== undefined && end <= (after as number));
      owner = fields;
      continue;
    }
    if (broken !== undefined || owner === undefined || fields.nonce !== owner.nonce) continue;
    const chunks = standing.map((other) => other.fields!);
    if (fields.k === 'chunk') {
      must(fields.chunk === chunks.length && canBe(fields));
      standing.push(line);
    } else {
      must(fields.k === 'end');
      const sum = (key: string): number => chunks.reduce((total, chunk) => total + (chunk[key] as number), 0);
      must(fields.chunks === chunks.length && fields.points === sum('points') && fields.bytes === sum('length'));
      must(fields.lineBytes === sum('lineBytes') && fields.series === chunks.flatMap((chunk) => chunk.labels).length);
      return { owner, end: fields, chunks };
    }
  }
  throw new Damaged();
}

function canBe({ metric, segment, startMs, stopMs, offset, length, crc32, lineBytes, points, series, labels }: Fields): boolean {
  if (typeof metric !== 'string' || typeof segment !== 'string' || !Array.isArray(labels)) return false;
  if (!/^data\.\d{1,16}(\.[a-z0-9]{1,16})?$/.test(segment) || !labels.every((text) => typeof text === 'string')) return false;
  if (![offset, length, crc32, lineBytes, points, series].every(count)) return false;
  if (!Number.isFinite(startMs) || !Number.isFinite(stopMs)) return false;
  return points === 0 ? length === 0 && lineBytes === 0 : length !== 0 && lineBytes !== 0;
}

const ENTRY = ['chunk', 'metric', 'startMs', 'stopMs', 'segment', 'offset', 'length', 'crc32', 'lineBytes', 'points', 'series'];

function entryOf(fields: Fields): Fields {
  const entry: Record<string, unknown> = Object.fromEntries(ENTRY.map((key) => [key, fields[key]]));
  for (const key of ['firstMs', 'lastMs']) if (Number.isFinite(fields[key])) entry[key] = fields[key];
  if (fields.notes !== undefined) entry.notes = fields.notes;
  return entry;
}

function readLines({ segment, offset, length, crc32, lineBytes }: Fields, files: ReadonlyMap<string, Buffer>): string | undefined {
  if (length === 0) return '';
  const file = files.get(segment as string);
  const bytes = file?.subarray(offset as number, (offset as number) + (length as number));
  if (bytes === undefined || bytes.length !== length || naiveCrc(bytes) !== crc32) return undefined;
  try {
    const lines = zstdDecompressSync(bytes, { maxOutputLength: 1 << 22 });
    return lines.length === lineBytes ? lines.toString('latin1') : undefined;
  } catch {
    return undefined;
  }
}

function seriesOf({ digests, pointHashes, points, series }: Fields, labels: readonly string[]): NaiveSeries[] | undefined {
  if (!Array.isArray(digests) || digests.length !== (series as number) * 3) return undefined;
  if (pointHashes !== undefined && (!Array.isArray(pointHashes) || pointHashes.length !== series)) return undefined;
  const found: NaiveSeries[] = [];
  while (digests.length > found.length * 3) {
    const [index, held, sum] = digests.slice(found.length * 3);
    const text = count(index) ? labels[index] : undefined;
    const pointsHash = pointHashes === undefined ? '' : (pointHashes as unknown[])[found.length];
    if (text === undefined || !count(held) || !hash(sum) || (pointsHash !== '' && !hash(pointsHash))) return undefined;
    found.push({ labels: text, points: held, hash: sum, ...(pointsHash === '' ? {} : { pointsHash: pointsHash as string }) });
  }
  return found.reduce((total, one) => total + one.points, 0) === points ? found : undefined;
}

/** A chunk as a log tells of it. `mineMs`, `othersMs`: until when requests of the attempt that sends it may last, and those of others before it. */
interface Sent {
  state: 'sending' | 'acknowledged' | 'verified';
  generation?: unknown;
  mineMs: number;
  othersMs: number;
  sends: number;
  compared?: Fields;
}

function toldOf(line: Fields, before: Sent | undefined): Sent | undefined {
  const { generation } = line;
  const untilMs = line.untilMs as number;
  const sends = before?.sends ?? 0;
  const open = before?.state === 'sending' ? before : undefined;
  if (line.k === 'sending') {
    const mine = open?.generation === generation;
    const lastMs = open === undefined ? Number.NEGATIVE_INFINITY : Math.max(open.mineMs, open.othersMs);
    return {
      state: 'sending',
      generation,
      mineMs: mine ? Math.max(open!.mineMs, untilMs) : untilMs,
      othersMs: mine ? open!.othersMs : lastMs,
      sends: sends + 1,
    };
  }
  if (line.k === 'verified') {
    const [points, matched, missing, extra, different, precisionLost] = line.compared as number[];
    return { state: 'verified', mineMs: 0, othersMs: 0, sends, compared: { points, matched, missing, extra, different, precisionLost } };
  }
  if (open === undefined || open.generation !== generation) return before;
  return line.k === 'acked' ? { ...open, state: 'acknowledged' } : { ...open, mineMs: Math.min(open.mineMs, Math.max(untilMs, 0)) };
}

function progressOf({ state, generation, mineMs, othersMs, sends, compared }: Sent): Fields {
  if (state === 'verified') return { state, compared, sends };
  return state === 'acknowledged' ? { state, generation, sends } : { state, generation, untilMs: Math.max(mineMs, othersMs), sends };
}

/** Progress by chunk; what a log says that is whole or not. `sinceMs`: when it was last written to. */
function restored(bytes: Buffer | undefined, dump: unknown, chunks: number, sinceMs: number): Fields[] {
  let others: Fields = { state: 'unsent' };
  const known = new Map<number, Sent>();
  for (const { from, end, fields } of naiveLines(bytes ?? Buffer.alloc(0))) {
    if (end === from + 1) continue;
    if (fields === undefined || fields.dump !== dump) {
      others = { state: 'unknown', sinceMs };
      continue;
    }
    const { k, generation, compared } = fields;
    const list = k === 'sending' || k === 'ended' ? fields.chunks : [fields.chunk];
    must(Array.isArray(list) && list.every(count));
    if (k === 'verified') must(Array.isArray(compared) && compared.length === 6 && compared.every(count));
    else must(count(generation) && (k === 'acked' || ((k === 'sending' || k === 'ended') && Number.isFinite(fields.untilMs))));
    for (const chunk of list as number[]) {
      const told = toldOf(fields, known.get(chunk));
      if (told !== undefined) known.set(chunk, told);
    }
  }
  return Array.from({ length: chunks }, (_, chunk) => {
    const told = known.get(chunk);
    return told === undefined ? others : progressOf(told);
  });
}

/** `files`: by their names. A folder of the state `verified` may have lost its data. */
export function naiveBatch(
  files: ReadonlyMap<string, Buffer>,
  { operation, batch, state, sinceMs }: { operation: string; batch: string; state: 'ready' | 'verified'; sinceMs: number },
): NaiveBatch | undefined {
  try {
    const { owner, end, chunks } = manifestIn(files.get('manifest') ?? Buffer.alloc(0), operation, batch);
    for (const { segment, offset, length } of chunks)
      must(state === 'verified' || length === 0 || (files.get(segment as string)?.length ?? -1) >= (offset as number) + (length as number));
    const progress = restored(files.get('restore'), owner.nonce, chunks.length, sinceMs);
    const labels = chunks.flatMap((chunk) => chunk.labels as string[]);
    const { points, series, bytes, lineBytes } = end;
    return {
      meta: owner.meta ?? null,
      totals: { chunks: chunks.length, points, series, bytes, lineBytes },
      chunks: chunks.map((fields, at) => ({
        entry: entryOf(fields),
        lines: readLines(fields, files),
        series: seriesOf(fields, labels),
        progress: progress[at]!,
      })),
    };
  } catch (error) {
    if (error instanceof Damaged) return undefined;
    throw error;
  }
}
