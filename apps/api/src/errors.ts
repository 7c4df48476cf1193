/** What the API itself can refuse. Everything about operations has its entry where the rule stands. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const NotLoopback: ErrorEntry<{ listen: string }> = defineError('LSH_API_LISTEN', {
  message: ({ listen }) => `the API is to listen on ${listen}, where other machines can reach it, without asking anybody for a token`,
  fix: 'Take `api.auth: none` out of the configuration, or set `api.listen` to 127.0.0.1:8750, [::1]:8750 or unix:/path/to.sock.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const AutomationNotLoopback: ErrorEntry<{ listen: string }> = defineError('LSH_API_AUTOMATION_LISTEN', {
  message: ({ listen }) => `the automation of old is to listen on ${listen}, where other machines can reach it, and it knows no tokens`,
  fix: 'Set `api.automation` to 127.0.0.1:15002, [::1]:15002 or unix:/path/to.sock; from elsewhere use the HTTP API.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const BadListen: ErrorEntry<{ listen: string }> = defineError('LSH_API_ADDRESS', {
  message: ({ listen }) => `the API cannot listen on "${listen}": that is no address`,
  fix: 'Give `--listen`, or `api.listen` in longshore.yaml, as 127.0.0.1:8750, [::1]:8750, 0.0.0.0:8750 or unix:/path/to.sock.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const CannotListen: ErrorEntry<{ listen: string; cause: string }> = defineError('LSH_API_PORT', {
  message: ({ listen, cause }) => `the API cannot listen on ${listen}: ${cause}`,
  fix: 'End what uses that address, or give another one: `--listen`, or `api.listen` in longshore.yaml.',
  retryable: false,
  exitCode: EXIT.unreachable,
});

export const BadCertificate: ErrorEntry<{ file: string; why: string }> = defineError('LSH_API_CERTIFICATE', {
  message: ({ file, why }) => `the API cannot speak TLS with ${file}: ${why}`,
  fix: 'Correct `api.tls` in longshore.yaml: PEM files, readable by this process, the key belonging to the certificate.',
  retryable: false,
  exitCode: EXIT.usage,
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

export const TokenMissing: ErrorEntry<void> = defineError('LSH_TOKEN_MISSING', {
  message: () => 'the API asks for a token, and the request has none',
  fix: 'Give one with `--token-file` or LONGSHORE_TOKEN, in a browser on the page that asks for it. An admin makes one: `longshore token create`.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const TokenRefused: ErrorEntry<void> = defineError('LSH_TOKEN_REFUSED', {
  message: () => 'the token is not one of this fleet, has been revoked, or is out of date',
  fix: 'Ask an admin for a new one: `longshore token create`.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const RoleTooLow: ErrorEntry<{ name: string; role: string; least: string; what: string }> = defineError('LSH_ROLE_LOW', {
  message: ({ name, role, least, what }) => `the role of ${name} is ${role}, and ${what} takes ${least}`,
  fix: 'Ask somebody who has that role, or an admin for a token that has it. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NotAnybody: ErrorEntry<void> = defineError('LSH_CALLER_UNKNOWN', {
  message: () => 'the request changes something, and it is not known who asks',
  fix: 'This is a fault in Longshore. Keep the log and report it. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const TokenTaken: ErrorEntry<{ name: string }> = defineError('LSH_TOKEN_TAKEN', {
  message: ({ name }) => `there is a token called ${name} already`,
  fix: 'Choose another name, or revoke that one first: `longshore token revoke`.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoSuchToken: ErrorEntry<{ name: string }> = defineError('LSH_TOKEN_UNKNOWN', {
  message: ({ name }) => `there is no token called ${name}`,
  fix: '`longshore token list` shows those there are.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const TooManyTokens: ErrorEntry<{ most: number }> = defineError('LSH_TOKEN_MANY', {
  message: ({ most }) => `there are ${most} tokens already, which is as many as there may be`,
  fix: 'Revoke those that nobody uses: `longshore token list`, `longshore token revoke`.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const TooManyRequests: ErrorEntry<{ perSecond: number }> = defineError('LSH_RATE_LIMIT', {
  message: ({ perSecond }) => `this caller asks more often than the ${perSecond} requests a second that are allowed`,
  fix: 'Wait for as long as Retry-After says, and ask less often; `api.requestsPerSecond` is the limit. Nothing was changed.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const TooManyStreams: ErrorEntry<{ most: number }> = defineError('LSH_STREAM_LIMIT', {
  message: ({ most }) => `${most} event streams are open already, which is as many as this API serves`,
  fix: 'Close some, ask again later, or raise `api.streams`.',
  retryable: true,
  exitCode: EXIT.unreachable,
});
