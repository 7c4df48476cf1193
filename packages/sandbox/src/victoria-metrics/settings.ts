/** What can be set about the VictoriaMetrics stand-in, and where its two versions differ. */

/** `1.79` is Debian's 1.79.5, `1.147` the newest that was compared. */
export type VictoriaMetricsVersion = '1.79' | '1.147';

/** May be changed while it runs. */
export interface VictoriaMetricsSettings {
  /** Points older than this are dropped and counted, with a 204. */
  retentionMs: number;
  /** Points newer than now plus this, likewise. */
  futureRetentionMs: number;
  /** How long rows stay unseen by reads when nobody asks for a flush. */
  visibleAfterMs: number;
  /** How far `/metrics` is behind. */
  countersLagMs: number;
  /** Above 0: of the points of one series in such an interval the last is given out. */
  dedupMs: number;
  /** Requests for import, export and reads are found under `/insert/<tenant>/prometheus` and `/select/<tenant>/prometheus` only. */
  cluster: boolean;
  /** Longest line of `/api/v1/import`; the old version has no limit. */
  maxLineBytes: number;
  nativeExport: NativeExport;
  /** What it says of how long a request may wait in it. */
  queueMs: number;
}

/**
 * How true `/api/v1/export/native` is: not there at all; with numbers stored in a way nobody knows; with a byte too many in each block; cut
 * off before its last byte, which looks like a regular end; with the first value of each block off by one, or its last row left out.
 */
export type NativeExport = 'true' | 'absent' | 'strange' | 'long' | 'cut' | 'wrong' | 'short';

/** Facts of a version; seen on the real servers by the conformance suite. */
export interface VersionFacts {
  readonly maxLabels: number;
  readonly maxLabelValueBytes: number;
  /** Too many or too long labels: the row is dropped and counted, or what is too much is cut off. */
  readonly oversizedLabels: 'drop' | 'cut';
  readonly infinity: { positive: string; negative: string };
  /** `null` and quoted numbers among the values are understood. */
  readonly lenientValues: boolean;
  readonly encodings: ReadonlySet<string>;
  /** A content encoding it does not know: refused, or the body is read as it is. */
  readonly unknownEncoding: 'refuse' | 'ignore';
  /** Plain-text errors begin with the caller's address and URI. */
  readonly errorsNameCaller: boolean;
  /** Times above 2^31 are taken for ms, µs, ns. The old version takes every number for seconds. */
  readonly guessesTimeUnit: boolean;
  /** Replies of queries tell how many series were read. */
  readonly queryStats: boolean;
  /** `\b` and `\f` have short escapes. */
  readonly shortEscapes: boolean;
  /** A label list without times covers the last days only. */
  readonly labelsDefaultToRecent: boolean;
  readonly buildVersion: string | undefined;
  /** Native blocks tell their last time and how many bits of each number are kept. */
  readonly fullNativeBlocks: boolean;
}

export const VERSION_FACTS: Record<VictoriaMetricsVersion, VersionFacts> = {
  '1.79': {
    maxLabels: 30,
    maxLabelValueBytes: 16_384,
    oversizedLabels: 'cut',
    infinity: { positive: '+Inf', negative: '-Inf' },
    lenientValues: false,
    encodings: new Set(['gzip']),
    unknownEncoding: 'ignore',
    errorsNameCaller: true,
    guessesTimeUnit: false,
    queryStats: false,
    shortEscapes: false,
    labelsDefaultToRecent: false,
    buildVersion: undefined,
    fullNativeBlocks: false,
  },
  '1.147': {
    maxLabels: 40,
    maxLabelValueBytes: 4096,
    oversizedLabels: 'drop',
    infinity: { positive: '"Infinity"', negative: '"-Infinity"' },
    lenientValues: true,
    encodings: new Set(['gzip', 'zstd', 'deflate', 'snappy']),
    unknownEncoding: 'refuse',
    errorsNameCaller: false,
    guessesTimeUnit: true,
    queryStats: true,
    shortEscapes: true,
    labelsDefaultToRecent: true,
    buildVersion: '2.24.0',
    fullNativeBlocks: true,
  },
};

export const MAX_LABEL_NAME_BYTES = 256;
