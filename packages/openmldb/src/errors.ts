/** What can be wrong with an operation on a cluster, apart from what the exchange with its servers says itself. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const UnknownTablet: ErrorEntry<{ cluster: string; endpoint: string; known: string[] }> = defineError('LSH_OPENMLDB_TABLET', {
  message: ({ cluster, endpoint, known }) =>
    `${cluster} has no tablet ${endpoint} (it has ${known.length === 0 ? 'none' : known.slice(0, 20).join(', ')}${known.length > 20 ? ', …' : ''})`,
  fix: 'Name the tablet by its endpoint, as `showtablet` lists it. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const TabletAway: ErrorEntry<{ cluster: string; endpoint: string }> = defineError('LSH_OPENMLDB_TABLET_AWAY', {
  message: ({ cluster, endpoint }) => `${endpoint} is not alive at ${cluster}: what lies on it cannot be moved away`,
  fix: 'Start the tablet, or recover its partitions elsewhere first. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NamedTwice: ErrorEntry<{ endpoint: string }> = defineError('LSH_OPENMLDB_TWICE', {
  message: ({ endpoint }) => `${endpoint} is named twice`,
  fix: 'Name each tablet once. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const TooFewLeft: ErrorEntry<{ db: string; table: string; replicas: number; left: number }> = defineError('LSH_OPENMLDB_TOO_FEW', {
  message: ({ db, table, replicas, left }) =>
    `replica num of table ${table} in ${db} is ${replicas}, left endpoints num is ${left}, cannot execute scale-in`,
  fix: 'Keep more tablets, or give the table fewer replicas first. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoLeader: ErrorEntry<{ partition: string }> = defineError('LSH_OPENMLDB_NO_LEADER', {
  message: ({ partition }) => `${partition} has no living leader on a healthy tablet`,
  fix: 'Recover it first: `longshore openmldb recoverdata`. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const FollowerAway: ErrorEntry<{ partition: string; endpoint: string }> = defineError('LSH_OPENMLDB_FOLLOWER_AWAY', {
  message: ({ partition, endpoint }) =>
    `${partition} cannot be led elsewhere safely: its replica at ${endpoint} is on a tablet that is away`,
  fix: 'Start that tablet first, or remove the replica. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NowhereToGo: ErrorEntry<{ partition: string }> = defineError('LSH_OPENMLDB_NOWHERE', {
  message: ({ partition }) => `can not find endpoint to migrate: no healthy tablet could lead ${partition}`,
  fix: 'Add a tablet, or leave partitions with one replica where they are (--allow_single_replica). Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NotHeld: ErrorEntry<{ partition: string; endpoint: string }> = defineError('LSH_OPENMLDB_NOT_HELD', {
  message: ({ partition, endpoint }) => `${endpoint} has no replica of ${partition} any more, so it cannot lead it again`,
  fix: 'Take the line out of the statfile if that is as it should be. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoStatFile: ErrorEntry<{ statfile: string; endpoint: string }> = defineError('LSH_OPENMLDB_NO_STATFILE', {
  message: ({ statfile, endpoint }) => `there is no statfile ${statfile}, so nobody knows what ${endpoint} led before`,
  fix: 'Name the file that pre-upgrade wrote (--statfile), or the operation (--from). Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const StatFileFolder: ErrorEntry<{ statfile: string; reason: string }> = defineError('LSH_OPENMLDB_STATFILE_FOLDER', {
  message: ({ statfile, reason }) => `the statfile ${statfile} cannot be written on the machine of the migrator: ${reason}`,
  fix: 'Name a file in a folder that is there and may be written, or none: post-upgrade takes the operation in its place (--from). Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const BadStatFile: ErrorEntry<{ statfile: string; line: number; text: string }> = defineError('LSH_OPENMLDB_STATFILE', {
  message: ({ statfile, line, text }) => `line ${line} of ${statfile} is no line of a statfile: "${text}"`,
  fix: 'Each line is endpoint,db,table,tid,pid,extra. Mend the file, or name another. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NotAnUpgrade: ErrorEntry<{ from: string; endpoint: string }> = defineError('LSH_OPENMLDB_FROM', {
  message: ({ from, endpoint }) => `${from} is no pre-upgrade of ${endpoint}`,
  fix: 'Name the operation that moved its leaders away: `longshore ops` lists them. Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const OthersAtWork: ErrorEntry<{ cluster: string; ops: string[] }> = defineError('LSH_OPENMLDB_BUSY', {
  message: ({ cluster, ops }) =>
    `${cluster} has ops in progress that are not ours: ${ops.slice(0, 5).join(', ')}${ops.length > 5 ? ', …' : ''}`,
  fix: 'Wait for them, or let the operation wait (foreign: wait).',
  retryable: false,
  exitCode: EXIT.refused,
});

export const PartitionGone: ErrorEntry<{ partition: string }> = defineError('LSH_OPENMLDB_GONE', {
  message: ({ partition }) => `${partition} is no longer there`,
  fix: 'The table was dropped meanwhile. Plan again.',
  retryable: false,
  exitCode: EXIT.incomplete,
});

export const PartitionStuck: ErrorEntry<{ partition: string; why: string }> = defineError('LSH_OPENMLDB_PARTITION', {
  message: ({ partition, why }) => `${partition} cannot be settled: ${why}`,
  fix: 'See who holds it: `longshore openmldb showtablestatus`; `longshore openmldb recoverdata` mends what can be mended.',
  retryable: false,
  exitCode: EXIT.failed,
});

interface OpTold {
  partition: string;
  id: bigint;
  type: string;
  task: string;
}

export const OpFailed: ErrorEntry<OpTold> = defineError('LSH_OPENMLDB_OP_FAILED', {
  message: ({ partition, id, type, task }) => `job ${id} execute failed: ${type} of ${partition} failed at ${task}`,
  fix: 'The log of the nameserver says why. Then `longshore retry` goes on, `longshore revert` goes back.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const OpCancelled: ErrorEntry<OpTold> = defineError('LSH_OPENMLDB_OP_CANCELLED', {
  message: ({ partition, id, type }) => `the op ${id}, ${type} of ${partition}, was cancelled by somebody`,
  fix: 'Ask who did it. Then `longshore retry` goes on, `longshore revert` goes back.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const OpStuck: ErrorEntry<OpTold & { seconds: number; ended: string }> = defineError('LSH_OPENMLDB_OP_STUCK', {
  message: ({ partition, id, type, task, seconds, ended }) =>
    `the op ${id}, ${type} of ${partition}, was at ${task} after ${seconds} s still; ${ended}`,
  fix: 'Look at the tablet it waits for. A longer deadline (--op-deadline) helps where it was only slow.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const Incomplete: ErrorEntry<{ left: number; degraded: number; lost: number }> = defineError('LSH_OPENMLDB_INCOMPLETE', {
  message: ({ left, degraded, lost }) =>
    `finished, but ${[
      [left, 'not as planned'],
      [degraded, 'without all replicas, since their tablets are away'],
      [lost, 'that nothing can be done about'],
    ]
      .filter(([number]) => number !== 0)
      .map(([number, what]) => `${number} ${number === 1 ? 'partition is' : 'partitions are'} ${what}`)
      .join(', ')}`,
  fix: 'The report names them, each with why. Start the tablets that are away and run the same again.',
  retryable: false,
  exitCode: EXIT.incomplete,
});
