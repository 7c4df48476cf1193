/** Stages that wait for a person. What lies inside a guard is asked for before the guard opens: nothing waits for a person inside one. */
import type { Approval, OperationHeader, StageSpec, StoredPlan } from '@longshore/core';
import { APPROVAL_WAIT_MS } from '@longshore/core';
import type { Draft } from './draft.ts';
import { ApprovalExpired, BadOutput } from './errors.ts';
import { stop } from './expire.ts';

export function isAsked(header: Pick<OperationHeader, 'approvalPolicy'>, spec: StageSpec): boolean {
  if (header.approvalPolicy === 'every-stage') return !spec.always || spec.approval !== undefined;
  return header.approvalPolicy === 'cutover' && spec.approval !== undefined;
}

/** Stages from `at` on that must be agreed to before the one at `at` begins: itself, and what lies inside the guards it opens. */
export function approvalsNeeded(header: OperationHeader, plan: StoredPlan, at: number): StageSpec[] {
  const needed: StageSpec[] = [];
  const open = new Set<string>();
  for (const spec of plan.stages.slice(at)) {
    if (isAsked(header, spec)) needed.push(spec);
    for (const key of spec.guard?.opens ?? []) open.add(key);
    for (const key of spec.guard?.ends ?? []) open.delete(key);
    if (open.size === 0) break;
  }
  return needed;
}

function isGood(approval: Approval, stage: string, now: number): boolean {
  return approval.stage === stage && (approval.used === true || approval.expiresAt > now);
}

/** True when the stage that comes next waits for a person. */
export function awaitApproval(draft: Draft): boolean {
  const { header, plan, now } = draft;
  const stage = header.stages[header.stage];
  const spec = plan?.stages[header.stage];
  // What is taken back is asked for however it had ended.
  const givenUp = header.revert ? header.revert.stopped !== undefined : header.ending !== undefined;
  if (!plan || !stage || !spec || stage.state !== 'pending' || givenUp) return goOn(draft);
  // Nothing is begun now; inside a guard a pause waits for its end, and what lies there asks as ever.
  if (header.intent === 'pause' ? draft.openGuards().length === 0 : header.intent !== undefined) return goOn(draft);
  const needed = approvalsNeeded(header, plan, header.stage);
  const given = header.approvals ?? [];
  const lacking = needed.filter(({ name }) => !given.some((approval) => isGood(approval, name, now)));
  if (lacking.length > 0 && draft.openGuards().length > 0) {
    const problem = `stage ${lacking[0]!.name} asks for an approval inside an open guard`;
    stop(draft, BadOutput({ task: header.kind, problem }).data);
    return true;
  }
  if (lacking.length === 0) {
    for (const approval of given)
      if (!approval.used && needed.some(({ name }) => isGood(approval, name, now))) {
        approval.used = true;
        draft.touched = true;
      }
    return goOn(draft);
  }
  const stages = lacking.map(({ name }) => name);
  if (JSON.stringify(stages) !== JSON.stringify(header.awaits?.stages)) {
    const over = given.findLast(({ stage: of }) => stages.includes(of));
    const expired = over && ApprovalExpired({ stage: over.stage, by: over.by, expiredAt: over.expiresAt }).data;
    header.awaits = { stages, since: now, ...(expired ? { expired } : {}) };
    if (expired) draft.event('approval', expired.message);
    draft.wake(now + APPROVAL_WAIT_MS);
    draft.event('approval', `waits for approval of: ${lacking.map((one) => one.approval ?? one.title).join('; ')}`);
  }
  if (header.state === 'running' || header.state === 'reverting') draft.state('awaiting-approval');
  return true;
}

function goOn(draft: Draft): boolean {
  const { header } = draft;
  if (header.awaits) {
    delete header.awaits;
    draft.touched = true;
  }
  if (header.state === 'awaiting-approval') draft.goOn();
  return false;
}
