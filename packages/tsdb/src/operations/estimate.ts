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
  let [points, perMs] = [0, 0];
  const began = deps.clock.now();
  try {
    for (const at of sample) {
      const read = async (frame: TimeRange): Promise<number> => {
        const { points: found } = await source.readFrame(metrics[at]!, frame, async (lines) => numbers.add(lines), {
          signal: deps.signal,
          reading,
        });
        points += found;
        return found;
      };
      for (const start of starts) {
        const frame = { startMs: start, stopMs: start + stretchMs };
        const found = await read(frame);
        const hour = hourAround(frame, plan);
        const few = found < FEW_POINTS && hour.stopMs - hour.startMs > stretchMs;
        perMs += few ? (await read(hour)) / (hour.stopMs - hour.startMs) : found / stretchMs;
      }
    }
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    return undefined;
  }
  const whole = Math.round((perMs / (sample.length * starts.length)) * metrics.length * windowMs);
  // A short query costs most of its time before its first byte; a long one reads at the rate of its points.
  const rate = Math.max(1, points / Math.max(1, deps.clock.now() - began));
  return { points: whole, bytes: Math.round(whole * numbers.bytesAPoint()), readMs: whole / rate };
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
  const time = minutes < 1 ? 'under a minute' : minutes < 120 ? `${Math.round(minutes)} minutes` : `${Math.round(minutes / 60)} hours`;
  return `about ${rounded} points, ${size} of folders in all, at most ${time} of reading, from a sample`;
}
