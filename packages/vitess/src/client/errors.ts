/** What a server of a Vitess cluster may answer, or leave unanswered. */
import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

/** `what` was asked of `server`, which said `answer`. */
export interface Said {
  what: string;
  server: string;
  answer: string;
}

export const BadAddress: ErrorEntry<{ target: string; address: string }> = defineError('LSH_VITESS_ADDRESS', {
  message: ({ target, address }) => `${target} has the address ${address}, which is no gRPC address`,
  fix: 'Give it as host:port, as grpc://host:port, or as grpcs://host:port for TLS.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const BadSettings: ErrorEntry<{ target: string; problem: string }> = defineError('LSH_VITESS_SETTINGS', {
  message: ({ target, problem }) => `the settings of ${target} are not right: ${problem}`,
  fix: 'A vtctld may have readTimeoutMs, changeTimeoutMs and settleMs, in ms.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const Unreachable: ErrorEntry<Said> = defineError('LSH_VITESS_UNREACHABLE', {
  message: ({ what, server, answer }) => `${what}: ${server} does not answer (${answer})`,
  fix: 'Check that it runs and can be reached from the workers, and whether every tablet it has to ask is alive; it is tried again.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const OutcomeUnknown: ErrorEntry<Said> = defineError('LSH_VITESS_UNKNOWN', {
  message: ({ what, server, answer }) => `${what} at ${server}: whether it was done is not known (${answer})`,
  fix: 'It is looked up in the topology and the workflow when the call can no longer take effect, and done again where it was not.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const StreamsExist: ErrorEntry<Said> = defineError('LSH_VITESS_STREAMS_EXIST', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it, other streams write to the targets (${answer})`,
  fix: '`longshore vitess status` shows whose they are. Bring that workflow to its end, or delete it, and start again.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoSuchWorkflow: ErrorEntry<Said> = defineError('LSH_VITESS_NO_WORKFLOW', {
  message: ({ what, server, answer }) => `${what}: ${server} knows no such workflow (${answer})`,
  fix: 'It was completed or deleted. `longshore vitess status` shows which shards serve now.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const CopyInProgress: ErrorEntry<Said> = defineError('LSH_VITESS_COPYING', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it while rows are still being copied (${answer})`,
  fix: 'It is tried again. If a stream has begun to copy anew, look for a restarted tablet.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const WorkflowHasErrors: ErrorEntry<Said> = defineError('LSH_VITESS_WORKFLOW_ERROR', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it, a stream of the workflow has stopped with an error (${answer})`,
  fix: '`longshore vitess status` shows the message of the stream. Mend its cause, or take the operation back.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const LagTooHigh: ErrorEntry<Said> = defineError('LSH_VITESS_LAG', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it, the targets are too far behind (${answer})`,
  fix: 'It is tried again. If it stays so, lower the load or raise maxLagSeconds.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const WorkflowFrozen: ErrorEntry<Said> = defineError('LSH_VITESS_FROZEN', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it, the workflow is frozen: its writes were switched (${answer})`,
  fix: 'Look at `longshore vitess status`: go on with the reverse workflow, or complete this one.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const TabletsNotRefreshed: ErrorEntry<Said> = defineError('LSH_VITESS_TABLETS', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it, not every tablet could be told (${answer})`,
  fix: 'Bring the tablets that are named back, or delete their records; it is tried again.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const NotSwitched: ErrorEntry<Said> = defineError('LSH_VITESS_NOT_SWITCHED', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it, not all traffic is switched (${answer})`,
  fix: 'Somebody has switched it back. Look at `longshore vitess status`, and switch again before anything is deleted.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const WritesSwitched: ErrorEntry<Said> = defineError('LSH_VITESS_WRITES_SWITCHED', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it, writes go to the targets (${answer})`,
  fix: 'Switch the writes back first: `longshore revert` does it in the right order.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const StillServing: ErrorEntry<Said> = defineError('LSH_VITESS_SERVING', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it, the shard serves traffic (${answer})`,
  fix: 'Nothing was deleted. Look at `longshore vitess status` which shards serve.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NodeExists: ErrorEntry<Said> = defineError('LSH_VITESS_EXISTS', {
  message: ({ what, server, answer }) => `${what}: ${server} has it already (${answer})`,
  fix: 'Nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NodeMissing: ErrorEntry<Said> = defineError('LSH_VITESS_MISSING', {
  message: ({ what, server, answer }) => `${what}: the topology of ${server} has no such thing (${answer})`,
  fix: 'Check the names of keyspace, shard and cell.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoPrimary: ErrorEntry<Said> = defineError('LSH_VITESS_NO_PRIMARY', {
  message: ({ what, server, answer }) => `${what}: ${server} cannot, since a shard has no primary (${answer})`,
  fix: 'Make one with PlannedReparentShard, or delete the shard that is not used: vtctld tells nothing of workflows until then.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const MysqlDown: ErrorEntry<Said> = defineError('LSH_VITESS_MYSQL', {
  message: ({ what, server, answer }) => `${what}: a tablet that ${server} asked cannot reach its MySQL (${answer})`,
  fix: 'Start that MySQL, or reparent the shard; it is tried again.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const UnknownCommand: ErrorEntry<Said> = defineError('LSH_VITESS_COMMAND', {
  message: ({ what, server, answer }) => `${what}: ${server} does not know it (${answer})`,
  fix: 'The server is of another version of Vitess than this needs: horizontal-resharding and vertical-split need up to 7, the others 24.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const Refused: ErrorEntry<Said> = defineError('LSH_VITESS_REFUSED', {
  message: ({ what, server, answer }) => `${what}: ${server} refuses it (${answer})`,
  fix: 'Look at the log of vtctld and of the tablets it names.',
  retryable: false,
  exitCode: EXIT.failed,
});
