/**
 * Annotations of no series. `/api/annotations` lists them (`Annotation.getGlobalAnnotations`, 2.4.1): it looks through the rows, of an hour each,
 * from that of the start to that of the end, and leaves out what begins before the start or ends after the end, numbers compared as they
 * are. So one whose times are in ms is always after a start in seconds, and its end after every usual end; and one that begins in
 * the range and ends later is left out, too. Of the end only the lowest 32 bits, of seconds, go into the name of the last row: with more of them it
 * is after the end of every annotation, and names the same row.
 */
import type { Query } from '@longshore/http';
import { z } from 'zod';
import type { SourceAnnotation, TimeRange } from '../../model.ts';
import { NO_SERIES } from '../../model.ts';

const ROW_S = 3_600;
/** So many times 32 bits of seconds are later than any end in ms up to the year 2242, and still exact as ms in a double. */
const ROUNDS = 2_000;

/** Lists at least the annotations that begin in the range, whenever they end. */
export function globalQuery({ startMs, stopMs }: TimeRange): Query {
  // A start of 0 is none.
  const startS = Math.max(1, Math.floor(startMs / 1000));
  const lastS = Math.min(Math.floor((stopMs - 1) / 1000), 2 ** 32 - ROW_S - 1);
  return { start_time: String(startS), end_time: String((ROUNDS * 2 ** 32 + Math.max(startS, lastS)) * 1000) };
}

const Listed = z.array(z.record(z.string(), z.unknown()));

/** Those of a reply that begin in the range; undefined for a reply of another shape. */
export function globalsIn(reply: unknown, { startMs, stopMs }: TimeRange): SourceAnnotation[] | undefined {
  const listed = Listed.safeParse(reply);
  if (!listed.success) return undefined;
  const found: SourceAnnotation[] = [];
  for (const { tsuid, ...fields } of listed.data) {
    const at = annotationMs(fields);
    if (at === undefined || (tsuid !== undefined && tsuid !== '')) return undefined;
    if (at >= startMs && at < stopMs) found.push({ labels: NO_SERIES, startMs: at, fields });
  }
  return found;
}

/** When an annotation begins, ms; up to 32 bits are seconds, as everywhere in OpenTSDB. */
export function annotationMs({ startTime }: Readonly<Record<string, unknown>>): number | undefined {
  if (typeof startTime !== 'number' || !Number.isSafeInteger(startTime)) return undefined;
  return startTime > 0xffff_ffff ? startTime : startTime * 1000;
}
