/** What can go wrong between us and a VictoriaMetrics, as catalogue entries. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const SinkAddressUnusable: ErrorEntry<{ sink: string; reason: string }> = defineError('LSH_VM_ADDRESS', {
  message: ({ sink, reason }) => `the address or the settings of ${sink} cannot be used: ${reason}`,
  fix: 'Give http://host:8428 for a single node, http://host:8480/insert/<tenant>/prometheus for a cluster, and check the settings of the target.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const SinkDropsData: ErrorEntry<{ sink: string; point: 'oldest' | 'newest'; atMs: number; kept: string | undefined }> = defineError(
  'LSH_SINK_RETENTION',
  {
    message: ({ sink, point, atMs, kept }) =>
      `${sink} drops the ${point} wanted points (${new Date(atMs).toISOString()}) without an error` +
      (kept === undefined ? '' : `; its -retentionPeriod is ${kept}`),
    fix: ({ point }) =>
      point === 'oldest'
        ? 'Start the sink with a longer -retentionPeriod (and no -maxBackfillAge), or move the start of the window.'
        : 'Check the clocks, start the sink with a longer -futureRetention, or move the end of the window.',
    retryable: false,
    exitCode: EXIT.refused,
  },
);

export const SinkNotReadable: ErrorEntry<{ sink: string; waitedMs: number }> = defineError('LSH_VM_PROBE', {
  message: ({ sink, waitedMs }) => `a point written to ${sink} just now could not be read back within ${waitedMs} ms`,
  fix: 'Check that writing and reading addresses belong to the same server and tenant, and that no relabelling or filter drops longshore.probe.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const SinkCannotZstd: ErrorEntry<{ sink: string }> = defineError('LSH_VM_ENCODING', {
  message: ({ sink }) => `${sink} acknowledges zstd bodies but does not store them`,
  fix: 'Set `encoding: auto` or `encoding: plain` for this target, or upgrade the server.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const ImportRefused: ErrorEntry<{ sink: string; status: number; answer: string }> = defineError('LSH_VM_IMPORT_REFUSED', {
  message: ({ sink, status, answer }) => `${sink} answered an import with ${status}: ${answer}`,
  fix: 'Check address, tenant and authorization of the target; what the request wrote is looked up before anything is sent again.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const ImportUncertain: ErrorEntry<{ sink: string; status: number; answer: string }> = defineError('LSH_VM_IMPORT_UNCERTAIN', {
  message: ({ sink, status, answer }) => `${sink} answered an import with ${status}, which may be a partial write: ${answer}`,
  fix: 'Look at the log of the sink; what the request wrote is looked up before anything is sent again.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const SinkPushesBack: ErrorEntry<{ sink: string; status: number; answer: string }> = defineError('LSH_VM_PUSHED_BACK', {
  message: ({ sink, status, answer }) => `${sink} asks to be left alone for a while (${status}): ${answer}`,
  fix: 'Give the sink more room (CPU, disk, -maxConcurrentInserts), or fewer restorers.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const ReadRefused: ErrorEntry<{ sink: string; what: string; status: number; answer: string }> = defineError('LSH_VM_READ', {
  message: ({ sink, what, status, answer }) => `${sink} refused to ${what} (${status}): ${answer}`,
  fix: 'Check address, tenant and authorization for reading, and the -search.* limits of the sink.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const BadExport: ErrorEntry<{ sink: string; reason: string; excerpt: string }> = defineError('LSH_VM_EXPORT', {
  message: ({ sink, reason, excerpt }) => `what ${sink} exports is not whole: ${reason}${excerpt === '' ? '' : ` ("${excerpt}")`}`,
  fix: 'Try again; if it stays so, look at the log of the sink (-search.maxExportDuration, memory) and at proxies on the way.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const BadNative: ErrorEntry<{ sink: string; metric: string; reason: string }> = defineError('LSH_VM_NATIVE', {
  message: ({ sink, metric, reason }) => `the native export of ${metric} from ${sink} cannot be read: ${reason}`,
  fix: 'Nothing needs to be done: the same points are read as JSON lines instead, which takes the sink longer. Reading back with JSON alone: `readBack: json` in the settings of the target.',
  retryable: true,
  exitCode: EXIT.failed,
});
