import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const BadRedisAddress: ErrorEntry<{ address: string; problem: string }> = defineError('LSH_REDIS_ADDRESS', {
  message: ({ address, problem }) => `"${address}" is no address of a Redis: ${problem}`,
  fix: 'Write redis://host:6379, unix:/path/to/redis.sock, redis+sentinel://host:26379,host:26379/master-name or redis+cluster://host:6379,host:6379.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const RedisUnreachable: ErrorEntry<{ address: string; cause: string }> = defineError('LSH_REDIS_UNREACHABLE', {
  message: ({ address, cause }) => `Redis at ${address} cannot be reached: ${cause}`,
  fix: 'Start it, or set REDIS_URL to the right address; without REDIS_URL `longshore up` runs a private one.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const RedisDenied: ErrorEntry<{ address: string; cause: string }> = defineError('LSH_REDIS_DENIED', {
  message: ({ address, cause }) => `Redis at ${address} does not let this process in: ${cause}`,
  fix: 'Put user and password into REDIS_URL (redis://user:password@host:6379), or `redis.username` and `redis.password: env:NAME` into longshore.yaml. What the user must be allowed: `redis-cli ACL SETUSER longshore on ~* &* +@all -@admin +client +config|get`, and a password.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const RedisUnsafe: ErrorEntry<{ address: string; setting: string; value: string; wanted: string; cli?: string | undefined }> =
  defineError('LSH_REDIS_UNSAFE', {
    message: ({ address, setting, value, wanted }) =>
      `Redis at ${address} has ${setting} "${value}", with which accepted work can be lost; it must be "${wanted}"`,
    fix: ({ setting, wanted, cli }) =>
      cli === undefined
        ? `CONFIG is forbidden there: set ${setting} to ${wanted} where this Redis is administered, then start again.`
        : `Run \`${cli} CONFIG SET ${setting} ${wanted}\` and \`${cli} CONFIG REWRITE\` (or put "${setting} ${wanted}" into its redis.conf), then start again.`,
    retryable: false,
    exitCode: EXIT.refused,
  });

export const RedisTooOld: ErrorEntry<{ address: string; version: string }> = defineError('LSH_REDIS_VERSION', {
  message: ({ address, version }) => `Redis at ${address} is version ${version}; Longshore needs 6.2 or later`,
  fix: 'Upgrade it, for example with `apt-get install --only-upgrade redis-server` or `docker pull redis:7`, then start it on the same data again.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const RedisReadOnly: ErrorEntry<{ address: string; master: string; cli: string }> = defineError('LSH_REDIS_REPLICA', {
  message: ({ address, master }) => `Redis at ${address} is a read-only replica of ${master}`,
  fix: ({ master, cli }) =>
    `Set REDIS_URL to its master, redis://${master}, or to the Sentinels or the cluster that know the master of the day; if it is to be a master itself, run \`${cli} REPLICAOF NO ONE\`.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const RedisWrongMode: ErrorEntry<{ address: string; is: string; use: string }> = defineError('LSH_REDIS_MODE', {
  message: ({ address, is }) => `what answers at ${address} is ${is}`,
  fix: ({ use }) => `Set REDIS_URL to ${use}, or \`redis:\` in longshore.yaml accordingly.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const ClusterNodeUnnamed: ErrorEntry<{ address: string; cli: string; host: string }> = defineError('LSH_REDIS_CLUSTER_NODE', {
  message: ({ address }) => `the cluster at ${address} has a master whose address its nodes do not know, so that no client can find it`,
  fix: ({ cli, host }) => `On that master run \`${cli} CONFIG SET cluster-announce-ip ${host}\` and \`${cli} CONFIG REWRITE\`.`,
  retryable: false,
  exitCode: EXIT.refused,
});
