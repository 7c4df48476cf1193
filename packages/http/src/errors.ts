/** What can go wrong in one HTTP exchange. `what` names the exchange for people; no message holds credentials or a query string. */

import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT, LongshoreError } from '@longshore/core';

export const BadBase: ErrorEntry<{ given: string; reason: string }> = defineError('LSH_HTTP_BASE', {
  message: ({ given, reason }) => `${given} cannot be used: ${reason}`,
  fix: 'Give an address such as http://host:port/prefix, https://host, or unix:/path/to.sock.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const Unreachable: ErrorEntry<{ what: string; origin: string; reason: string }> = defineError('LSH_HTTP_UNREACHABLE', {
  message: ({ what, origin, reason }) => `${what}: no connection to ${origin} (${reason})`,
  fix: 'Check that the server runs and that this machine can reach its address.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const TimedOut: ErrorEntry<{ what: string; origin: string; deadlineMs: number; stage: string }> = defineError('LSH_HTTP_TIMEOUT', {
  message: ({ what, origin, deadlineMs, stage }) => `${what}: ${origin} was not through after ${deadlineMs} ms (${stage})`,
  fix: 'Look at the load of the server, or allow it more time.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const Broken: ErrorEntry<{ what: string; origin: string; reason: string }> = defineError('LSH_HTTP_BROKEN', {
  message: ({ what, origin, reason }) => `${what}: the exchange with ${origin} broke off (${reason})`,
  fix: 'Try again; if it stays so, look at the log of the server and at proxies on the way.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const TooLarge: ErrorEntry<{ what: string; origin: string; maxBytes: number }> = defineError('LSH_HTTP_TOO_LARGE', {
  message: ({ what, origin, maxBytes }) => `${what}: the answer of ${origin} is larger than the ${maxBytes} bytes allowed`,
  fix: 'Check that the address is that of the right server.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const AddressRefused: ErrorEntry<{ what: string; host: string; reason: string }> = defineError('LSH_HTTP_ADDRESS', {
  message: ({ what, host, reason }) => `${what}: ${host} may not be called (${reason})`,
  fix: 'Name the host among those that may be called, or use another address.',
  retryable: false,
  exitCode: EXIT.refused,
});

/**
 * Whether the request of a failed exchange may have changed something at the server. `none` is certain: no connection came
 * about. Everything else, also what is no error of this package, is `unknown`; a `cause` is looked through.
 */
export function effectOf(error: unknown): 'none' | 'unknown' {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof LongshoreError && (Unreachable.is(at) || AddressRefused.is(at))) return 'none';
  }
  return 'unknown';
}
