/** What can be wrong with an operation on OpenIO, apart from what the exchange with a proxy says itself. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const NoNamespace: ErrorEntry<{ proxy: string }> = defineError('LSH_OPENIO_NAMESPACE', {
  message: ({ proxy }) => `it is not said which namespace ${proxy} is of`,
  fix: 'Give --ns, or put `namespace` under the settings of the target.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const CannotMove: ErrorEntry<{ container: string; from: string; to: string; reasons: readonly string[] }> = defineError(
  'LSH_OPENIO_PREFLIGHT',
  {
    message: ({ container, from, to, reasons }) => `${container} cannot be moved from ${from} to ${to}: ${reasons.join('; ')}`,
    fix: 'Nothing of it was changed. `longshore openio check` says what mends each; then try again.',
    retryable: false,
    exitCode: EXIT.refused,
  },
);

export const NotAsExpected: ErrorEntry<{ container: string; problems: readonly string[] }> = defineError('LSH_OPENIO_FINAL_CHECK', {
  message: ({ container, problems }) => `${container} is not as it must be: ${problems.join('; ')}`,
  fix: 'It is looked at again; when it stays so, `longshore openio check` says what mends it.',
  retryable: true,
  exitCode: EXIT.incomplete,
});

export const StillTakesPart: ErrorEntry<{ container: string; who: string }> = defineError('LSH_OPENIO_LEAVE', {
  message: ({ container, who }) => `the election of ${container} goes on with what it was begun with: ${who}`,
  fix: 'Members were asked to leave, again and again, and each time clients had begun it anew before it was seen. It is tried again.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const HostFailed: ErrorEntry<{ host: string; what: string; problem: string }> = defineError('LSH_OPENIO_HOST', {
  message: ({ host, what, problem }) => `${what} at ${host}: ${problem}`,
  fix: 'Check that the host can be reached by ssh without a password, that its key is known, and that sqlite3 is installed there.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const Unfinished: ErrorEntry<{ planned: number; moved: number }> = defineError('LSH_OPENIO_UNFINISHED', {
  message: ({ planned, moved }) => `finished, but only ${moved} of ${planned} bases were moved and checked`,
  fix: 'The report names those that were not, and why. Submit the same again: what is in place already is not touched.',
  retryable: false,
  exitCode: EXIT.incomplete,
});

export const NoInventory: ErrorEntry<{ why: string }> = defineError('LSH_OPENIO_INVENTORY', {
  message: ({ why }) => `the bases of the services cannot be listed: ${why}`,
  fix: 'Name the containers with --container, or let the services be listed: --inventory rdir with the address of an rdir, or --inventory files.',
  retryable: false,
  exitCode: EXIT.usage,
});
