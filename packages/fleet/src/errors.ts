import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const RedisUnreachable: ErrorEntry<{ address: string; cause: string }> = defineError('LSH_REDIS_UNREACHABLE', {
  message: ({ address, cause }) => `Redis at ${address} cannot be reached: ${cause}`,
  fix: 'Start it, or set REDIS_URL to the right address; without REDIS_URL `longshore up` runs a private one.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const RedisUnsafe: ErrorEntry<{ address: string; setting: string; value: string; wanted: string }> = defineError(
  'LSH_REDIS_UNSAFE',
  {
    message: ({ address, setting, value, wanted }) =>
      `Redis at ${address} has ${setting} "${value}", with which accepted work can be lost; it must be "${wanted}"`,
    fix: ({ setting, wanted }) => `Run \`redis-cli CONFIG SET ${setting} ${wanted}\` and put it into redis.conf, then start again.`,
    retryable: false,
    exitCode: EXIT.refused,
  },
);

export const RedisTooOld: ErrorEntry<{ address: string; version: string }> = defineError('LSH_REDIS_VERSION', {
  message: ({ address, version }) => `Redis at ${address} is version ${version}; Longshore needs 6.2 or later`,
  fix: 'Upgrade Redis.',
  retryable: false,
  exitCode: EXIT.refused,
});
