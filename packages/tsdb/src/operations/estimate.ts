/** What a migration will come to, from a sample of the source: a few metrics, a few short stretches of the window. Only reads. */
import { constants, zstdCompressSync } from 'node:zlib';
import type { Clock } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import type { OpenTsdbClient } from '../client/opentsdb/index.ts';
import { viewLines } from '../client/victoriametrics/lines.ts';
import type { TimeRange } from '../model.ts';
import type { BatchPlan } from '../plan/batches.ts';
import { planData, readingOf } from '../plan/batches.ts';

const METRICS = 12;
const STRETCHES = 3;
const STRETCH_MS = 600_000;
/** Where a stretch has fewer points, it may lie between two of them: the hour around it is read, which costs the source no more. */
const FEW_POINTS = 50;
/** Of the query that is timed. */
const TIMED_POINTS = 100_000;
const HOUR_MS = 3_600_000;
/** Numbers that are compressed to see what they take. */
const SAMPLE_BYTES = 4 << 20;

export interface Estimate {
  points: number;
  bytes: number;
  /** Reading alone, one query at a time. */
  readMs: number;
}

/** Evenly spread, first and last included. */
export function spread(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, at) => at);
  return Array.from({ length: most }, (_, at) => Math.round((at * (count - 1)) / (most - 1)));
}

/** Undefined when nothing can be read now; the run finds out why. */
export async function estimate(
  source: OpenTsdbClient,
  plan: BatchPlan,
  deps: { clock: Clock; signal: AbortSignal },
): Promise<Estimate | undefined> {
  const { startMs, stopMs, metrics } = plan;
  const windowMs = stopMs - startMs;
  const stretchMs = Math.min(STRETCH_MS, windowMs);
  const starts = spread(STRETCHES, STRETCHES).map((at) => startMs + Math.floor(((windowMs - stretchMs) * at) / (STRETCHES - 1)));
  const sample = spread(metrics.length, METRICS);
  if (sample.length === 0) return undefined;
  const { reading = {} } = readingOf(planData(plan));
  const numbers = new Numbers();
  let perMs = 0;
  let densest = { metric: metrics[0]!, perMs: 0 };
  /** Points read in a ms, of the quickest query. */
  let rate = 0;
  const read = async (metric: string, frame: TimeRange): Promise<number> => {
    const began = deps.clock.now();
    const sink = async (lines: Buffer): Promise<void> => numbers.add(lines);
    const { points } = await source.readFrame(metric, frame, sink, { signal: deps.signal, reading });
    rate = Math.max(rate, points / Math.max(1, deps.clock.now() - began));
    return points;
  };
  try {
    for (const at of sample) {
      const metric = metrics[at]!;
      let own = 0;
      for (const start of starts) {
        const frame = { startMs: start, stopMs: start + stretchMs };
        const found = await read(metric, frame);
        const hour = hourAround(frame, plan);
        const few = found < FEW_POINTS && hour.stopMs - hour.startMs > stretchMs;
        own += few ? (await read(metric, hour)) / (hour.stopMs - hour.startMs) : found / stretchMs;
      }
      perMs += own;
      if (own > densest.perMs) densest = { metric, perMs: own };
    }
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    return undefined;
  }
  // Short queries cost most of their time before their first byte; one as long as those of the run reads at the rate of its points.
  const longMs = Math.floor(Math.min(windowMs, (TIMED_POINTS * starts.length) / Math.max(densest.perMs, TIMED_POINTS / windowMs)));
  try {
    if (densest.perMs > 0) await read(densest.metric, { startMs, stopMs: startMs + Math.max(1, longMs) });
  } catch (error) {
    // It was too long for this source: the short ones have told what they can.
    if (!(error instanceof LongshoreError)) throw error;
  }
  const whole = Math.round((perMs / (sample.length * starts.length)) * metrics.length * windowMs);
  return { points: whole, bytes: Math.round(whole * numbers.bytesAPoint()), readMs: whole / Math.max(rate, Number.MIN_VALUE) };
}

/** The row of storage a stretch begins in, as far as it is in the window. */
function hourAround(frame: TimeRange, window: TimeRange): TimeRange {
  const hour = frame.startMs - (frame.startMs % HOUR_MS);
  return { startMs: Math.max(window.startMs, hour), stopMs: Math.min(window.stopMs, hour + HOUR_MS) };
}

/** Times and values of the sample as a folder has them: names are few there, since its lines are long. */
class Numbers {
  #parts: Buffer[] = [];
  #bytes = 0;
  #points = 0;

  add(lines: Buffer): void {
    for (const { valuesStart, valuesEnd, timesStart, timesEnd } of viewLines(lines, 'a reply')) {
      if (this.#bytes > SAMPLE_BYTES) return;
      for (const part of [lines.subarray(valuesStart, valuesEnd), lines.subarray(timesStart, timesEnd)]) {
        this.#parts.push(Buffer.from(part));
        this.#bytes += part.length;
      }
      this.#points += lines.toString('latin1', timesStart, timesEnd).split(',').length;
    }
  }

  bytesAPoint(): number {
    if (this.#points === 0) return 0;
    return zstdCompressSync(Buffer.concat(this.#parts), { params: { [constants.ZSTD_c_compressionLevel]: 1 } }).length / this.#points;
  }
}

export function estimateText({ points, bytes, readMs }: Estimate): string {
  if (points === 0) return 'a sample of the source holds no point: the window may be empty';
  const rounded = Number(points.toPrecision(2)).toLocaleString('en-US');
  const size = bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;
  const minutes = readMs / 60_000;
  const time =
    minutes < 1 ? 'less than a minute' : minutes < 120 ? `about ${Math.round(minutes)} minutes` : `about ${Math.round(minutes / 60)} hours`;
  return `about ${rounded} points, ${size} of folders in all, ${time} of reading one query at a time, from a sample`;
}
