/** What the API itself can refuse. Everything about operations has its entry where the rule stands. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const NotLoopback: ErrorEntry<{ listen: string }> = defineError('LSH_API_LISTEN', {
  message: ({ listen }) => `the API has no access control yet, so it does not listen on ${listen}, where other machines could reach it`,
  fix: 'Set `api.listen` to 127.0.0.1:8750, [::1]:8750 or unix:/path/to.sock; reach it from elsewhere through an SSH tunnel.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const CannotListen: ErrorEntry<{ listen: string; cause: string }> = defineError('LSH_API_PORT', {
  message: ({ listen, cause }) => `the API cannot listen on ${listen}: ${cause}`,
  fix: 'End what uses that address, or set `api.listen` to another one.',
  retryable: false,
  exitCode: EXIT.unreachable,
});

export const RequestInvalid: ErrorEntry<{ problems: string[] }> = defineError('LSH_REQUEST_INVALID', {
  message: ({ problems }) => `the request is not right: ${problems.join('; ')}`,
  fix: 'Correct the fields named; nothing was changed.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const RequestTooLarge: ErrorEntry<{ maxBytes: number }> = defineError('LSH_REQUEST_LARGE', {
  message: ({ maxBytes }) => `the request body is larger than the ${maxBytes} bytes allowed`,
  fix: 'Send only the fields of the operation; nothing was changed.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const NoSuchPath: ErrorEntry<{ method: string; path: string }> = defineError('LSH_ROUTE_UNKNOWN', {
  message: ({ method, path }) => `the API has no ${method} ${path}`,
  fix: 'Check the path; operations are under /v1/operations.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const ForeignHost: ErrorEntry<{ host: string }> = defineError('LSH_HOST_REFUSED', {
  message: ({ host }) => `the request was sent to the host "${host}", by which this API is not known`,
  fix: 'Call it as localhost, 127.0.0.1 or [::1].',
  retryable: false,
  exitCode: EXIT.refused,
});

export const CrossSite: ErrorEntry<{ from: string }> = defineError('LSH_CROSS_SITE', {
  message: ({ from }) => `a page of another site (${from}) sent this request, which is refused`,
  fix: 'Open the API or its own pages directly.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const SpoolsFixed: ErrorEntry<{ name: string }> = defineError('LSH_SPOOL_FIXED', {
  message: ({ name }) => `the spool ${name} cannot be added over the API: in this fleet spools are named in each worker's configuration`,
  fix: 'Start a dumper and a restorer with `--spool name=/path` on the machine that has the disk.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const SpoolTaken: ErrorEntry<{ name: string; path: string }> = defineError('LSH_SPOOL_TAKEN', {
  message: ({ name, path }) => `there is a spool called ${name} already, at ${path}`,
  fix: 'Choose another name for the new one, or use the one there is.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const StoreSilent: ErrorEntry<{ waitedMs: number }> = defineError('LSH_STORE_SILENT', {
  message: ({ waitedMs }) => `the fleet's Redis gave no answer within ${waitedMs} ms`,
  fix: 'Nothing was changed by this request. See whether Redis runs and is reachable (`longshore doctor`), then try again.',
  retryable: true,
  exitCode: EXIT.unreachable,
});
