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

/** How points are asked for, where that is other than raw and for all series. */
export interface Reading {
  /** Default `none`. */
  aggregator?: string;
  /** Only series that have all of these tags, `*` for any value; one reply object for each set of values. */
  tags?: Readonly<Record<string, string>>;
  /** `1m-avg`: points are averaged before they are sent. */
  downsample?: string;
  /** Series by their names, each an object of its own in the reply; `metric` is then not asked for. */
  tsuids?: readonly string[];
  /** Adds flags to the query. */
  flags?: Readonly<Record<string, string>>;
  /** Annotations of the series too: they come with the points, at no further query. */
  annotations?: true;
  /** Times of at most 10 digits in the reply are seconds. */
  seconds?: true;
}

/** Flags count by their presence alone; `show_tsuids` hangs a TSD that runs on Java 9 or later without JAXB. */
const FLAGS = { arrays: 'true', no_annotations: 'true' };
/** Storage takes times below 2^32 for seconds, whatever the query said. */
const LEAST_MS = 2 ** 32;
/** Characters that would end the metric's name in `m=`. */
const NOT_IN_M = /[:{},|]/;
const NOT_IN_TAGS = /[:{},=()]/;

/** All points of one metric in a frame, raw and for all its series unless `reading` says otherwise. `end` is inclusive at the source, and must be after `start`. */
export function frameQuery(metric: string, frame: TimeRange, reading: Reading = {}): FrameQuery {
  const start = frame.startMs < LEAST_MS ? 0 : frame.startMs;
  const end = Math.max(frame.stopMs - 1, start + 1, LEAST_MS);
  const asked = { startMs: start, stopMs: end + 1 };
  const { aggregator = 'none', downsample, tsuids } = reading;
  const tags = Object.entries(reading.tags ?? {});
  const { no_annotations, ...others } = FLAGS;
  const usual = reading.annotations === true ? others : { ...others, no_annotations };
  const flags = reading.flags === undefined ? usual : { ...usual, ...reading.flags };
  const times = { start: timeText(start), end: timeText(end) };
  const parts = downsample === undefined ? aggregator : `${aggregator}:${downsample}`;
  if (tsuids !== undefined) {
    // Raw, each is an object of its own; everything else makes one of all series in a part of the query.
    const names = aggregator === 'none' ? [tsuids.join(',')] : tsuids;
    const query = { ...times, tsuid: names.map((some) => `${parts}:${some}`), ms: 'true', ...flags };
    return { method: 'GET', path: '/api/query', query, asked };
  }
  // In `m=` a value with a star is taken in any case (`TagVFilter.getFilter`).
  if (NOT_IN_M.test(metric) || tags.some((tag) => tag.some((text) => NOT_IN_TAGS.test(text)))) {
    const filters = tags.map(([tagk, filter]) => ({
      type: filter.includes('*') ? 'iwildcard' : 'literal_or',
      tagk,
      filter,
      groupBy: true,
    }));
    const queries = [
      { aggregator, metric, ...(downsample === undefined ? {} : { downsample }), ...(filters.length === 0 ? {} : { filters }) },
    ];
    // Of a POST the flag in the address does nothing.
    const showTSUIDs = reading.flags?.show_tsuids !== undefined;
    const body = JSON.stringify({
      ...times,
      msResolution: true,
      noAnnotations: reading.annotations !== true,
      ...(showTSUIDs ? { showTSUIDs } : {}),
      queries,
    });
    return { method: 'POST', path: '/api/query', query: flags, body, asked };
  }
  const braces = tags.length === 0 ? '' : `{${tags.map(([key, value]) => `${key}=${value}`).join(',')}}`;
  const query = { ...times, m: `${parts}:${metric}${braces}`, ms: 'true', ...flags };
  return { method: 'GET', path: '/api/query', query, asked };
}

/** Texts of up to 10 digits are seconds to the source, longer ones ms. */
function timeText(ms: number): string {
  return ms === 0 ? '0' : String(ms).padStart(13, '0');
}
