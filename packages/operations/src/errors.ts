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
  fix: 'Correct the parameters named; nothing was changed.',
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
  message: ({ id, state, action }) => `operation ${id} is ${state}, so it cannot ${action}`,
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
