/**
 * What removed batches held: one append-only file for each operation, so that a hundred thousand finished batches cost
 * no inode and no place in a listing. Lines of three kinds:
 *
 *   labels   the label texts of a metric's series, sorted, compressed; written once for batches that have the same ones
 *   batch    per metric: points, the sum of the series' hashes, the points of each series (run lengths, in label order)
 *   torn     the file ended in a torn line at byte `at`
 *
 * The process keeps an index of the file and reads on where it stopped; the file remains the truth.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import type { Json } from '@longshore/core';
import { SpoolDamaged } from './errors.ts';
import { step } from './files.ts';
import { LineAppender, type LogLine, MAX_LINE_BYTES, readLine, scanLines } from './line-log.ts';
import type { BatchTotals } from './manifest.ts';
import { COMPARED, type ComparedPoints } from './restore-log.ts';
import { operationPath, type Spool } from './spool.ts';
import { openIfThere } from './stored-batch.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** What a batch held of one metric. */
export interface MetricTombstone {
  metric: string;
  points: number;
  /** Sum over all its series' hashes modulo 2^64, 16 hex digits. */
  hash: string;
  series: number;
  firstMs?: number;
  lastMs?: number;
  /** What reading back came to; absent when nothing was read back. */
  compared?: ComparedPoints;
  /** How many notes of each kind its chunks had; absent when they had none. */
  notes?: Record<string, number>;
}

export interface Tombstone {
  batch: string;
  meta: Json;
  totals: BatchTotals;
  compared: ComparedPoints;
  metrics: MetricTombstone[];
}

/** A tombstone to be written, with the points of each series. */
export interface NewTombstone extends Omit<Tombstone, 'metrics'> {
  metrics: (MetricTombstone & { counts: Map<string, number> })[];
}

interface StoredMetric extends MetricTombstone {
  labelSet: string;
  /** How often, how many points; in the order of the labels. */
  runs: number[];
}

interface Place {
  offset: number;
  end: number;
}

