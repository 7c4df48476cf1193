/** Takes in the outcomes that workers have written: each exactly once, because it goes with its task in the same commit. */

import type { ErrorData, Outcome, RetryPolicy, StageState, TaskRecord } from '@longshore/core';
import { ATTENTION_RETRY_MS, errorData } from '@longshore/core';
import { noteReplaced } from './came-about.ts';
import { withStages } from './canonical.ts';
import type { DecideInput, Draft } from './draft.ts';
import { CLOSING, PLANNING, retryPause, STALE_CHECK_MS } from './draft.ts';
import { BadOutput, GuardLeftOpen, NoWayBack, UndoFailed } from './errors.ts';
import { stop } from './expire.ts';
import { looked } from './guards.ts';
import { emissionProblem } from './plan-schema.ts';
import { planned } from './planned.ts';
import { freshStage } from './stage-state.ts';

/** A plan is read, nothing is changed: trying it again is cheap, but a person is waiting. */
const PLAN_RETRY: RetryPolicy = { attempts: 4, firstPauseMs: 1_000, maxPauseMs: 10_000 };

export function takeIn(draft: Draft, input: DecideInput): void {
  for (const [id, outcome] of input.snapshot.outcomes) {
    const task = draft.tasks.get(id);
    if (!task || task.round !== outcome.round) continue;
    for (const [counter, by] of Object.entries(outcome.count ?? {}))
      draft.header.counters[counter] = (draft.header.counters[counter] ?? 0) + by;
    if (outcome.deaths) draft.lost(outcome.startedAt + STALE_CHECK_MS);
    if (outcome.unsettledAt !== undefined) draft.lost(outcome.unsettledAt);
    if (isUnsure(draft, task, outcome)) draft.lost(outcome.endedAt);
    draft.touched = true;
    if (outcome.result === 'ok') succeeded(draft, input, task, outcome);
    else if (outcome.result === 'failed') failed(draft, input, task, outcome);
    else if (mustEnd(draft, task)) draft.queue({ ...task, round: task.round + 1 });
    else {
      draft.skipFollowers(task);
      over(draft, task, outcome);
    }
  }
}

/** It ran inside a guard and was stopped or failed, or went on while that was being closed: what it had sent may still take effect. */
function isUnsure(draft: Draft, task: TaskRecord, outcome: Outcome): boolean {
  if (task.closes !== undefined) return false;
  if (outcome.result === 'ok' && draft.header.intent !== 'cancel' && draft.header.ending === undefined) return false;
  return [...draft.guards.values()].some(
    ({ state, endedAt = 0 }) => state === 'open' || (state === 'closed' && endedAt >= outcome.startedAt),
  );
}

/** What puts things away, closes a guard or takes a step back is not stopped for good. */
function mustEnd(draft: Draft, task: TaskRecord): boolean {
  return task.closes !== undefined || (draft.plan?.stages[task.stage]?.always === true && !task.upkeep);
}

function succeeded(draft: Draft, input: DecideInput, task: TaskRecord, outcome: Outcome): void {
  if (task.stage === PLANNING) {
    over(draft, task, outcome);
    planned(draft, input, outcome.output, outcome.startedAt);
    return;
  }
  if (task.closes !== undefined) {
    // What it found belongs into the report: an operation that was stopped says nowhere else how its guard ended.
    if (outcome.notes) draft.notes.push(...outcome.notes);
    closed(draft, input, task, task.closes, outcome);
    return;
  }
  const problem =
    outcome.emit && draft.plan ? emissionProblem(outcome.emit, draft.plan, draft.header, input.tasks, input.kind, draft.guards) : undefined;
  if (problem !== undefined) {
    failed(draft, input, task, { ...outcome, result: 'failed', error: BadOutput({ task: task.id, problem }).data });
    return;
  }
  if (outcome.tally) draft.tally.push(outcome.tally);
  if (outcome.notes) draft.notes.push(...outcome.notes);
  if (outcome.emit) emitted(draft, task, outcome.emit);
  if (outcome.followers === 'skip') draft.skipFollowers(task);
  else for (const follower of draft.followersOf(task)) draft.queue(follower);
  if (task.undoes !== undefined) draft.mended();
  over(draft, task, outcome);
}

/** Puts emitted stages directly after the current one: of two emitters of a stage, the later one's stages run first. */
function emitted(draft: Draft, task: TaskRecord, given: NonNullable<Outcome['emit']>): void {
  const { header, plan } = draft;
  if (!plan || given.length === 0) return;
  const stages = given.map((stage) => ({ ...stage, emittedBy: task.id }));
  draft.plan = withStages(plan, plan.stages.toSpliced(header.stage + 1, 0, ...stages));
  draft.planChanged = true;
  header.planHash = draft.plan.hash;
  header.stages.splice(header.stage + 1, 0, ...stages.map(({ name }) => freshStage(name)));
}

/** A closing that ended well has closed its guard, or it has not ended well. */
function closed(draft: Draft, input: DecideInput, task: TaskRecord, key: string, outcome: Outcome): void {
  const guard = draft.guards.get(key);
  if (!guard || guard.state === 'open') {
    const problem = `it ended, but the guard ${key} is still open`;
    failed(draft, input, task, { ...outcome, result: 'failed', error: BadOutput({ task: task.id, problem }).data });
    return;
  }
  if (guard.look && guard.look.found === undefined) looked(draft, guard, undefined);
  if (guard.state === 'closed') {
    const seen = { ...guard, endedAt: Math.max(guard.endedAt ?? 0, draft.now) };
    draft.guards.set(key, seen);
    draft.guardsPut.push(seen);
  }
  noteReplaced(draft, guard);
  draft.event('guard', `${guard.what}: no more`);
  over(draft, task, outcome);
  if (draft.header.attention?.error.code === GuardLeftOpen.code && draft.openGuards().length === 0) draft.mended();
}

