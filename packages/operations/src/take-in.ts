/** Takes in the outcomes that workers have written: each exactly once, because it goes with its task in the same commit. */

import type { ErrorData, Outcome, RetryPolicy, StageState, StoredPlan, TaskRecord } from '@longshore/core';
import { errorData } from '@longshore/core';
import { planHash } from './canonical.ts';
import type { DecideInput, Draft } from './draft.ts';
import { retryPause } from './draft.ts';
import { BadOutput, PlanRefused } from './errors.ts';
import { parsePlan, stagesProblem } from './plan-schema.ts';

/** A plan is read, nothing is changed: trying it again is cheap, but a person is waiting. */
const PLAN_RETRY: RetryPolicy = { attempts: 4, firstPauseMs: 1_000, maxPauseMs: 10_000 };

export function takeIn(draft: Draft, input: DecideInput): void {
  for (const [id, outcome] of input.snapshot.outcomes) {
    const task = draft.tasks.get(id);
    if (!task || task.round !== outcome.round) continue;
    for (const [counter, by] of Object.entries(outcome.count ?? {}))
      draft.header.counters[counter] = (draft.header.counters[counter] ?? 0) + by;
    draft.touched = true;
    if (outcome.result === 'ok') succeeded(draft, input, task, outcome);
    else if (outcome.result === 'failed') failed(draft, input, task, outcome);
    else if (draft.plan?.stages[task.stage]?.always && !task.upkeep) draft.queue({ ...task, round: task.round + 1 });
    else {
      draft.skipFollowers(task);
      over(draft, task, outcome);
    }
  }
}

function succeeded(draft: Draft, input: DecideInput, task: TaskRecord, outcome: Outcome): void {
  if (task.stage === -1) {
    planned(draft, input, task, outcome);
    return;
  }
  if (outcome.tally) draft.tally.push(outcome.tally);
  if (outcome.notes) draft.notes.push(...outcome.notes);
  if (outcome.emit) emitted(draft, input, task, outcome);
  if (outcome.followers === 'skip') draft.skipFollowers(task);
  else for (const follower of draft.followersOf(task)) draft.queue(follower);
  over(draft, task, outcome);
}

function failed(draft: Draft, input: DecideInput, task: TaskRecord, outcome: Outcome): void {
  const error = outcome.error ?? errorData(new Error('no reason was given'));
  const policy = task.stage === -1 ? PLAN_RETRY : (input.tasks.get(task.task)?.retry ?? PLAN_RETRY);
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
  draft.skipFollowers(task);
  if (!isTolerated(draft, input, task)) fail(draft, task, error);
  else draft.notes.push({ level: 'error', row: task.id, text: `${error.message}. ${error.fix}` });
  over(draft, task, outcome);
}

function isTolerated(draft: Draft, input: DecideInput, task: TaskRecord): boolean {
  if (task.unit !== undefined) return input.kind.tolerant;
  return !task.upkeep && draft.plan?.stages[task.stage]?.tolerant === true;
}

/** The operation cannot succeed any more: what runs is let finish, nothing new starts but what puts things away. */
function fail(draft: Draft, task: TaskRecord, error: ErrorData): void {
  const { header } = draft;
  header.error ??= error;
  if (task.stage === -1) draft.state('failed');
  else header.ending ??= 'failed';
}

/** A task is through for good. */
function over(draft: Draft, task: TaskRecord, outcome: Outcome): void {
  draft.forget(task.id);
  const stage = draft.header.stages[task.stage];
  if (task.upkeep) {
    const { spool, last } = task.params as { spool: string; last: boolean };
    if (stage && last) stage.upkeepEnded = [...(stage.upkeepEnded ?? []), spool];
    return;
  }
  if (stage) stage.workEndedAt = Math.max(stage.workEndedAt ?? 0, outcome.endedAt);
  if (task.unit === undefined) {
    draft.done.push({
      id: task.id,
      task: task.task,
      stage: task.stage,
      result: outcome.result,
      startedAt: outcome.startedAt,
      endedAt: outcome.endedAt,
      ...(outcome.output === undefined || task.stage === -1 ? {} : { output: outcome.output }),
      ...(outcome.error ? { error: outcome.error } : {}),
    });
    if (stage) countEnd(stage, outcome.result);
    return;
  }
  if (stage && draft.unitOf(task).length === 0) countEnd(stage, outcome.result);
}

function countEnd(stage: StageState, result: Outcome['result']): void {
  if (result === 'ok') stage.done += 1;
  else if (result === 'failed') stage.failed += 1;
  else stage.skipped += 1;
}

function planned(draft: Draft, input: DecideInput, task: TaskRecord, outcome: Outcome): void {
  const { header } = draft;
  over(draft, task, outcome);
  const made = parsePlan(outcome.output);
  const problem = 'problem' in made ? made.problem : stagesProblem(made.plan.stages, input.tasks, input.kind);
  if ('problem' in made || problem !== undefined) {
    fail(draft, task, BadOutput({ task: task.id, problem: problem ?? '' }).data);
    return;
  }
  const body = made.plan;
  const plan: StoredPlan = { ...body, hash: planHash(body), madeAt: draft.now };
  draft.plan = plan;
  draft.planChanged = true;
  header.planHash = plan.hash;
  header.expect = plan.expect;
  header.stages = plan.stages.map(({ name }) => freshStage(name));
  draft.state('planned');
  const obstacles = plan.findings.filter((finding) => finding.level === 'error');
  if (obstacles.length > 0 && header.mode === 'run') {
    header.error = obstacles[0]!.error ?? PlanRefused({ findings: obstacles.map((finding) => finding.text) }).data;
    draft.state('failed');
  }
}

function freshStage(name: string): StageState {
  return { name, state: 'pending', cursor: 0, total: 0, done: 0, failed: 0, skipped: 0 };
}

/** Puts emitted stages directly after the current one. */
function emitted(draft: Draft, input: DecideInput, task: TaskRecord, outcome: Outcome): void {
  const { header, plan } = draft;
  const stages = outcome.emit ?? [];
  if (!plan || stages.length === 0) return;
  const problem = stagesProblem(stages, input.tasks, input.kind);
  if (problem) {
    fail(draft, task, BadOutput({ task: task.id, problem }).data);
    return;
  }
  draft.plan = { ...plan, stages: plan.stages.toSpliced(header.stage + 1, 0, ...stages) };
  draft.planChanged = true;
  header.stages.splice(header.stage + 1, 0, ...stages.map(({ name }) => freshStage(name)));
}
