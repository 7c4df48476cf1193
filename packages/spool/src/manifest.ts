/**
 * A batch's manifest: who dumps it, what is in it, and that it is complete. Lines of three kinds:
 *
 *   owner   an attempt begins, behind byte `after` of this file: lines between that byte and this one are void
 *   chunk   an entry of the last owner; the data were on the disk before it was written
 *   end     the last owner's totals; closes the manifest, and nothing after it counts
 *
 * Several attempts may append at once (one of them taken for dead and woken again); the order of the lines in the file
 * decides, so that every reader sees the same owner and the same end. Label texts are kept once: an entry brings those
 * of the series that appear in it for the first time.
 */
import type { Json } from '@longshore/core';
import { SpoolDamaged } from './errors.ts';
import type { SpoolFile } from './files.ts';
import { scanLines } from './line-log.ts';

/** What one series holds in one chunk; hashes as 16 hex digits, sums modulo 2^64 over its timestamps and, where it is known, over its points. */
export interface ChunkSeries {
  /** The `metric` object of its import lines, as text. */
  labels: string;
  points: number;
  hash: string;
  pointsHash?: string;
}

/** What the dumper knows of a chunk. */
export interface ChunkFacts {
  metric: string;
  /** Half-open, ms since the epoch. */
  startMs: number;
  stopMs: number;
  points: number;
  series: ChunkSeries[];
  firstMs?: number;
  lastMs?: number;
  /** Whatever else must not be lost with the attempt, such as what was odd in the source's reply. */
  notes?: Json;
}

/** A chunk as the manifest has it; its series are read on demand. */
export interface ChunkEntry {
  /** Number in its batch, from 0. */
  chunk: number;
  metric: string;
  startMs: number;
  stopMs: number;
  /** File name of its segment. */
  segment: string;
  offset: number;
  /** Compressed bytes; 0 when the frame was empty. */
  length: number;
  crc32: number;
  /** Decompressed bytes. */
  lineBytes: number;
  points: number;
  /** How many series. */
  series: number;
  firstMs?: number;
  lastMs?: number;
  notes?: Json;
}

export interface BatchTotals {
  chunks: number;
  points: number;
  series: number;
  /** Compressed. */
  bytes: number;
  lineBytes: number;
}

export interface Owner {
  generation: number;
  /** Tells attempts of one generation apart: a store that lost its last second may give a generation out twice. */
  nonce: string;
}

export interface ManifestState {
  operation: string;
  batch: string;
  meta: Json;
  owner: Owner | undefined;
  entries: ChunkEntry[];
  /** Where the entry's line is: `[offset, end]`. */
  places: { offset: number; end: number; labelsBefore: number }[];
  /** Label texts by index. */
  labels: string[];
  totals: BatchTotals | undefined;
  /** Byte behind the last line that counts. */
  goodEnd: number;
  /** The first broken line that no later owner has disregarded. */
  brokenAt: number | undefined;
}

export const SEGMENT_NAME: RegExp = /^data\.\d{1,16}(\.[a-z0-9]{1,16})?$/;

export function totalsOf(state: Pick<ManifestState, 'entries' | 'labels'>): BatchTotals {
  const totals: BatchTotals = { chunks: state.entries.length, points: 0, series: state.labels.length, bytes: 0, lineBytes: 0 };
  for (const entry of state.entries) {
    totals.points += entry.points;
    totals.bytes += entry.length;
    totals.lineBytes += entry.lineBytes;
  }
  return totals;
}

type Line = { [key: string]: Json };

export const isCount = (value: Json | undefined): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
export const isTime = (value: Json | undefined): value is number => typeof value === 'number' && Number.isFinite(value);
const isHash = (value: Json | undefined): value is string => typeof value === 'string' && /^[\da-f]{16}$/.test(value);
const isText = (value: Json): value is string => typeof value === 'string';

export function ownerLine(owner: Owner, operation: string, batch: string, meta: Json, after: number): Line {
  return { k: 'owner', v: 1, operation, batch, generation: owner.generation, nonce: owner.nonce, after, meta };
}

/**
 * `series` with the index of the labels of each, which `labels` brings where they are new. Point hashes stand in a list of their own ('' where one is
 * not known): older workers pass over it.
 */
export function chunkLine(
  nonce: string,
  entry: ChunkEntry,
  newLabels: string[],
  series: readonly [index: number, facts: ChunkSeries][],
): Line {
  const digests = series.flatMap(([index, { points, hash }]) => [index, points, hash]);
  const pointHashes = series.map(([, { pointsHash = '' }]) => pointsHash);
  return { k: 'chunk', nonce, ...entry, labels: newLabels, digests, pointHashes };
}

export function endLine(nonce: string, totals: BatchTotals): Line {
  return { k: 'end', nonce, ...totals };
}

