/** What can be wrong with a migration, apart from what its source and sink say themselves. */

import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const EmptyWindow: ErrorEntry<{ startMs: number; stopMs: number }> = defineError('LSH_TSDB_WINDOW', {
  message: ({ startMs, stopMs }) =>
    `the window from ${new Date(startMs).toISOString()} up to ${new Date(stopMs).toISOString()} (exclusive) is empty`,
  fix: 'Give a stop that is later than the start; the stop itself is not included.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const NoMetrics: ErrorEntry<{ source: string; prefix: string }> = defineError('LSH_TSDB_NO_METRICS', {
  message: ({ source, prefix }) => `${source} has no metric whose name begins with "${prefix}"`,
  fix: 'Check the prefix and the address of the source; an empty prefix means every metric.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const SinkNotEmpty: ErrorEntry<{ sink: string; metrics: number; points: number; example: string }> = defineError(
  'LSH_TSDB_SINK_NOT_EMPTY',
  {
    message: ({ sink, metrics, points, example }) =>
      `${sink} already holds ${points} points of ${metrics} of these metrics in this window (${example}, for one)`,
    fix: 'Nothing was sent. Use `--existing fill` to send only what is missing, or another sink or window.',
    retryable: false,
    exitCode: EXIT.refused,
  },
);

export const FileTaken: ErrorEntry<{ path: string }> = defineError('LSH_TSDB_FILE_TAKEN', {
  message: ({ path }) => `${path} is there already, and holds other points`,
  fix: 'It was left as it is. Write into a folder of its own, or put the file away first.',
  retryable: false,
  exitCode: EXIT.refused,
});

/** What a restore cannot take over: windows that were read twice, or files that are no batches yet. */
export const NotRestored: ErrorEntry<{ from: string; way: 'follow' | 'kilda' }> = defineError('LSH_TSDB_NOT_RESTORED', {
  message: ({ from, way }) =>
    way === 'follow'
      ? `${from} has followed its source: its folders hold windows twice, so they cannot be restored by themselves`
      : `the folders of ${from} hold files of kilda-otsdb-dump, which are restored by what reads these`,
  fix: ({ way }) =>
    way === 'follow'
      ? 'Run `longshore tsdb migrate --existing fill` over its time: it sends what is missing.'
      : 'Run the migration again, which goes on with its folders, or `longshore kilda-otsdb-restore` for one of them.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const OtherSink: ErrorEntry<{ from: string; before: string; now: string }> = defineError('LSH_TSDB_OTHER_SINK', {
  message: ({ from, before, now }) => `part of the dump ${from} has already been sent to ${before}, so the rest cannot go to ${now}`,
  fix: ({ before }) => `Restore it into ${before}, or dump again for the other sink.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const WouldMerge: ErrorEntry<{ one: string; other: string; becomes: string }> = defineError('LSH_TSDB_MERGE', {
  message: ({ one, other, becomes }) => `${one} and ${other} would both become ${becomes} in the sink`,
  fix: 'Nothing that would be merged was sent. Choose names that stay apart, or move one of the two by itself (--match, --exclude, --tag).',
  retryable: false,
  exitCode: EXIT.refused,
});

export const CannotRename: ErrorEntry<{ reason: string }> = defineError('LSH_TSDB_RENAME', {
  message: ({ reason }) => reason,
  fix: 'Nothing of it was sent. Change --rename, --prometheus-names or --extra-label.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoDump: ErrorEntry<{ from: string; spools: string[] }> = defineError('LSH_TSDB_NO_DUMP', {
  message: ({ from, spools }) =>
    `there is no finished batch of ${from} in ${spools.length === 0 ? 'any spool: none is alive' : `the spools ${spools.join(', ')}`}`,
  fix: '`longshore ops` lists operations; `longshore spools` lists what lies in the spools.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const Incomplete: ErrorEntry<{
  missing: number;
  extra: number;
  different: number;
  unsendable: number;
  failed: number;
  skipped: number;
  annotations?: number;
}> = defineError('LSH_TSDB_INCOMPLETE', {
  message: ({ missing, extra, different, unsendable, failed, skipped, annotations = 0 }) => {
    const parts = [
      failed > 0 ? `${failed} batches failed` : '',
      skipped > 0 ? `${skipped} batches were not begun` : '',
      missing > 0 ? `${missing} points are missing` : '',
      extra > 0 ? `${extra} points are in the sink that should not be` : '',
      different > 0 ? `${different} points have another value` : '',
      unsendable > 0 ? `${unsendable} entries of the source are no plain points and were left out` : '',
      annotations > 0 ? `${annotations} annotations are missing or say something else` : '',
    ].filter((part) => part !== '');
    return `finished, but not whole: ${parts.join(', ')}`;
  },
  fix: 'The report names metrics and windows. Submit the same again with `--existing fill`: it sends only what is missing.',
  retryable: false,
  exitCode: EXIT.incomplete,
});

export const Unverified: ErrorEntry<{ points: number }> = defineError('LSH_TSDB_UNVERIFIED', {
  message: ({ points }) => `${points} points were acknowledged by the sink, but not read back`,
  fix: 'Leave out --no-verify, give --verify-url where the sink only takes points, or run `longshore tsdb verify` with the same source and window.',
  retryable: false,
  exitCode: EXIT.incomplete,
});

export const NotBehind: ErrorEntry<{ sink: string; verifyUrl: string }> = defineError('LSH_TSDB_NOT_BEHIND', {
  message: ({ sink, verifyUrl }) => `a point that was put into ${sink} cannot be seen at ${verifyUrl}, so nothing can be verified there`,
  fix: 'Give the query port of the same VictoriaMetrics, or leave out --verify-url: the outcome is then "not verified".',
  retryable: false,
  exitCode: EXIT.refused,
});

export const FileNotWhole: ErrorEntry<{ path: string }> = defineError('LSH_TSDB_FILE', {
  message: ({ path }) => `what was written to ${path} does not read back as it was written`,
  fix: 'Look at the disk; it is tried again by itself.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const MaybeDoubled: ErrorEntry<{ sink: string; points: number }> = defineError('LSH_TSDB_MAYBE_DOUBLED', {
  message: ({ sink, points }) => `${points} points were sent twice since no answer came, and ${sink} may keep both`,
  fix: 'VictoriaMetrics drops equal points with -dedup.minScrapeInterval=1ms. `longshore tsdb migrate --verify-url …` looks such points up instead.',
  retryable: false,
  exitCode: EXIT.incomplete,
});

export const Damaged: ErrorEntry<{ places: number }> = defineError('LSH_TSDB_DAMAGED', {
  message: ({ places }) => `${places} places of what was looked at are damaged or cannot be read`,
  fix: 'The notes of the report name each of them. Dump those metrics and windows again.',
  retryable: false,
  exitCode: EXIT.incomplete,
});

export const AnnotationsUnseen: ErrorEntry<{ sink: string; metric: string; annotations: number }> = defineError(
  'LSH_TSDB_ANNOTATIONS_UNSEEN',
  {
    message: ({ sink, metric, annotations }) => `${sink} has taken ${annotations} annotations of ${metric}, but does not give them back`,
    fix: 'Look at the log of the sink; it is tried again by itself.',
    retryable: true,
    exitCode: EXIT.failed,
  },
);

export const CannotFollowInto: ErrorEntry<{ sink: string }> = defineError('LSH_TSDB_FOLLOW_SINK', {
  message: ({ sink }) => `${sink} cannot be asked what it holds, so it cannot be told which points of a window came late`,
  fix: 'Give the address of a VictoriaMetrics (http://host:8428) or of an OpenTSDB, or move closed windows with `longshore tsdb migrate --stop`.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const CannotRead: ErrorEntry<{ sink: string }> = defineError('LSH_TSDB_CANNOT_READ', {
  message: ({ sink }) => `${sink} only takes points, so it cannot be asked what it holds`,
  fix: 'Give the query port of the VictoriaMetrics behind it, such as http://host:8428.',
  retryable: false,
  exitCode: EXIT.refused,
});
