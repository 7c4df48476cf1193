import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const BadConfiguration: ErrorEntry<{ file: string; problem: string }> = defineError('LSH_CONFIG_INVALID', {
  message: ({ file, problem }) => `${file}: ${problem}`,
  fix: 'Correct the configuration file; nothing was started.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const UnknownTarget: ErrorEntry<{ name: string; system: string; known: string[] }> = defineError('LSH_TARGET_UNKNOWN', {
  message: ({ name, system, known }) =>
    `there is no ${system} called "${name}" in the configuration${known.length > 0 ? `; there are ${known.join(', ')}` : ''}`,
  fix: 'Add it under `targets:` in longshore.yaml on every worker, or, where the configuration says `allowAddresses: true`, give its address with the scheme before it (http:, pegasus:, openmldb:, grpc:).',
  retryable: false,
  exitCode: EXIT.usage,
});

export const AddressNotAllowed: ErrorEntry<{ address: string }> = defineError('LSH_TARGET_ADDRESS', {
  message: ({ address }) => `the address ${address} is not a configured target, and this fleet does not take bare addresses`,
  fix: 'Name it under `targets:` in longshore.yaml, or set `allowAddresses: true` there.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const MissingSecret: ErrorEntry<{ reference: string; why: string }> = defineError('LSH_SECRET_MISSING', {
  message: ({ reference, why }) => `the secret ${reference} cannot be read: ${why}`,
  fix: 'Set the environment variable or create the file on this machine, readable by this process.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const SpoolNotThere: ErrorEntry<{ name: string; path: string }> = defineError('LSH_SPOOL_NOT_THERE', {
  message: ({ name, path }) => `the spool ${name} is to be at ${path}, but there is no such directory`,
  fix: 'Mount its disk, or make the directory; it is not made by itself, so that an unmounted disk does not fill the one below.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const MetricsNotServed: ErrorEntry<{ listen: string; why: string }> = defineError('LSH_METRICS_LISTEN', {
  message: ({ listen, why }) => `the metrics of this process cannot be shown at ${listen}: ${why}`,
  fix: 'Give each process of a machine an address of its own with LONGSHORE_METRICS or `--metrics host:port`, or take `metrics.listen` out of the configuration.',
  retryable: false,
  exitCode: EXIT.usage,
});
