/** What a migration will come to, from a sample of the source: a few metrics, a few short stretches of the window. Only reads. */
import type { Clock } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import type { OpenTsdbClient } from '../client/opentsdb/index.ts';
import type { BatchPlan } from '../plan/batches.ts';

const METRICS = 4;
const STRETCHES = 3;
const STRETCH_MS = 600_000;
/** Compressed bytes of a point in a folder, as measured on counters and gauges. */
const BYTES_A_POINT = 3.3;

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
  const stretchMs = Math.min(STRETCH_MS, stopMs - startMs);
  const starts = spread(STRETCHES, STRETCHES).map((at) => startMs + Math.floor(((stopMs - startMs - stretchMs) * at) / (STRETCHES - 1)));
  const sample = spread(metrics.length, METRICS);
  let points = 0;
  const began = deps.clock.now();
  try {
    for (const at of sample)
      for (const start of starts) {
        const frame = { startMs: start, stopMs: start + stretchMs };
        const found = await source.readFrame(metrics[at]!, frame, async () => undefined, { signal: deps.signal });
        points += found.points;
      }
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    return undefined;
  }
  if (sample.length === 0) return undefined;
  const share = (sample.length / metrics.length) * ((starts.length * stretchMs) / (stopMs - startMs));
  // A short query costs most of its time before its first byte; a long one reads at the rate of its points.
  const rate = Math.max(1, points / Math.max(1, deps.clock.now() - began));
  const whole = Math.round(points / share);
  return { points: whole, bytes: Math.round(whole * BYTES_A_POINT), readMs: whole / rate };
}

export function estimateText({ points, bytes, readMs }: Estimate): string {
  if (points === 0) return 'a sample of the source holds no point: the window may be empty';
  const rounded = Number(points.toPrecision(2)).toLocaleString('en-US');
  const size = bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;
  const minutes = readMs / 60_000;
  const time = minutes < 1 ? 'under a minute' : minutes < 120 ? `${Math.round(minutes)} minutes` : `${Math.round(minutes / 60)} hours`;
  return `about ${rounded} points, ${size} of folders in all, at most ${time} of reading, from a sample`;
}
