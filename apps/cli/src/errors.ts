/** What the command itself can refuse, before the API is asked. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const BadTime: ErrorEntry<{ text: string; why: string }> = defineError('LSH_TIME_INVALID', {
  message: ({ text, why }) => `"${text}" is not a point in time: ${why}`,
  fix: 'Give it as 2023-03-08, 2023-03-08T23:59:59, 2023-03-08T23:59:59+01:00, seconds or milliseconds since 1970, or now. Without a zone it is UTC.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const BadDuration: ErrorEntry<{ text: string; why: string }> = defineError('LSH_DURATION_INVALID', {
  message: ({ text, why }) => `"${text}" is not a length of time: ${why}`,
  fix: 'Give it as day, hour, 6h, 90m, 30s, or a sum such as 1h30m.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const BadWindow: ErrorEntry<{ start: string; stop: string }> = defineError('LSH_WINDOW_EMPTY', {
  message: ({ start, stop }) => `the window from ${start} to ${stop} holds no time: --start must be before --stop`,
  fix: 'Correct the two times; --stop itself is no longer part of the window.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const BadTarget: ErrorEntry<{ flag: string; text: string; why: string }> = defineError('LSH_TARGET_INVALID', {
  message: ({ flag, text, why }) => `${flag} ${text}: ${why}`,
  fix: 'Give the name of a target in longshore.yaml, or the address of one, without a password in it.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const BadSpool: ErrorEntry<{ text: string; why: string }> = defineError('LSH_SPOOL_INVALID', {
  message: ({ text, why }) => `the spool "${text}" cannot be used: ${why}`,
  fix: 'Give the name of a spool (`longshore spools` lists them) or the path of a directory this user may write to.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const SpoolNotMounted: ErrorEntry<{ name: string; waitedS: number }> = defineError('LSH_SPOOL_MOUNT', {
  message: ({ name, waitedS }) => `no dumper and restorer took up the spool ${name} within ${waitedS} s`,
  fix: 'See `longshore workers` and the logs of the fleet; where the fleet runs on other machines, name the spool there.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const BadUsage: ErrorEntry<{ problem: string; command: string }> = defineError('LSH_USAGE', {
  message: ({ problem }) => problem,
  fix: ({ command }) => `\`${command} --help\` shows what it takes, with examples.`,
  retryable: false,
  exitCode: EXIT.usage,
});

export const FleetNotStarted: ErrorEntry<{ why: string; log: string }> = defineError('LSH_FLEET_START', {
  message: ({ why }) => `the local fleet did not start: ${why}`,
  fix: ({ log }) => `Read ${log}, and see \`longshore doctor\`.`,
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const FleetRunning: ErrorEntry<{ home: string; pid: number }> = defineError('LSH_FLEET_RUNNING', {
  message: ({ home, pid }) => `a local fleet of ${home} runs already, as process ${pid}`,
  fix: 'Use it as it is, or end it with `longshore down` first.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const FleetNotStopped: ErrorEntry<{ pid: number; waitedS: number }> = defineError('LSH_FLEET_STOP', {
  message: ({ pid, waitedS }) => `the local fleet (process ${pid}) has not ended within ${waitedS} s`,
  fix: ({ pid }) => `Wait and look again with \`longshore doctor\`; \`kill -9 ${pid}\` ends it at once, and no work is lost by it.`,
  retryable: true,
  exitCode: EXIT.failed,
});

export const TokenFileTrouble: ErrorEntry<{ file: string; why: string }> = defineError('LSH_TOKEN_FILE', {
  message: ({ file, why }) => `the token in ${file} cannot be used: ${why}`,
  fix: 'Give a file that holds the token and nothing else, as `longshore token create` printed it.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const TokenNotKept: ErrorEntry<{ file: string; why: string }> = defineError('LSH_TOKEN_OUT', {
  message: ({ file, why }) => `no token was made, because it could not be kept in ${file}: ${why}`,
  fix: 'Name a new file in a directory that you can write to with --out.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const ApiAnswer: ErrorEntry<{ what: string; status: number }> = defineError('LSH_API_ANSWER', {
  message: ({ what, status }) => `${what}: the answer (status ${status}) is not one of a Longshore API`,
  fix: 'Check that --api or LONGSHORE_API is the address of a Longshore API.',
  retryable: false,
  exitCode: EXIT.unreachable,
});

/** What a failed look at a directory means, in words. */
export function directoryTrouble(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such directory';
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not write there';
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'it is not a directory';
  return message;
}

export const ListensElsewhere: ErrorEntry<{ wanted: string; now: string }> = defineError('LSH_FLEET_LISTENS', {
  message: ({ wanted, now }) => `the local fleet runs already and listens at ${now}, not at ${wanted}`,
  fix: '`longshore down`, then this command again; operations go on where they were.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const BadFile: ErrorEntry<{ file: string; problem: string }> = defineError('LSH_FILE_INVALID', {
  message: ({ file, problem }) => `${file}: ${problem}`,
  fix: 'Correct the file; nothing was submitted. `longshore apply --help` shows its shape, `longshore kinds` the parameters of each kind.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const InProcessOnly: ErrorEntry<{ flag: string }> = defineError('LSH_IN_PROCESS', {
  message: ({ flag }) => `with --in-process the fleet ends with this command, so ${flag} makes no sense`,
  fix: 'Leave one of the two out: without --in-process the local fleet goes on in the background.',
  retryable: false,
  exitCode: EXIT.usage,
});
