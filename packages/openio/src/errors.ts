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
  fix: 'On this machine: check the path and what the worker may read. On another: that ssh reaches it without a password, that its key is known, and that sqlite3 is installed there.',
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

export const FrozenBySomebodyElse: ErrorEntry<{ container: string; status: string }> = defineError('LSH_OPENIO_NOT_OURS', {
  message: ({ container, status }) => `${container} is ${status}, and not by this operation`,
  fix: 'Ask whoever did it; when it is a leftover, `longshore openio repair --enable` lifts it.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const FileInUse: ErrorEntry<{ path: string; host: string; by: string }> = defineError('LSH_OPENIO_FILE_OPEN', {
  message: ({ path, host, by }) => `${path} at ${host} is held open by ${by}: what is written into it now would not be seen`,
  fix: 'The service is made to close it; when it stays open, stop the service for the time of the move, or keep clients away from the container.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const CannotProveClosed: ErrorEntry<{ path: string; host: string; why: string }> = defineError('LSH_OPENIO_OPEN_UNKNOWN', {
  message: ({ path, host, why }) => `whether ${path} at ${host} is open cannot be seen: ${why}`,
  fix: 'Run the worker, or log in by ssh, as root or as the user of the services.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const DamagedFile: ErrorEntry<{ path: string; host: string; problem: string }> = defineError('LSH_OPENIO_DAMAGED', {
  message: ({ path, host, problem }) => `${path} at ${host} is damaged: ${problem}`,
  fix: 'Nothing was written into it. Keep it, and move the container with the replicas that are sound.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const ChangedMeanwhile: ErrorEntry<{ path: string; host: string; found: string; expected: string }> = defineError(
  'LSH_OPENIO_CHANGED',
  {
    message: ({ path, host, found, expected }) =>
      `${path} at ${host} has sys.peers ${found}, not ${expected}: somebody has changed it since`,
    fix: 'Nothing was written into it. Find out who; then plan again.',
    retryable: false,
    exitCode: EXIT.refused,
  },
);

export const TroubleFound: ErrorEntry<{ containers: number; troubles: number }> = defineError('LSH_OPENIO_TROUBLE', {
  message: ({ containers, troubles }) =>
    `${troubles === 1 ? 'one thing is' : `${troubles} things are`} wrong with ${containers === 1 ? 'one container' : `${containers} containers`}`,
  fix: 'The report names each, and what mends it; `longshore openio repair` does what can be done without a person.',
  retryable: false,
  exitCode: EXIT.incomplete,
});
