import { defineError, type ErrorEntry, EXIT } from '@longshore/core';

/** Neither on the machine nor to be fetched. `tried` says, in order, what was looked at and what came of it. */
export const ProgramMissing: ErrorEntry<{ program: string; tried: string[]; remedy: string }> = defineError('LSH_PROGRAM_MISSING', {
  message: ({ program, tried }) => `no ${program} was found on this machine and none could be fetched (${tried.join('; ')})`,
  fix: ({ remedy }) => remedy,
  retryable: false,
  exitCode: EXIT.unreachable,
});

/** The program is there, but it ended or did not answer in time. `log` holds the last lines it wrote. */
export const ProgramDidNotStart: ErrorEntry<{ program: string; path: string; reason: string; logFile: string; log: string[] }> =
  defineError('LSH_PROGRAM_START', {
    message: ({ program, path, reason, log }) =>
      `${program} (${path}) did not start: ${reason}${log.length > 0 ? `; it wrote: ${log.join(' | ')}` : ''}`,
    fix: ({ logFile }) => `Read ${logFile}; a full disk, a port in use and data of a newer version are the usual reasons.`,
    retryable: true,
    exitCode: EXIT.unreachable,
  });