/** The tombstones of one operation in one spool. */
export class Tombstones {
  readonly #spool: Spool;
  readonly path: string;
  readonly #batches = new Map<string, Place>();
  readonly #labelSets = new Map<string, Place>();
  #readTo = 0;
  #broken = new Set<number>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(spool: Spool, path: string) {
    this.#spool = spool;
    this.path = path;
  }

  /** One reading or writing at a time in this process. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(run, run);
    // Whoever asked for the turn sees its error; the next one starts all the same.
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Takes in what was appended since the last time. Returns where a torn last line begins. */
  async #refresh(): Promise<number | undefined> {
    const facts = await step('look at', this.path, () => this.#spool.files.facts(this.path));
    const size = facts?.size ?? 0;
    if (size < this.#readTo) {
      this.#batches.clear();
      this.#labelSets.clear();
      this.#broken.clear();
      this.#readTo = 0;
    }
    if (size === this.#readTo) return undefined;
    const file = await openIfThere(this.#spool, this.path);
    if (file === undefined) return undefined;
    try {
      let last: LogLine | undefined;
      for await (const line of scanLines(file, this.path, this.#readTo)) {
        if (last !== undefined) this.#take(last);
        last = line;
      }
      if (last === undefined) return undefined;
      // A last line without its line feed is torn, or being written right now: looked at again the next time.
      const end = Buffer.alloc(1);
      await step('read', this.path, () => file.read(end, last.end - 1));
      if (last.value === undefined && end[0] !== 10) return last.offset;
      this.#take(last);
      return undefined;
    } finally {
      await file.close();
    }
  }

  #take({ offset, end, value }: LogLine): void {
    this.#readTo = end;
    if (value === undefined) {
      if (end - offset > 1) this.#broken.add(offset);
    } else if (value.k === 'batch' && typeof value.batch === 'string') this.#batches.set(value.batch, { offset, end });
    else if (value.k === 'labels' && typeof value.id === 'string') this.#labelSets.set(value.id, { offset, end });
    else if (value.k === 'torn' && typeof value.at === 'number') this.#broken.delete(value.at);
  }

  /** The tombstone of a batch, or undefined. Damage in the file is an error only here: a lost line could have been this batch's. */
  async find(batch: string): Promise<Tombstone | undefined> {
    const line = await this.#inTurn(async () => {
      await this.#refresh();
      const place = this.#batches.get(batch);
      if (place !== undefined) return this.#read(place);
      this.#assertWhole();
      return undefined;
    });
    return line === undefined ? undefined : parseTombstone(line);
  }

  /** Names of all batches with a tombstone, in the order of their removal. Damage in the file is an error. */
  async batches(): Promise<string[]> {
    return this.#inTurn(async () => {
      await this.#refresh();
      this.#assertWhole();
      return [...this.#batches.keys()];
    });
  }

  #assertWhole(): void {
    const broken = [...this.#broken][0];
    if (broken !== undefined) throw SpoolDamaged({ path: this.path, what: `the line at byte ${broken} does not match its checksum` });
  }

  /** The points of each series of a metric in a removed batch. */
  async seriesCounts(batch: string, metric: string): Promise<Map<string, number>> {
    return this.#inTurn(async () => {
      await this.#refresh();
      const place = this.#batches.get(batch);
      const counts = new Map<string, number>();
      if (place === undefined) return counts;
      const stored = storedMetrics(await this.#read(place)).find((each) => each.metric === metric);
      if (stored === undefined) return counts;
      const labels = await this.#labels(stored.labelSet);
      let at = 0;
      for (let run = 0; run < stored.runs.length; run += 2) {
        for (let left = stored.runs[run]!; left > 0; left -= 1) {
          const text = labels[at];
          if (text === undefined)
            throw SpoolDamaged({ path: this.path, what: `batch ${batch} counts more series of ${metric} than it names` });
          counts.set(text, stored.runs[run + 1]!);
          at += 1;
        }
      }
      return counts;
    });
  }

  async #labels(id: string): Promise<string[]> {
    const place = this.#labelSets.get(id);
    const line = place === undefined ? undefined : await this.#read(place);
    if (typeof line?.zstd !== 'string') throw SpoolDamaged({ path: this.path, what: `the labels ${id} are missing` });
    const text = await decompress(Buffer.from(line.zstd, 'base64'), { maxOutputLength: MAX_LINE_BYTES });
    const labels: Json = JSON.parse(text.toString('utf8'));
    return Array.isArray(labels) ? labels.map(String) : [];
  }

  async #read({ offset, end }: Place): Promise<{ [key: string]: Json }> {
    const file = await openIfThere(this.#spool, this.path);
    if (file === undefined) throw SpoolDamaged({ path: this.path, what: 'it is missing' });
    try {
      const line = await readLine(file, this.path, offset, end);
      if (line === undefined) throw SpoolDamaged({ path: this.path, what: `the line at byte ${offset} does not match its checksum` });
      return line;
    } finally {
      await file.close();
    }
  }

  /** Writes tombstones, durably, with one flush for all. Those that are there already are left as they are. */
  async add(tombstones: NewTombstone[]): Promise<void> {
    await this.#inTurn(async () => {
      const torn = await this.#refresh();
      const lines: object[] = [];
      const brought = new Set<string>();
      for (const { metrics, ...rest } of tombstones) {
        if (this.#batches.has(rest.batch)) continue;
        const stored: StoredMetric[] = [];
        for (const { counts, ...metric } of metrics) {
          const labels = [...counts.keys()].sort();
          const json = JSON.stringify(labels);
          const labelSet = createHash('sha256').update(json).digest('hex').slice(0, 32);
          if (!this.#labelSets.has(labelSet) && !brought.has(labelSet)) {
            brought.add(labelSet);
            lines.push({ k: 'labels', id: labelSet, zstd: (await compress(Buffer.from(json))).toString('base64') });
          }
          stored.push({ ...metric, labelSet, runs: runLengths(labels.map((text) => counts.get(text)!)) });
        }
        lines.push({ k: 'batch', ...rest, metrics: stored });
      }
      if (lines.length > 0) await this.#write(lines, torn);
    });
  }

  async #write(lines: object[], torn: number | undefined): Promise<void> {
    const isNew = (await this.#spool.files.facts(this.path)) === undefined;
    const appender = await LineAppender.open(this.#spool.files, this.path);
    try {
      if (torn !== undefined) await appender.takeOver({ k: 'torn', at: torn });
      await appender.append(...lines);
      await appender.sync();
      const folder = join(this.path, '..');
      if (isNew) await step('flush', folder, () => this.#spool.files.syncFolder(folder));
    } finally {
      await appender.close();
    }
  }
}

function runLengths(counts: number[]): number[] {
  const runs: number[] = [];
  for (const count of counts) {
    if (runs.at(-1) === count) runs[runs.length - 2]! += 1;
    else runs.push(1, count);
  }
  return runs;
}

type Line = { [key: string]: Json };

function isRecord(value: Json | undefined): value is Line {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function storedMetrics(line: Line): StoredMetric[] {
  const list = Array.isArray(line.metrics) ? line.metrics : [];
  return list.filter(isRecord).map((each) => {
    const metric: StoredMetric = {
      metric: String(each.metric),
      points: Number(each.points),
      hash: String(each.hash),
      series: Number(each.series),
      labelSet: String(each.labelSet),
      runs: Array.isArray(each.runs) ? each.runs.map(Number) : [],
    };
    if (typeof each.firstMs === 'number') metric.firstMs = each.firstMs;
    if (typeof each.lastMs === 'number') metric.lastMs = each.lastMs;
    if (isRecord(each.compared)) metric.compared = numbers(each.compared, COMPARED);
    if (isRecord(each.notes)) metric.notes = numbers(each.notes, Object.keys(each.notes));
    return metric;
  });
}

function numbers<K extends string>(value: Json | undefined, keys: readonly K[]): Record<K, number> {
  const record = isRecord(value) ? value : {};
  const result = {} as Record<K, number>;
  for (const key of keys) result[key] = Number(record[key] ?? 0);
  return result;
}

function parseTombstone(line: Line): Tombstone {
  return {
    batch: String(line.batch),
    meta: line.meta ?? null,
    totals: numbers(line.totals, ['chunks', 'points', 'series', 'bytes', 'lineBytes']),
    compared: numbers(line.compared, COMPARED),
    metrics: storedMetrics(line).map(({ labelSet: _labelSet, runs: _runs, ...metric }) => metric),
  };
}

/** Indexes by file system and path; a few operations are live at a time, the oldest index goes first. */
const INDEXES = 16;
const indexes = new Map<string, { spool: Spool; tombstones: Tombstones }>();

/** The tombstones of an operation; the same object for the same spool, so that the file is read once. */
export function tombstonesOf(spool: Spool, operation: string): Tombstones {
  const folder = operationPath(spool, operation);
  const known = indexes.get(folder);
  indexes.delete(folder);
  // Another port may see other files under the same path.
  const entry = known?.spool.files === spool.files ? known : { spool, tombstones: new Tombstones(spool, join(folder, 'tombstones')) };
  indexes.set(folder, entry);
  const oldest = indexes.keys().next();
  if (indexes.size > INDEXES && !oldest.done) indexes.delete(oldest.value);
  return entry.tombstones;
}

export function forgetTombstones(folder: string): void {
  indexes.delete(folder);
}
