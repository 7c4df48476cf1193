/** Retry by hand: an operation that failed goes on where it failed. What was done stays done. Pure. */
import type { Change, DoneRecord, OperationSnapshot, StageSpec, StoredPlan } from '@longshore/core';
import { withStages } from './canonical.ts';
import { freshStage } from './stage-state.ts';

/** The change, or why there is nothing to be tried again. */
export function retryFailed(
  snapshot: OperationSnapshot,
  plan: StoredPlan | undefined,
  done: readonly DoneRecord[],
  by: string,
  now: number,
): { change: Change } | { why: string } {
  const header = structuredClone(snapshot.header);
  if (header.revert) return { why: `it was being taken back: \`longshore revert ${header.id}\` goes on with that` };
  if (!plan || header.startedAt === undefined) return { why: 'it had not begun: submit it again' };
  // One that was never come to is to be done as well, though what failed may stand behind it: what puts things away runs all the same.
  const failed = header.stages.findIndex(({ state }) => state === 'failed' || state === 'skipped');
  const spec = plan.stages[failed];
  if (!spec) return { why: 'no task of it has failed: what is missing is found by submitting it again' };
  if (spec.bulk && header.stages[failed]?.state === 'failed')
    return { why: 'its batches are not kept one by one: submit it again, it does only what is missing' };
  const first = openerOf(plan, failed);
  const ended = new Map(done.map((record) => [record.id, record.result]));
  // Inside a guard that was closed meanwhile all is done again, from its opening.
  const guarded = first < failed || (spec.guard?.opens ?? []).length > 0;
  const again = (spec.tasks ?? []).map(({ id }) => id).filter((id) => guarded || ended.get(id) !== 'ok');
  const stages = withoutEmitted(plan, first, new Set(again), failed);
  const states = new Map(plan.stages.map((stage, at) => [stage, header.stages[at]!]));
  header.stages = stages.map((stage, at) => (at < first ? states.get(stage)! : freshStage(stage.name)));
  const resumed = stages.indexOf(spec);
  if (first === failed && !spec.bulk) header.stages[resumed] = { ...freshStage(spec.name), again };
  const begunAgain = new Set(header.stages.slice(first).map(({ name }) => name));
  // What was agreed to has been done once; doing it again is to be agreed to again.
  if (header.approvals) header.approvals = header.approvals.filter((approval) => !approval.used || !begunAgain.has(approval.stage));
  header.stage = first;
  header.state = 'running';
  header.updatedAt = now;
  // It has the time again that it had.
  if (header.deadlineAt !== undefined) header.deadlineAt += now - header.createdAt;
  delete header.drainUntil;
  delete header.endedAt;
  delete header.error;
  delete header.ending;
  delete header.intent;
  const change: Change = { header, events: [{ at: now, type: 'state', text: `tried again by ${by}, from stage ${stages[first]!.name}` }] };
  if (stages.length !== plan.stages.length) {
    change.plan = withStages(plan, stages);
    header.planHash = change.plan.hash;
  }
  return { change };
}

/** The stage that opens the outermost guard which the stage at `at` lies in; itself, when it lies in none. */
function openerOf(plan: StoredPlan, at: number): number {
  const open = new Map<string, number>();
  for (const [stage, { guard }] of plan.stages.slice(0, at).entries()) {
    for (const key of guard?.opens ?? []) open.set(key, stage);
    for (const key of guard?.ends ?? []) open.delete(key);
  }
  return Math.min(at, ...open.values());
}

/** Stages that a task has emitted which runs again go: it emits them again. */
export function withoutEmitted(plan: StoredPlan, first: number, again: ReadonlySet<string>, failed: number): StageSpec[] {
  const rerun = new Set(again);
  return plan.stages.filter((stage, at) => {
    if (at < first) return true;
    if (stage.emittedBy !== undefined && rerun.has(stage.emittedBy)) return false;
    if (at !== failed) for (const { id } of stage.tasks ?? []) rerun.add(id);
    return true;
  });
}

/** Brings forward what waits for its next try. Undefined when nothing does. */
export function retryNow(snapshot: OperationSnapshot, by: string, now: number): Change | undefined {
  const waiting = [...snapshot.tasks.values()].filter(
    (task) => task.notBefore !== undefined && task.notBefore > now && snapshot.outcomes.get(task.id)?.round !== task.round,
  );
  if (waiting.length === 0) return undefined;
  const header = { ...structuredClone(snapshot.header), updatedAt: now };
  const put = waiting.map((task) => {
    const { notBefore: _due, ...rest } = task;
    return { ...rest, round: task.round + 1, failures: 0 };
  });
  return { header, put, events: [{ at: now, type: 'intent', text: `retry asked by ${by}: ${put.map(({ id }) => id).join(', ')}` }] };
}
