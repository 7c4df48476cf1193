/** What a source may answer instead of points. */

import type { ErrorEntry, LongshoreError } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';
import { TimedOut } from '@longshore/http';

export const TruncatedReply: ErrorEntry<{ what: string; bytes: number }> = defineError('LSH_TSDB_TRUNCATED_REPLY', {
  message: ({ what, bytes }) => `${what}: the reply ends in the middle, after ${bytes} bytes`,
  fix: 'Smaller frames are tried by themselves; if it stays so, look at the log of the source and at proxies on the way.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const MalformedReply: ErrorEntry<{ what: string; at: number; reason: string }> = defineError('LSH_TSDB_MALFORMED_REPLY', {
  message: ({ what, at, reason }) => `${what}: the reply is no list of series (${reason}, at byte ${at})`,
  fix: 'Check that the address is that of an OpenTSDB 2.x server, and what a proxy on the way may answer in its place.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const ErrorInReply: ErrorEntry<{ what: string; reason: string }> = defineError('LSH_TSDB_ERROR_IN_REPLY', {
  message: ({ what, reason }) => `${what}: a reply that began well ended with an error: ${reason}`,
  fix: 'Look at the log of the source.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const TooMuchAsked: ErrorEntry<{ what: string; status: number; reason: string }> = defineError('LSH_TSDB_TOO_MUCH', {
  message: ({ what, status, reason }) => `${what}: the source gave up on a query of this size (${status}: ${reason})`,
  fix: 'Less is asked for by itself: shorter frames, then some series at a time. If even that is refused, raise tsd.query.timeout, or what a proxy on the way lets through.',
  retryable: true,
  exitCode: EXIT.failed,
});

/** OpenTSDB 2.4 counts whole rows of storage, an hour each: of less than an hour it fetches as much. */
export const OverLimit: ErrorEntry<{ what: string; reason: string }> = defineError('LSH_TSDB_OVER_LIMIT', {
  message: ({ what, reason }) => `${what}: it is more than the source reads in one query (${reason})`,
  fix: 'Less is asked for by itself: shorter frames, then some series at a time. Or raise tsd.query.limits.* for this metric.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const SeriesTooLarge: ErrorEntry<{ what: string; reason: string }> = defineError('LSH_TSDB_SERIES_TOO_LARGE', {
  message: ({ what, reason }) => `${what}: an hour of a single series is more than the source reads in one query (${reason})`,
  fix: 'Raise tsd.query.limits.data_points.default or tsd.query.limits.bytes.default of the source, or override them for this metric.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const SeriesUnlisted: ErrorEntry<{ what: string; reason: string }> = defineError('LSH_TSDB_SERIES_UNLISTED', {
  message: ({ what, reason }) =>
    `${what}: an hour of it is more than the source reads in one query, and it does not name the series to ask for some of them (${reason})`,
  fix: 'Raise tsd.query.limits.* for this metric, or let /api/search/lookup through to the source.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const SourceTimedOut: ErrorEntry<{ what: string; status: number; reason: string }> = defineError('LSH_TSDB_SOURCE_TIMEOUT', {
  message: ({ what, status, reason }) => `${what}: the source or its storage ran out of time (${status}: ${reason})`,
  fix: 'Less is asked for by itself, after a pause. If it stays so, look at the load of HBase, and at hbase.client.scanner.timeout.period.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const SourceBusy: ErrorEntry<{ what: string; status: number; reason: string }> = defineError('LSH_TSDB_SOURCE_BUSY', {
  message: ({ what, status, reason }) => `${what}: the source cannot answer now (${status}: ${reason})`,
  fix: 'Look at the log and the load of the source and of its storage.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const SourceRefused: ErrorEntry<{ what: string; status: number; reason: string }> = defineError('LSH_TSDB_SOURCE_REFUSED', {
  message: ({ what, status, reason }) => `${what}: the source refused the request (${status}: ${reason})`,
  fix: 'The reason is in the words of the source. 401 and 403: check the authorization; 404: check the prefix in the address, and tsd.mode.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const NoSuchMetric: ErrorEntry<{ what: string; metric: string }> = defineError('LSH_TSDB_NO_SUCH_METRIC', {
  message: ({ what, metric }) => `${what}: the source has no metric ${metric}`,
  fix: 'Check the name; a metric may also have been deleted since the plan was made.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const NoRawReads: ErrorEntry<{ what: string }> = defineError('LSH_TSDB_NO_RAW_READS', {
  message: ({ what }) => `${what}: the source does not know the aggregator "none", without which raw points cannot be read`,
  fix: 'Read through a TSD of version 2.3 or later; it can be started beside the old one on the same storage.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const SourceDuplicates: ErrorEntry<{ what: string; reason: string }> = defineError('LSH_TSDB_SOURCE_DUPLICATES', {
  message: ({ what, reason }) => `${what}: the source holds duplicate points and refuses to read across them (${reason})`,
  fix: 'Set tsd.storage.fix_duplicates = true at the source, or repair it with its fsck tool.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const BadSourceSettings: ErrorEntry<{ source: string; reason: string }> = defineError('LSH_TSDB_SOURCE_SETTINGS', {
  message: ({ source, reason }) => `the settings of the source ${source} are not valid: ${reason}`,
  fix: 'Correct the settings of this target in the configuration.',
  retryable: false,
  exitCode: EXIT.usage,
});

/** Whether asking for less may help: the source gave up on the size, ran out of time, or its reply was cut short. */
export function wantsSmallerFrame(error: unknown): error is LongshoreError {
  return TooMuchAsked.is(error) || OverLimit.is(error) || TruncatedReply.is(error) || ranOutOfTime(error);
}

/** Ours or its own: may be load as well as size. */
export function ranOutOfTime(error: unknown): error is LongshoreError {
  return TimedOut.is(error) || SourceTimedOut.is(error);
}