function failed(draft: Draft, input: DecideInput, task: TaskRecord, outcome: Outcome): void {
  const error = outcome.error ?? errorData(new Error('no reason was given'));
  const policy = task.stage === PLANNING ? PLAN_RETRY : (input.tasks.get(task.task)?.retry ?? PLAN_RETRY);
  const failures = task.failures + 1;
  const stopping = draft.header.intent === 'cancel' || draft.header.ending !== undefined;
  if (error.retryable && failures < policy.attempts && !(stopping && task.unit !== undefined)) {
    const notBefore = input.now + retryPause(policy, failures, input.chance, error.retryAfterMs);
    draft.queue({ ...task, round: task.round + 1, failures, notBefore, lastError: error });
    draft.header.counters.retries = (draft.header.counters.retries ?? 0) + 1;
    draft.event(
      'task-retried',
      `${task.id}: ${error.message}; try ${failures + 1} of ${policy.attempts} in ${Math.ceil((notBefore - input.now) / 1000)} s`,
    );
    return;
  }
  draft.event('task-failed', `${task.id}: ${error.message}`);
  const taken = task.closes === undefined ? undefined : draft.guards.get(task.closes);
  if (taken?.look) {
    if (taken.look.found === undefined) looked(draft, taken, error.message);
    over(draft, task, { ...outcome, error });
    return;
  }
  const why = task.undoes === undefined ? undefined : finalAfterAll(input, task, error);
  if (why !== undefined) {
    stop(draft, NoWayBack({ id: draft.header.id, why }).data);
    over(draft, task, { ...outcome, error });
    return;
  }
  if (task.closes !== undefined || task.undoes !== undefined) {
    unsafe(draft, input, task, error);
    return;
  }
  draft.skipFollowers(task);
  if (!isTolerated(draft, input, task)) fail(draft, task, error);
  else draft.notes.push({ level: 'error', row: task.id, text: `${error.message}. ${error.fix}` });
  over(draft, task, { ...outcome, error });
}

/** What nobody knew to have ended well has: its undo says so in the words in which it is final. Trying again would change nothing. */
function finalAfterAll({ tasks }: DecideInput, task: TaskRecord, { message }: ErrorData): string | undefined {
  const definition = tasks.get(task.task);
  const params = definition?.final ? definition.params.safeParse(task.params) : undefined;
  const final = params?.success ? definition?.final?.(params.data) : undefined;
  return final === message ? final : undefined;
}

/** What must not stay as it is: a person is told, and it is tried again, slowly, for ever. */
function unsafe(draft: Draft, input: DecideInput, task: TaskRecord, error: ErrorData): void {
  const { id } = draft.header;
  const guard = task.closes === undefined ? undefined : draft.guards.get(task.closes);
  if (guard)
    draft.attention(GuardLeftOpen({ id, what: guard.what, target: guard.target, sinceMs: guard.openedAt, cause: error.message }).data);
  else draft.attention(UndoFailed({ id, task: task.undoes ?? task.id, cause: error.message }).data);
  draft.queue({ ...task, round: task.round + 1, failures: 0, notBefore: input.now + ATTENTION_RETRY_MS, lastError: error });
}

function isTolerated(draft: Draft, input: DecideInput, task: TaskRecord): boolean {
  if (task.unit !== undefined) return input.kind.tolerant;
  return !task.upkeep && draft.plan?.stages[task.stage]?.tolerant === true;
}

/** The operation cannot succeed any more: what runs is let finish, nothing new starts but what puts things away. */
function fail(draft: Draft, task: TaskRecord, error: ErrorData): void {
  const { header } = draft;
  header.error ??= error;
  if (task.stage === PLANNING) draft.state('failed');
  else header.ending ??= 'failed';
}

/** A task is through for good. */
function over(draft: Draft, task: TaskRecord, outcome: Outcome): void {
  draft.forget(task.id);
  if (task.stage === PLANNING || task.stage === CLOSING) {
    draft.done.push(doneRecord(task, { ...outcome, output: null }));
    return;
  }
  const stage = draft.header.stages[task.stage];
  if (task.upkeep) {
    const { spool, last } = task.params as { spool: string; last: boolean };
    if (stage && last) stage.upkeepEnded = [...(stage.upkeepEnded ?? []), spool];
    return;
  }
  if (stage) stage.workEndedAt = Math.max(stage.workEndedAt ?? 0, outcome.endedAt);
  if (task.unit === undefined) draft.done.push(doneRecord(task, outcome));
  if (stage && draft.unitOf(task).length === 0) countEnd(stage, outcome.result);
}

function doneRecord(task: TaskRecord, outcome: Outcome): Draft['done'][number] {
  return {
    id: task.id,
    task: task.task,
    stage: task.stage,
    result: outcome.result,
    startedAt: outcome.startedAt,
    endedAt: outcome.endedAt,
    ...(outcome.output === undefined || outcome.output === null ? {} : { output: outcome.output }),
    ...(outcome.error ? { error: outcome.error } : {}),
  };
}

function countEnd(stage: StageState, result: Outcome['result']): void {
  if (result === 'ok') stage.done += 1;
  else if (result === 'failed') stage.failed += 1;
  else stage.skipped += 1;
}
