/** What can be wrong with a migration, apart from what the exchange with a server says itself. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

/** Everything a preflight finds stops before anything was changed. */
export const PreflightFailed: ErrorEntry<{ what: string; remedy: string }> = defineError('LSH_PEGASUS_PREFLIGHT', {
  message: ({ what }) => what,
  fix: ({ remedy }) => remedy,
  retryable: false,
  exitCode: EXIT.refused,
});

export const DeniedBySomebodyElse: ErrorEntry<{ table: string; value: string }> = defineError('LSH_PEGASUS_DENIED', {
  message: ({ table, value }) => `clients of ${table} are denied already (${value}), and not by this operation`,
  fix: 'It is not ours to lift. Ask whoever set it; when it is a leftover, `longshore pegasus lift` takes it away.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const DuplicationStuck: ErrorEntry<{ table: string; dupid: number; why: string; partitions: number[]; minutes: number }> =
  defineError('LSH_PEGASUS_STUCK', {
    message: ({ table, dupid, why, partitions, minutes }) =>
      `the duplication ${dupid} of ${table} is stuck: ${why}${partitions.length > 0 ? ` (${partitions.length} partitions, ${partitions.slice(0, 8).join(', ')}${partitions.length > 8 ? ', …' : ''})` : ''}${minutes > 0 ? `, for ${minutes} min` : ''}`,
    fix: 'Look at the log of the primaries and whether they can reach the target cluster. The duplication stays as it is; `longshore retry` goes on when it ships again.',
    retryable: false,
    exitCode: EXIT.failed,
  });

export const DuplicationGone: ErrorEntry<{ table: string; cluster: string }> = defineError('LSH_PEGASUS_DUPLICATION_GONE', {
  message: ({ table, cluster }) => `the duplication of ${table} to ${cluster} is gone; somebody has removed it`,
  fix: 'Find out who removed it, then submit the migration again.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const NotAdded: ErrorEntry<{ table: string; cluster: string; said: string }> = defineError('LSH_PEGASUS_NOT_ADDED', {
  message: ({ table, cluster, said }) => `the duplication of ${table} to ${cluster} was not added, though the meta server answered ${said}`,
  fix: 'Servers of 2.4 and 2.5 answer so when one is there in another state. `longshore pegasus status` shows it.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const DenialGone: ErrorEntry<{ table: string; value: string | null }> = defineError('LSH_PEGASUS_WRITES_OPEN', {
  message: ({ table, value }) =>
    `writes to ${table} are not denied by this operation any more (${value ?? 'nothing is set'}), so its clients cannot be sent away`,
  fix: 'Somebody has changed the env of the table. Find out who, then try the operation again.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const NotDrained: ErrorEntry<{ table: string; partitions: number; seconds: number; denials: number }> = defineError(
  'LSH_PEGASUS_NOT_DRAINED',
  {
    message: ({ table, partitions, seconds, denials }) =>
      `${table} did not drain within ${seconds} s of denied writes, tried ${denials} times: ${partitions} partitions were behind at the end; clients may write again`,
    fix: 'Let the backlog grow smaller first (--threshold), or allow more time (--max-denial), then `longshore retry`.',
    retryable: false,
    exitCode: EXIT.failed,
  },
);

export const ProxyChanged: ErrorEntry<{ path: string; found: string }> = defineError('LSH_PEGASUS_PROXY_CHANGED', {
  message: ({ path, found }) => `${path} has changed since the plan was made, it says: ${found}`,
  fix: 'Somebody else points the clients of this table elsewhere. Find out who, then plan again.',
  retryable: false,
  exitCode: EXIT.failed,
});

/** The change of the meta proxy was sent, and the node cannot be read: nobody may write anywhere until it can. */
export const SwitchUnknown: ErrorEntry<{ table: string; cluster: string; path: string; cause: string }> = defineError(
  'LSH_PEGASUS_SWITCH_UNKNOWN',
  {
    message: ({ table, cluster, path, cause }) =>
      `whether the clients of ${table} have been pointed to ${cluster} is not known as long as ${path} cannot be read, and neither is to be done by hand before: ${cause}`,
    fix: 'Bring ZooKeeper back. The node is read when it answers: then the switch is brought to its end, or clients may write again, as it says.',
    retryable: true,
    exitCode: EXIT.unreachable,
  },
);

export const FollowerDenied: ErrorEntry<{ table: string; cluster: string; value: string }> = defineError('LSH_PEGASUS_FOLLOWER_DENIED', {
  message: ({ table, cluster, value }) => `the table ${table} at ${cluster} denies its clients (${value}); they would find nobody there`,
  fix: 'Delete replica.deny_client_request of the table at the target, then `longshore retry`.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const NoPrimary: ErrorEntry<{ table: string; partitions: number[] }> = defineError('LSH_PEGASUS_NO_PRIMARY', {
  message: ({ table, partitions }) => `${partitions.length} partitions of ${table} have no primary (${partitions.slice(0, 8).join(', ')})`,
  fix: 'Wait until the cluster has healed itself, or see why it does not.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const StillInUse: ErrorEntry<{ table: string; why: string }> = defineError('LSH_PEGASUS_IN_USE', {
  message: ({ table, why }) => `${table} is not to be cleaned up: ${why}`,
  fix: 'Finish or give up the migration first; `longshore pegasus status` shows where it stands.',
  retryable: false,
  exitCode: EXIT.refused,
});
