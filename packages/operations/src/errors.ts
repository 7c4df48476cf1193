import type { ErrorEntry } from '@longshore/core';
import { defineError, EXIT } from '@longshore/core';

export const UnknownKind: ErrorEntry<{ kind: string; known: string[] }> = defineError('LSH_KIND_UNKNOWN', {
  message: ({ kind, known }) => `there is no kind of operation called "${kind}"; there are ${known.join(', ')}`,
  fix: 'Check the spelling; `longshore kinds` lists them with their parameters.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const BadParams: ErrorEntry<{ kind: string; problems: string[] }> = defineError('LSH_PARAMS_INVALID', {
  message: ({ kind, problems }) => `the parameters of ${kind} are not right: ${problems.join('; ')}`,
  fix: ({ kind }) => `Correct the parameters named; nothing was changed. \`longshore kinds ${kind}\` lists all of them.`,
  retryable: false,
  exitCode: EXIT.usage,
});

export const NoSuchOperation: ErrorEntry<{ id: string }> = defineError('LSH_OPERATION_UNKNOWN', {
  message: ({ id }) => `there is no operation ${id} in this fleet`,
  fix: '`longshore ops` lists the operations of this fleet.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const WrongState: ErrorEntry<{ id: string; state: string; action: string }> = defineError('LSH_OPERATION_STATE', {
  message: ({ id, state, action }) =>
    `operation ${id} ${state === 'succeeded' || state === 'failed' ? 'has' : 'is'} ${state}, so it cannot ${action}`,
  fix: ({ id }) => `\`longshore explain ${id}\` tells where it stands and what can be done.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const PlanRefused: ErrorEntry<{ findings: string[] }> = defineError('LSH_PLAN_REFUSED', {
  message: ({ findings }) => `the plan found what stands in the way: ${findings.join('; ')}`,
  fix: 'Remove what was found, then submit again; nothing was changed.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const LeaseHeld: ErrorEntry<{ target: string; scope: string; by: string }> = defineError('LSH_LEASE_HELD', {
  message: ({ target, scope, by }) => `operation ${by} is working on ${target}${scope ? ` (${scope}…)` : ''}`,
  fix: ({ by }) => `Wait for it (\`longshore watch ${by}\`) or cancel it (\`longshore cancel ${by}\`), then submit again.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoSpool: ErrorEntry<{ kind: string }> = defineError('LSH_SPOOL_NONE', {
  message: ({ kind }) => `${kind} needs a spool that has both a dumper and a restorer, and the fleet has none alive`,
  fix: 'Start workers with a spool (`longshore dumper --spool name=/path`), or see `longshore doctor`.',
  retryable: true,
  exitCode: EXIT.unreachable,
});

export const BadOutput: ErrorEntry<{ task: string; problem: string }> = defineError('LSH_TASK_OUTPUT', {
  message: ({ task, problem }) => `task ${task} gave something that cannot be used: ${problem}`,
  fix: 'This is a fault in the kind. Keep the log and report it.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const PoisonTask: ErrorEntry<{ task: string; deaths: number }> = defineError('LSH_TASK_POISON', {
  message: ({ task, deaths }) => `task ${task} took ${deaths} workers down with it and was given up`,
  fix: 'Look at the log of the workers that died; submit again once the cause is gone.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const SpoolAway: ErrorEntry<{ spool: string; sinceMs: number; tasks: number }> = defineError('LSH_SPOOL_AWAY', {
  message: ({ spool, sinceMs, tasks }) =>
    `no worker has served the spool ${spool} since ${new Date(sinceMs).toISOString()}, and ${tasks} tasks wait for it`,
  fix: ({ spool }) =>
    `Start its workers again. If its disk is lost: \`longshore spools forget ${spool}\` dumps again what had not been verified.`,
  retryable: true,
  exitCode: EXIT.attention,
});

export const NoSuchSpool: ErrorEntry<{ spool: string }> = defineError('LSH_SPOOL_UNKNOWN', {
  message: ({ spool }) => `there is no spool ${spool}, and no operation has anything on one of that name`,
  fix: '`longshore spools` lists them.',
  retryable: false,
  exitCode: EXIT.usage,
});

export const SpoolServed: ErrorEntry<{ spool: string }> = defineError('LSH_SPOOL_SERVED', {
  message: ({ spool }) => `workers still serve the spool ${spool}, so it is not lost`,
  fix: 'Stop its workers first, if it really is to be given up.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const KeyReused: ErrorEntry<{ key: string; id: string }> = defineError('LSH_IDEMPOTENCY_KEY', {
  message: ({ key, id }) => `the idempotency key "${key}" belongs to ${id}, which was submitted with other parameters`,
  fix: 'Use a new key for a new operation; nothing was submitted.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const PlanStale: ErrorEntry<{ id: string; differences: string[] }> = defineError('LSH_PLAN_STALE', {
  message: ({ differences }) => `the target is no longer as the plan found it: ${differences.join('; ')}`,
  fix: ({ id }) => `Look at it again with \`longshore plan ${id}\`; \`longshore start ${id} --replan\` plans anew and runs that.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const LeaseLost: ErrorEntry<{ operation: string }> = defineError('LSH_LEASE_LOST', {
  message: ({ operation }) => `this attempt of ${operation} may not act any more: its lease is gone, or it was told to stop`,
  fix: 'Nothing is to be done: whoever holds the task now goes on from what the journal says.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const NotConfirmed: ErrorEntry<{ what: string; seconds: number; last?: string }> = defineError('LSH_NOT_CONFIRMED', {
  message: ({ what, seconds, last }) => `${what}: not so after ${seconds} s${last === undefined ? '' : ` (last seen: ${last})`}`,
  fix: 'Look at the target; the step is tried again, and reads what is there first.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const GuardRefused: ErrorEntry<{ key: string; why: string }> = defineError('LSH_GUARD_REFUSED', {
  message: ({ key, why }) => `the guard ${key} cannot be opened: ${why}`,
  fix: 'Nothing was changed. `longshore explain` tells where the operation stands.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const GuardTimedOut: ErrorEntry<{ what: string; maxMs: number }> = defineError('LSH_GUARD_TIME', {
  message: ({ what, maxMs }) => `${what}: this had to end within ${Math.round(maxMs / 1000)} s and did not`,
  fix: 'It is closed before anything else (`longshore explain` tells whether it is). Allow more time, or find out what was slow, then try again.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const GuardLeftOpen: ErrorEntry<{ id: string; what: string; target: string; sinceMs: number; cause: string }> = defineError(
  'LSH_GUARD_OPEN',
  {
    message: ({ what, target, sinceMs, cause }) =>
      `${what} on ${target} since ${new Date(sinceMs).toISOString()}, and closing it failed: ${cause}`,
    fix: ({ id }) =>
      `It is tried again every minute; mend what stands in the way, or \`longshore retry ${id}\` to try now. ` +
      `If you end it by hand: \`longshore take-over ${id} --reason …\`.`,
    retryable: false,
    exitCode: EXIT.attention,
  },
);

export const UndoFailed: ErrorEntry<{ id: string; task: string; cause: string }> = defineError('LSH_UNDO_FAILED', {
  message: ({ task, cause }) => `${task} could not be taken back: ${cause}`,
  fix: ({ id }) => `It is tried again every minute; mend what stands in the way, or \`longshore retry ${id}\` to try now.`,
  retryable: false,
  exitCode: EXIT.attention,
});

export const TargetChanged: ErrorEntry<{ id: string; by: string; target: string; scope: string; atMs: number }> = defineError(
  'LSH_TARGET_CHANGED',
  {
    message: ({ id, by, target, scope, atMs }) =>
      `operation ${by} has worked on ${target}${scope ? ` (${scope}…)` : ''} at ${new Date(atMs).toISOString()}, after ${id} did`,
    fix: ({ by }) => `What ${by} did would be taken for ours. Take that one back first, or submit a new operation.`,
    retryable: false,
    exitCode: EXIT.refused,
  },
);

export const NothingToRevert: ErrorEntry<{ id: string; reasons: string[] }> = defineError('LSH_REVERT_NOTHING', {
  message: ({ id, reasons }) => `there is nothing to take back of ${id}${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`,
  fix: ({ id }) => `\`longshore report ${id}\` tells what was done.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const RevertStopped: ErrorEntry<{ id: string; by: string; left: number }> = defineError('LSH_REVERT_STOPPED', {
  message: ({ by, left }) => `the way back was stopped by ${by}; ${left} ${left === 1 ? 'step was' : 'steps were'} not taken back`,
  fix: ({ id }) => `\`longshore revert ${id} --plan\` shows what is left, \`longshore revert ${id}\` goes on with it.`,
  retryable: false,
  exitCode: EXIT.failed,
});

export const NothingEndless: ErrorEntry<{ id: string }> = defineError('LSH_NOTHING_ENDLESS', {
  message: ({ id }) => `nothing of ${id} goes on until it is asked to finish: it ends by itself`,
  fix: ({ id }) => `\`longshore drain ${id}\` begins nothing new, \`longshore cancel ${id}\` stops it.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const EndTooEarly: ErrorEntry<{ id: string; atMs: number; earliestMs: number }> = defineError('LSH_END_TOO_EARLY', {
  message: ({ id, atMs, earliestMs }) =>
    `${id} cannot end at ${new Date(atMs).toISOString()}: it has begun what came due at ${new Date(earliestMs).toISOString()}`,
  fix: ({ earliestMs }) => `Give that moment or a later one: --at ${new Date(earliestMs).toISOString()}. One to come is waited for.`,
  retryable: false,
  exitCode: EXIT.usage,
});

export const NoWayBack: ErrorEntry<{ id: string; why: string }> = defineError('LSH_REVERT_FINAL', {
  message: ({ id, why }) => `${id} cannot be taken back any more: ${why}`,
  fix: 'What it did stays. The way back is an operation of its own, in the other direction.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NothingToRetry: ErrorEntry<{ id: string; why: string }> = defineError('LSH_RETRY_NOTHING', {
  message: ({ id, why }) => `there is nothing of ${id} to be tried again: ${why}`,
  fix: ({ id }) => `\`longshore explain ${id}\` tells where it stands.`,
  retryable: false,
  exitCode: EXIT.refused,
});

export const OperationTooLong: ErrorEntry<{ atMs: number }> = defineError('LSH_OPERATION_DEADLINE', {
  message: ({ atMs }) => `it had to end by ${new Date(atMs).toISOString()} and did not`,
  fix: 'What it held was given back. Submit again with a later deadline, or without one.',
  retryable: false,
  exitCode: EXIT.failed,
});

export const TaskTooLong: ErrorEntry<{ task: string; ms: number }> = defineError('LSH_TASK_DEADLINE', {
  message: ({ task, ms }) => `an attempt of ${task} took longer than ${Math.round(ms / 1000)} s and was stopped`,
  fix: 'It is tried again; when it happens again and again, look at what the log says it was doing.',
  retryable: true,
  exitCode: EXIT.failed,
});

export const ApprovalMissing: ErrorEntry<{ stages: string[]; sinceMs: number }> = defineError('LSH_APPROVAL_MISSING', {
  message: ({ stages, sinceMs }) =>
    `nobody has approved ${stages.join(', ')}, asked for at ${new Date(sinceMs).toISOString()}: the operation was ended`,
  fix: 'Nothing was left open. Submit it again when somebody is there to approve it.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const ApprovalExpired: ErrorEntry<{ stage: string; by: string; expiredAt: number }> = defineError('LSH_APPROVAL_EXPIRED', {
  message: ({ stage, by, expiredAt }) =>
    `the approval of ${by} for ${stage} was good until ${new Date(expiredAt).toISOString()}, and the stage had not begun by then`,
  fix: 'Nothing was begun. Approve it again, with a longer time if it may take longer.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const ApprovalNotYours: ErrorEntry<{ id: string; by: string }> = defineError('LSH_APPROVAL_OWN', {
  message: ({ id, by }) => `${by} has submitted ${id}, and an approval must come from somebody else`,
  fix: 'Ask a second person to look at the plan and approve it.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoSuchStage: ErrorEntry<{ id: string; stage: string; known: string[] }> = defineError('LSH_STAGE_UNKNOWN', {
  message: ({ id, stage, known }) =>
    `${id} has no stage "${stage}" that is still to begin; ${known.length > 0 ? `there are ${known.join(', ')}` : 'there is none'}`,
  fix: ({ id }) => `\`longshore show ${id}\` lists its stages.`,
  retryable: false,
  exitCode: EXIT.usage,
});

export const NoneWaits: ErrorEntry<{ id: string; known: string[] }> = defineError('LSH_STAGE_NONE_WAITS', {
  message: ({ id, known }) =>
    `no stage of ${id} waits for approval now; still to begin ${known.length > 0 ? `are ${known.join(', ')}` : 'is none'}`,
  fix: ({ id }) => `\`longshore explain ${id}\` tells where it stands; \`--stage <name>\` approves one that comes later.`,
  retryable: false,
  exitCode: EXIT.usage,
});

export const FleetDraining: ErrorEntry<{ by: string; untilMs: number }> = defineError('LSH_FLEET_DRAINING', {
  message: ({ by, untilMs }) =>
    `the fleet is being drained, as ${by} asked, until ${new Date(untilMs).toISOString()}: it takes nothing new`,
  fix: 'Wait, or open it again: `longshore fleet open`.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const StoreNotDurable: ErrorEntry<{ kind: string; durability: string }> = defineError('LSH_STORE_DURABILITY', {
  message: ({ kind, durability }) =>
    `${kind} opens guards, and this Redis may lose its last writes (appendfsync ${durability}): the one that says that writes are denied too`,
  fix: '`redis-cli CONFIG SET appendfsync always` mends it; `guards: {acceptLossyRedis: true}` in longshore.yaml accepts it.',
  retryable: false,
  exitCode: EXIT.refused,
});

export const NoSuchLetter: ErrorEntry<{ id: string }> = defineError('LSH_DEAD_LETTER_UNKNOWN', {
  message: ({ id }) => `there is no dead letter ${id}`,
  fix: '`longshore dead` lists them.',
  retryable: false,
  exitCode: EXIT.usage,
});
