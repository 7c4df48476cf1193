/**
 * The time series' nouns.
 *
 * All data inside Longshore are **import lines**: the JSON lines of VictoriaMetrics' `/api/v1/import`, a series each,
 *
 *   {"metric":{"__name__":"kilda.a","host":"h1"},"values":[1,2.5],"timestamps":[1678233600000,1678233660000]}\n
 *
 * with exactly this key order, no white space, values as the source's own digits (never parsed: 64-bit integers and
 * float digits survive), timestamps in ms as plain integers, ascending within a series of a chunk, at most
 * `MAX_POINTS_PER_LINE` a line. `__name__` comes first, the tags follow in the source's order.
 */

/** A line this long is far below every sink's line limit. */
export const MAX_POINTS_PER_LINE = 10_000;

/** Half-open, ms since the epoch. */
export interface TimeRange {
  startMs: number;
  stopMs: number;
}

/**
 * What one series holds in one chunk. `hash` is a sum over its timestamps (see `point-hash.ts`), as 16 hex digits:
 * equal multisets of timestamps have equal counts and hashes, whatever the order.
 */
export interface SeriesDigest {
  /** The bytes of the `metric` object of its first line, as text. */
  labels: string;
  points: number;
  hash: string;
  /** The same sum over whole points, times and float64 values; absent when there are values of which the scanner does not know it. */
  pointsHash?: string;
}

/** Something in a source's reply that is not a plain point. Never swallowed: goes to the report. */
export interface SourceProblem {
  kind:
    | 'nan'
    | 'null'
    | 'infinite'
    | 'duplicate-time'
    | 'unknown-object'
    | 'other-metric'
    | 'aggregated'
    | 'outside-frame'
    | 'bad-label'
    | 'annotations';
  metric: string;
  count: number;
  /** One example, shortened. */
  example: string;
}

/** Stands for the name of a metric where annotations of no series are kept and told; no metric has a blank in its name. */
export const GLOBAL_ANNOTATIONS = 'global annotations';
/** The labels of no series. */
export const NO_SERIES = '{}';

/** A remark of somebody's on a series at a time, or on no series. It belongs to the window its start lies in. */
export interface SourceAnnotation {
  /** The bytes of the `metric` object of its series, as text, or `NO_SERIES`. */
  labels: string;
  startMs: number;
  /** As the source gives it, without its `tsuid`: `startTime`, `endTime`, `description`, `notes`, `custom`. */
  fields: Readonly<Record<string, unknown>>;
}

/** What one query's reply came to. One query is one chunk. */
export interface FrameSummary {
  points: number;
  series: SeriesDigest[];
  firstMs?: number;
  lastMs?: number;
  /** Bytes of import lines. */
  lineBytes: number;
  /** Bytes of the reply as received, before any content decoding. */
  replyBytes: number;
  problems: SourceProblem[];
  /** Where they were asked for, and there are any. */
  annotations?: SourceAnnotation[];
  /** Tags over which the source has aggregated what it should not have; absent where it has not. */
  aggregateTags?: string[];
}

/**
 * Takes the import lines of a frame as they are made: whole lines, in a buffer that is the callee's until the promise resolves
 * and is then used again by the caller. Waiting is the backpressure.
 */
export type LineSink = (lines: Buffer) => Promise<void>;

/** What comparing a chunk with the sink came to; all numbers are points. */
export interface Comparison {
  points: number;
  /** At the right time with a value within the sink's stated precision. */
  matched: number;
  missing: number;
  /** In the sink at times the chunk does not have, or more often than the chunk has them. */
  extra: number;
  /** Right time, wrong value. */
  different: number;
  /** Right time; the value is as near as the sink could keep it beside its neighbours, and no nearer. */
  precisionLost: number;
  examples: ComparisonExample[];
}

export interface ComparisonExample {
  kind: 'missing' | 'extra' | 'different' | 'precision-lost';
  labels: string;
  timestampMs: number;
  expected?: string;
  found?: string;
}
