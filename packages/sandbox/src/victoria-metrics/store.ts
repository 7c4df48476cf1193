/** What the stand-in has stored: per series typed arrays, in blocks whose values have gone through the server's decimal conversion. */
import type { Clock } from '@longshore/core';
import { type BlockDecimals, storeBlock } from './decimal.ts';
import { MAX_LABEL_NAME_BYTES, type VersionFacts, type VictoriaMetricsSettings } from './settings.ts';

/** Label pairs, sorted by name in byte order. `__name__` is one of them. */
export type Labels = readonly (readonly [name: string, value: string])[];

/** Rows as they are stored together. */
export interface Block extends Rows {
  /** The numbers behind the values; made anew when absent, which whole values do not mind. */
  decimals?: BlockDecimals | undefined;
}

export interface StoredSeries {
  readonly labels: Labels;
  readonly byName: ReadonlyMap<string, string>;
  blocks: Block[];
}

/** Rows of one series from one line. */
export interface Rows {
  times: Float64Array;
  values: Float64Array;
}

/** A block has at most this many rows. */
export const ROWS_PER_BLOCK = 8192;

/** Reasons under which rows are dropped with a 204. */
export type DropReason = 'small_timestamp' | 'big_timestamp' | 'too_many_labels' | 'too_long_label_name' | 'too_long_label_value';

function byBytes(a: readonly [string, string], b: readonly [string, string]): number {
  return Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0]));
}

function cutBytes(text: string, limit: number): string {
  return Buffer.byteLength(text) <= limit ? text : Buffer.from(text).subarray(0, limit).toString();
}

/** The labels as they are stored, or the reason why the row is dropped. Empty values vanish first. */
export function storedLabels(given: Iterable<readonly [string, string]>, facts: VersionFacts): Labels | DropReason {
  let labels = [...given].filter(([, value]) => value !== '');
  if (facts.oversizedLabels === 'cut') {
    labels = labels
      .slice(0, facts.maxLabels)
      .map(([name, value]) => [cutBytes(name, MAX_LABEL_NAME_BYTES), cutBytes(value, facts.maxLabelValueBytes)] as const);
  } else {
    if (labels.length > facts.maxLabels) return 'too_many_labels';
    if (labels.some(([name]) => Buffer.byteLength(name) > MAX_LABEL_NAME_BYTES)) return 'too_long_label_name';
    if (labels.some(([, value]) => Buffer.byteLength(value) > facts.maxLabelValueBytes)) return 'too_long_label_value';
  }
  return labels.sort(byBytes);
}

function isSorted(times: Float64Array): boolean {
  for (let at = 1; at < times.length; at += 1) if ((times[at] as number) < (times[at - 1] as number)) return false;
  return true;
}

/** One list out of several, in order of time; rows of equal time keep their order. */
function inOrder(parts: Rows[]): Rows {
  let rows: Rows;
  if (parts.length === 1) rows = parts[0] as Rows;
  else {
    const total = parts.reduce((sum, part) => sum + part.times.length, 0);
    rows = { times: new Float64Array(total), values: new Float64Array(total) };
    let at = 0;
    for (const part of parts) {
      rows.times.set(part.times, at);
      rows.values.set(part.values, at);
      at += part.times.length;
    }
  }
  if (isSorted(rows.times)) return rows;
  const order = Uint32Array.from(rows.times, (_, at) => at).sort((a, b) => (rows.times[a] as number) - (rows.times[b] as number) || a - b);
  return {
    times: Float64Array.from(order, (at) => rows.times[at] as number),
    values: Float64Array.from(order, (at) => rows.values[at] as number),
  };
}

