/** The requests of the query API as plain data. Nothing here, in any form, asks for `delete`. */
import type { Query } from '@longshore/http';
import type { TimeRange } from '../../model.ts';

export interface FrameQuery {
  method: 'GET' | 'POST';
  path: string;
  query: Query;
  body?: string;
  /** The half-open range the source will answer for; wider than the frame where it cannot be asked so narrowly. */
  asked: TimeRange;
}

/** Flags count by their presence alone; `show_tsuids` hangs a TSD that runs on Java 9 or later without JAXB. */
const FLAGS = { arrays: 'true', no_annotations: 'true' };
/** Storage takes times below 2^32 for seconds, whatever the query said. */
const LEAST_MS = 2 ** 32;
/** Characters that would end the metric's name in `m=`. */
const NOT_IN_M = /[:{},|]/;

/** All raw points of one metric in a frame, for all its series. `end` is inclusive at the source, and must be after `start`. */
export function frameQuery(metric: string, frame: TimeRange): FrameQuery {
  const start = frame.startMs < LEAST_MS ? 0 : frame.startMs;
  const end = Math.max(frame.stopMs - 1, start + 1, LEAST_MS);
  const asked = { startMs: start, stopMs: end + 1 };
  if (NOT_IN_M.test(metric)) {
    const queries = [{ aggregator: 'none', metric }];
    const body = JSON.stringify({ start: timeText(start), end: timeText(end), msResolution: true, noAnnotations: true, queries });
    return { method: 'POST', path: '/api/query', query: FLAGS, body, asked };
  }
  const query = { start: timeText(start), end: timeText(end), m: `none:${metric}`, ms: 'true', ...FLAGS };
  return { method: 'GET', path: '/api/query', query, asked };
}

/** Texts of up to 10 digits are seconds to the source, longer ones ms. */
function timeText(ms: number): string {
  return ms === 0 ? '0' : String(ms).padStart(13, '0');
}