function parseEntry(line: Line): ChunkEntry | undefined {
  const { chunk, metric, startMs, stopMs, segment, offset, length, crc32, lineBytes, points, series, firstMs, lastMs, notes } = line;
  if (typeof metric !== 'string' || typeof segment !== 'string' || !SEGMENT_NAME.test(segment)) return undefined;
  if (!isTime(startMs) || !isTime(stopMs)) return undefined;
  if (!isCount(chunk) || !isCount(offset) || !isCount(length) || !isCount(crc32)) return undefined;
  if (!isCount(lineBytes) || !isCount(points) || !isCount(series)) return undefined;
  if (points > 0 !== length > 0 || points > 0 !== lineBytes > 0) return undefined;
  const entry: ChunkEntry = { chunk, metric, startMs, stopMs, segment, offset, length, crc32, lineBytes, points, series };
  if (isTime(firstMs)) entry.firstMs = firstMs;
  if (isTime(lastMs)) entry.lastMs = lastMs;
  if (notes !== undefined) entry.notes = notes;
  return entry;
}

/** The series that a chunk's line has, with their labels; undefined when they are not those of its entry. */
export function parseDigests(line: Line, labels: string[], entry: ChunkEntry): ChunkSeries[] | undefined {
  const { digests, pointHashes = Array.from({ length: entry.series }, () => '') } = line;
  if (!Array.isArray(digests) || digests.length !== entry.series * 3) return undefined;
  if (!Array.isArray(pointHashes) || pointHashes.length !== entry.series) return undefined;
  const series: ChunkSeries[] = [];
  let held = 0;
  for (let at = 0; at < digests.length; at += 3) {
    const index = digests[at];
    const points = digests[at + 1];
    const hash = digests[at + 2];
    const pointsHash = pointHashes[at / 3]!;
    const text = isCount(index) ? labels[index] : undefined;
    if (text === undefined || !isCount(points) || !isHash(hash) || (pointsHash !== '' && !isHash(pointsHash))) return undefined;
    held += points;
    series.push({ labels: text, points, hash, ...(pointsHash === '' ? {} : { pointsHash }) });
  }
  return held === entry.points ? series : undefined;
}

function sameTotals(line: Line, totals: BatchTotals): boolean {
  return (['chunks', 'points', 'series', 'bytes', 'lineBytes'] as const).every((key) => line[key] === totals[key]);
}

/**
 * Reads a manifest to its end, or to its `end`. Broken lines are no error here: a half dump is resumed before them, a
 * complete batch has none before its end. A line whose checksum is right but whose content cannot be is damage.
 */
export async function readManifest(file: SpoolFile, path: string, operation: string, batch: string): Promise<ManifestState> {
  const state: ManifestState = {
    operation,
    batch,
    meta: null,
    owner: undefined,
    entries: [],
    places: [],
    labels: [],
    totals: undefined,
    goodEnd: 0,
    brokenAt: undefined,
  };
  const damaged = (offset: number, what: string) => SpoolDamaged({ path, what: `the line at byte ${offset} ${what}` });
  for await (const { offset, end, value: line } of scanLines(file, path)) {
    if (line === undefined) {
      state.brokenAt ??= offset;
      continue;
    }
    if (line.k === 'owner') {
      if (line.v !== 1) throw damaged(offset, `is of version ${JSON.stringify(line.v)}, made by a newer Longshore`);
      if (line.operation !== operation || line.batch !== batch) {
        throw damaged(offset, `belongs to ${JSON.stringify(line.operation)} ${JSON.stringify(line.batch)}`);
      }
      const { generation, nonce, after, meta } = line;
      if (!isCount(generation) || typeof nonce !== 'string' || !isCount(after) || after > offset)
        throw damaged(offset, 'is no owner that can be');
      // Its writer saw no damage where there is some now: that damage is younger.
      if (state.brokenAt !== undefined && after > state.brokenAt) continue;
      state.brokenAt = undefined;
      cutEntries(state, after);
      state.owner = { generation, nonce };
      state.meta = meta ?? null;
      state.goodEnd = end;
      continue;
    }
    // After a broken line, and from an attempt that has been replaced, nothing counts.
    if (state.brokenAt !== undefined || state.owner === undefined || line.nonce !== state.owner.nonce) continue;
    if (line.k === 'chunk') {
      const entry = parseEntry(line);
      const { labels } = line;
      if (entry === undefined || entry.chunk !== state.entries.length || !Array.isArray(labels) || !labels.every(isText))
        throw damaged(offset, 'is no chunk that can be');
      const place = { offset, end, labelsBefore: state.labels.length };
      for (const text of labels) state.labels.push(text);
      state.entries.push(entry);
      state.places.push(place);
    } else if (line.k === 'end') {
      const totals = totalsOf(state);
      if (!sameTotals(line, totals)) throw damaged(offset, 'has totals that the chunks before it do not add up to');
      state.totals = totals;
      state.goodEnd = end;
      return state;
    } else {
      throw damaged(offset, `is of the unknown kind ${JSON.stringify(line.k)}`);
    }
    state.goodEnd = end;
  }
  return state;
}

/** Drops the entries that stand behind a byte. */
export function cutEntries(state: ManifestState, after: number): void {
  let keep = state.places.length;
  while (keep > 0 && state.places[keep - 1]!.end > after) keep -= 1;
  if (keep === state.places.length) return;
  state.labels.length = state.places[keep]!.labelsBefore;
  state.places.length = keep;
  state.entries.length = keep;
}