/** First index whose time is at least `time`. */
function lowerBound(times: Float64Array, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Data are kept in partitions of a month each; no block goes over their border. */
function monthEnd(time: number): number {
  const date = new Date(time);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}

export class SeriesStore {
  readonly #clock: Clock;
  readonly #settings: VictoriaMetricsSettings;
  readonly #series = new Map<string, StoredSeries>();
  #pending: { series: StoredSeries; rows: Rows; at: number }[] = [];

  constructor(clock: Clock, settings: VictoriaMetricsSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Series that reads can see. */
  get visible(): StoredSeries[] {
    this.#settle();
    return [...this.#series.values()].filter((series) => series.blocks.length > 0);
  }

  /** All points stored so far, seen or not. */
  get points(): number {
    let sum = this.#pending.reduce((total, { rows }) => total + rows.times.length, 0);
    for (const series of this.#series.values()) for (const block of series.blocks) sum += block.times.length;
    return sum;
  }

  /** Takes rows; what lies outside the retention is left out and counted in the reply. */
  add(labels: Labels, rows: Rows): { small: number; big: number } {
    const oldest = this.#clock.now() - this.#settings.retentionMs;
    const newest = this.#clock.now() + this.#settings.futureRetentionMs;
    let small = 0;
    let big = 0;
    for (const time of rows.times) {
      if (time < oldest || time < 0) small += 1;
      else if (time > newest) big += 1;
    }
    // NaN is dropped without being counted anywhere.
    const nans = rows.values.some(Number.isNaN);
    let kept = rows;
    if (small + big > 0 || nans) {
      const good = (at: number): boolean => {
        const time = rows.times[at] as number;
        return time >= oldest && time >= 0 && time <= newest && !Number.isNaN(rows.values[at]);
      };
      const indexes = [...rows.times.keys()].filter(good);
      kept = {
        times: Float64Array.from(indexes, (at) => rows.times[at] as number),
        values: Float64Array.from(indexes, (at) => rows.values[at] as number),
      };
    }
    if (kept.times.length > 0) {
      const key = JSON.stringify(labels);
      let series = this.#series.get(key);
      if (!series) {
        series = { labels, byName: new Map(labels), blocks: [] };
        this.#series.set(key, series);
      }
      this.#pending.push({ series, rows: kept, at: this.#clock.now() });
    }
    return { small, big };
  }

  /** Makes everything visible. */
  flush(): void {
    this.#publish(Number.POSITIVE_INFINITY);
  }

  remove(series: Iterable<StoredSeries>): void {
    for (const one of series) {
      one.blocks = [];
      this.#pending = this.#pending.filter((entry) => entry.series !== one);
    }
  }

  /** Points with `startMs <= time <= endMs`, in order of time, block by block when `merged` is false. */
  read(series: StoredSeries, startMs: number, endMs: number, merged: boolean): Rows[] {
    const oldest = this.#clock.now() - this.#settings.retentionMs;
    const from = Math.max(startMs, oldest);
    const parts: Rows[] = [];
    for (const block of series.blocks) {
      const low = lowerBound(block.times, from);
      const high = lowerBound(block.times, endMs + 1);
      if (high > low) parts.push({ times: block.times.subarray(low, high), values: block.values.subarray(low, high) });
    }
    if (parts.length === 0) return [];
    if (merged) return [this.#settings.dedupMs > 0 ? deduplicate(inOrder(parts), this.#settings.dedupMs) : inOrder(parts)];
    parts.sort((a, b) => (a.times[0] as number) - (b.times[0] as number));
    const apart = parts.every((part, at) => at === 0 || (part.times[0] as number) >= ((parts[at - 1] as Rows).times.at(-1) as number));
    return apart ? parts : [inOrder(parts)];
  }

  /** Blocks with a row between `startMs` and `endMs`, whole. */
  blocks(series: StoredSeries, startMs: number, endMs: number): Block[] {
    const from = Math.max(startMs, this.#clock.now() - this.#settings.retentionMs);
    return series.blocks.filter(({ times }) => (times[0] as number) <= endMs && (times.at(-1) as number) >= from);
  }

  #settle(): void {
    this.#publish(this.#clock.now() - this.#settings.visibleAfterMs);
  }

  #publish(arrivedBy: number): void {
    if (this.#pending.length === 0 || (this.#pending[0] as { at: number }).at > arrivedBy) return;
    const due = new Map<StoredSeries, Rows[]>();
    this.#pending = this.#pending.filter(({ series, rows, at }) => {
      if (at > arrivedBy) return true;
      const parts = due.get(series);
      if (parts) parts.push(rows);
      else due.set(series, [rows]);
      return false;
    });
    for (const [series, parts] of due) {
      const rows = inOrder(parts);
      for (let at = 0; at < rows.times.length; ) {
        const end = Math.min(at + ROWS_PER_BLOCK, lowerBound(rows.times, monthEnd(rows.times[at] as number)));
        const values = rows.values.slice(at, end);
        const decimals = storeBlock(values);
        series.blocks.push({ times: rows.times.slice(at, end), values, decimals });
        at = end;
      }
    }
  }
}

/** Of each interval `(k·ms - ms, k·ms]` the row with the last time; of equal times the largest value. */
function deduplicate(rows: Rows, ms: number): Rows {
  const times: number[] = [];
  const values: number[] = [];
  let border = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < rows.times.length; at += 1) {
    const time = rows.times[at] as number;
    const value = rows.values[at] as number;
    if (time > border) {
      border = Math.ceil(time / ms) * ms;
      times.push(time);
      values.push(value);
    } else {
      const last = times.length - 1;
      values[last] = time === times[last] ? Math.max(value, values[last] as number) : value;
      times[last] = time;
    }
  }
  return { times: Float64Array.from(times), values: Float64Array.from(values) };
}
