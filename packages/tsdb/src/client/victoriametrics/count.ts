/** How many points, and how large values, the sink holds of a metric. */
import type { TimeRange } from '../../model.ts';
import { ReadRefused } from './errors.ts';
import { countExported } from './export.ts';
import { instant } from './query.ts';
import { selector } from './selector.ts';
import type { Wire } from './wire.ts';

/** Windows that reach to within 300 s of 1970 come out empty in 1.79.5, whatever the sink holds; a day keeps clear of it. */
const EARLIEST_WINDOW_MS = 86_400_000;

/**
 * Points of a metric in `[startMs, stopMs)`, duplicates counted as often as they are there (with dedup on: as queries see them).
 * One query, `sum(count_over_time(…[w]))` at the last ms: windows exclude their left end, so `w = stop - start` is exact
 * (tried at both ends on 1.79.5 and 1.147). Counted from an export instead when the server refuses the query (too many samples or
 * series), when the window reaches back to 1970, and when the query finds nothing: a wrong zero would have data sent twice.
 */
export async function countPoints(wire: Wire, metric: string, range: TimeRange, signal?: AbortSignal): Promise<number> {
  const windowMs = range.stopMs - range.startMs;
  if (windowMs <= 0) return 0;
  if (range.startMs >= EARLIEST_WINDOW_MS) {
    const query = `sum(count_over_time(${selector(metric)}[${windowMs}ms]))`;
    const counted = await orRefused(instant(wire, query, range.stopMs - 1, `count ${metric}`, signal));
    if (counted !== undefined && Number.isSafeInteger(counted) && counted > 0) return counted;
  }
  return countExported(wire, { metric, range, signal });
}

/**
 * Whether a series of a metric has two points of one time in `[startMs, stopMs)`: the least interval between neighbours is none (tried on 1.79.5
 * and 1.147). Undefined when the server does not say.
 */
export async function hasDoubled(wire: Wire, metric: string, range: TimeRange, signal?: AbortSignal): Promise<boolean | undefined> {
  const windowMs = range.stopMs - range.startMs;
  if (windowMs <= 0 || range.startMs < EARLIEST_WINDOW_MS) return undefined;
  const query = `min(rollup_scrape_interval(${selector(metric)}[${windowMs}ms]))`;
  try {
    return (await instant(wire, query, range.stopMs - 1, `look for doubled points of ${metric}`, signal)) === 0;
  } catch (error) {
    if (ReadRefused.is(error)) return undefined;
    throw error;
  }
}

/**
 * The largest magnitude the sink holds of a metric in the calendar months (UTC) that a range touches: a block of values
 * never leaves its month, so nothing else can have cut a value of this range. 0 when the sink holds or says nothing.
 */
export async function largestNear(wire: Wire, metric: string, range: TimeRange, signal?: AbortSignal): Promise<number> {
  const first = new Date(range.startMs);
  const last = new Date(Math.max(range.startMs, range.stopMs - 1));
  const startMs = Math.max(EARLIEST_WINDOW_MS, Date.UTC(first.getUTCFullYear(), first.getUTCMonth()));
  const stopMs = Date.UTC(last.getUTCFullYear(), last.getUTCMonth() + 1);
  const series = `${selector(metric)}[${stopMs - startMs}ms]`;
  const what = `find the largest value of ${metric}`;
  let largest = 0;
  for (const query of [`max(max_over_time(${series}))`, `min(min_over_time(${series}))`]) {
    const value = await orRefused(instant(wire, query, stopMs - 1, what, signal));
    if (value !== undefined && Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  }
  return largest;
}

/** What a query came to; undefined when the server refused it, other failures are thrown. */
async function orRefused(value: Promise<number | undefined>): Promise<number | undefined> {
  try {
    return await value;
  } catch (error) {
    if (ReadRefused.is(error)) return undefined;
    throw error;
  }
}
