/** What can be wrong with an operation on a Vitess cluster, apart from what its servers say themselves. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const CommandError: ErrorEntry<{ text: string }> = defineError('LSH_VITESS_REMOTE', {
  message: ({ text }) => text,
  fix: 'The output of the task has what the server said before. Mend its cause; `longshore retry` goes on where it failed.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const CommandUnanswered: ErrorEntry<{ text: string }> = defineError('LSH_VITESS_REMOTE_UNKNOWN', {
  message: ({ text }) => text,
  fix: 'What came of the command is looked up in the topology, and it is sent again where that is harmless.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const MasterMigrated: ErrorEntry<{ place: string }> = defineError('LSH_VITESS_MASTER_MIGRATED', {
  message: ({ place }) => `the writes of ${place} were moved to the destination, and Vitess 7 cannot move them back`,
  fix: 'The destination has every write. Going back is a resharding of its own, in the other direction.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const MigrationHalfway: ErrorEntry<{ place: string; command: string; why: string }> = defineError('LSH_VITESS_HALFWAY', {
  message: ({ place, why }) => `a migration of what ${place} serves stands half-way, and clients may get no answer there (${why})`,
  fix: ({ command }) => `It is asked for again until it is finished. By hand, at its vtctld: ${command}.`,
  retryable: true,
  exitCode: EXIT.attention,
});

export const NoKeyspace: ErrorEntry<{ keyspace: string; server: string; known: string[] }> = defineError('LSH_VITESS_NO_KEYSPACE', {
  message: ({ keyspace, server, known }) => `${server} has no keyspace ${keyspace}; it has ${known.join(', ') || 'none'}`,
  fix: 'Check the name, and whether this is the right cluster.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const WorkflowExists: ErrorEntry<{ keyspace: string; workflow: string }> = defineError('LSH_VITESS_WORKFLOW_EXISTS', {
  message: ({ keyspace, workflow }) => `${keyspace} has a workflow ${workflow} already, which is not of this operation`,
  fix: 'Nothing was changed. Give another name, or bring that workflow to its end.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const StreamFailed: ErrorEntry<{ workflow: string; stream: string; reason: string }> = defineError('LSH_VITESS_STREAM', {
  message: ({ workflow, stream, reason }) => `the stream ${stream} of ${workflow} has stopped with an error: ${reason}`,
  fix: 'Clients notice nothing of it. Mend its cause, then `longshore retry` starts the stream again; or take the operation back.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const WorkflowGone: ErrorEntry<{ keyspace: string; workflow: string }> = defineError('LSH_VITESS_WORKFLOW_GONE', {
  message: ({ keyspace, workflow }) => `the workflow ${workflow} of ${keyspace} is gone`,
  fix: 'Somebody has completed or deleted it. `longshore vitess status` shows which shards serve now.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const NotCopied: ErrorEntry<{ workflow: string; why: string }> = defineError('LSH_VITESS_NOT_COPIED', {
  message: ({ workflow, why }) => `${workflow} is not ready for traffic: ${why}`,
  fix: 'It is looked at again; nothing is switched before every target has all rows.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const GateBlind: ErrorEntry<{ gate: string; missing: string }> = defineError('LSH_VITESS_GATE', {
  message: ({ gate, missing }) => `${gate} does not know ${missing} yet, so it could send no query there`,
  fix: 'It reads the list of tablets once a minute (`--tablet_refresh_interval`); it is asked again. If it stays so, look at its health checks.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const Differs: ErrorEntry<{ workflow: string; tables: string }> = defineError('LSH_VITESS_DIFFERS', {
  message: ({ workflow, tables }) => `source and targets of ${workflow} differ: ${tables}`,
  fix: 'Nothing was switched. The report has the numbers; `longshore retry` compares again, `longshore revert` deletes the copy.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const DiffFailed: ErrorEntry<{ workflow: string; shard: string; reason: string }> = defineError('LSH_VITESS_DIFF', {
  message: ({ workflow, shard, reason }) => `the comparison of ${workflow} has failed at ${shard}: ${reason}`,
  fix: 'Nothing was switched. Mend its cause; `longshore retry` begins a new one.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const StillSwitched: ErrorEntry<{ workflow: string; traffic: string }> = defineError('LSH_VITESS_STILL_SWITCHED', {
  message: ({ workflow, traffic }) => `${workflow} is not deleted while traffic is on its targets (${traffic})`,
  fix: 'Deleting it now would leave clients at emptied shards. Switch the traffic back; it is looked at again.',
  retryable: true,
  exitCode: EXIT.attention,
});

export const WritesStopped: ErrorEntry<{ keyspace: string; traffic: string }> = defineError('LSH_VITESS_WRITES_STOPPED', {
  message: ({ keyspace, traffic }) =>
    `a switch of the writes of ${keyspace} stands half-way (${traffic}), and clients may not be able to write`,
  fix: 'The same switch is asked for again until it is finished. By hand: vtctldclient Reshard (or MoveTables) SwitchTraffic --tablet-types primary.',
  retryable: true,
  exitCode: EXIT.attention,
});

export const ReverseMissing: ErrorEntry<{ workflow: string; shards: string }> = defineError('LSH_VITESS_REVERSE', {
  message: ({ workflow, shards }) => `the way back of ${workflow} does not run for ${shards}`,
  fix: 'Writes are at the targets and served. Do not complete it: look at the reverse workflow first, else nothing can be taken back.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const Completed: ErrorEntry<{ workflow: string }> = defineError('LSH_VITESS_COMPLETED', {
  message: ({ workflow }) => `${workflow} was completed: the source is deleted, and there is no way back`,
  fix: 'The targets have every row. Going back is an operation of its own, in the other direction.',
  retryable: false,
  exitCode: EXIT.failed,
});
