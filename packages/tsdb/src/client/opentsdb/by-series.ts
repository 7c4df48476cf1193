/**
 * Raw points without the aggregator `none`, which OpenTSDB before 2.3 does not have: the series are asked for first, then some of them at a
 * time, each in a part of the query of its own. A sum over one series is that series.
 */
import type { FrameSummary, TimeRange } from '../../model.ts';
import type { Reading } from './queries.ts';

/** With 20 hex digits each, a request line stays well below the 4 KiB a server takes. */
export const SERIES_PER_QUERY = 40;

/**
 * Asks for the names of all series of a metric in a frame; `tsuids` in the reply has them. Not averaged, short as the reply would be: a
 * point whose span begins before the frame is left out then, and with the last point the whole object. Not summed: 2.4.1 answers 400 where
 * a sum is too large for a double (seen); the largest number of each time is always one, and nothing is interpolated for it.
 */
export function seriesReading(tags: Reading['tags']): Reading {
  return { aggregator: 'mimmax', flags: { show_tsuids: 'true' }, ...(tags === undefined ? {} : { tags }) };
}

/** The series in a reply to that. Undefined for a reply of another shape. */
export function tsuidsIn(reply: unknown): string[] | undefined {
  if (!Array.isArray(reply)) return undefined;
  const found = new Set<string>();
  for (const one of reply as unknown[]) {
    const tsuids: unknown = typeof one === 'object' && one !== null ? Reflect.get(one, 'tsuids') : undefined;
    if (!Array.isArray(tsuids)) return undefined;
    for (const tsuid of tsuids) if (typeof tsuid === 'string' && /^[\dA-Fa-f]+$/.test(tsuid)) found.add(tsuid);
  }
  return [...found].sort();
}

/** Parts of a frame as one. */
export function joined(parts: readonly FrameSummary[], frame: TimeRange): FrameSummary {
  const sum: FrameSummary = { points: 0, series: [], lineBytes: 0, replyBytes: 0, problems: [] };
  const annotations = parts.flatMap((part) => part.annotations ?? []);
  if (annotations.length > 0) sum.annotations = annotations;
  let [first, last] = [frame.stopMs, frame.startMs - 1];
  for (const part of parts) {
    sum.points += part.points;
    sum.series.push(...part.series);
    sum.lineBytes += part.lineBytes;
    sum.replyBytes += part.replyBytes;
    sum.problems.push(...part.problems);
    first = Math.min(first, part.firstMs ?? first);
    last = Math.max(last, part.lastMs ?? last);
  }
  return sum.points === 0 ? sum : { ...sum, firstMs: first, lastMs: last };
}
