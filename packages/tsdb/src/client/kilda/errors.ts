/** What can be wrong with a folder of the kilda tools, and with sending it. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const FolderTrouble: ErrorEntry<{ path: string; what: string; host: string }> = defineError('LSH_TSDB_FOLDER', {
  message: ({ path, what, host }) => `the folder ${path} on ${host} cannot be used: ${what}`,
  fix: 'Check that it exists on that machine and that the workers may write there.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const PartlyRestored: ErrorEntry<{ path: string }> = defineError('LSH_TSDB_FOLDER_RESTORED', {
  message: ({ path }) => `${path} has been restored in part, and rows of an earlier time would have to go before those`,
  fix: 'Dump the earlier time into another folder.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const PutRefused: ErrorEntry<{ sink: string; status: number; reason: string; points: number }> = defineError(
  'LSH_TSDB_PUT_REFUSED',
  {
    message: ({ sink, status, reason, points }) => `${sink} did not take a request of ${points} points (${status}: ${reason})`,
    fix: 'The reason is in the words of the sink: names it does not allow, metrics it may not create (tsd.core.auto_create_metrics), a path it does not serve.',
    retryable: false,
    exitCode: EXIT.failed,
  },
);

export const PutBusy: ErrorEntry<{ sink: string; status: number; reason: string }> = defineError('LSH_TSDB_PUT_BUSY', {
  message: ({ sink, status, reason }) => `${sink} cannot take points now (${status}: ${reason})`,
  fix: 'Look at the log and the load of the sink; sending is tried again by itself.',
  retryable: true,
  exitCode: EXIT.failed,
});
