/** What a planning came to: a plan for the first time, or one made again to be compared with the one that is to run. */
import type { Json, Plan, StoredPlan } from '@longshore/core';
import { planHash } from './canonical.ts';
import type { DecideInput, Draft } from './draft.ts';
import { BadOutput, PlanRefused, PlanStale } from './errors.ts';
import { askedTwice, parsePlan, readsProblem, stagesProblem } from './plan-schema.ts';
import { freshStage } from './stage-state.ts';
import { differences } from './start.ts';

/** `lookedAt`: when the planning began to read. */
export function planned(draft: Draft, input: DecideInput, output: Json | undefined, lookedAt: number): void {
  const { header } = draft;
  const made = parsePlan(output);
  const problem =
    'problem' in made
      ? made.problem
      : (stagesProblem(made.plan.stages, input.tasks, input.kind) ??
        readsProblem(made.plan, input.kind) ??
        askedTwice(made.plan.stages, header));
  if ('problem' in made || problem !== undefined) {
    header.error ??= BadOutput({ task: 'plan', problem: problem ?? '' }).data;
    draft.state('failed');
    return;
  }
  if (header.recheck === undefined) take(draft, made.plan);
  else compare(draft, made.plan, header.recheck.replan);
  header.plannedAt = lookedAt;
  const obstacles = draft.plan?.findings.filter((finding) => finding.level === 'error') ?? [];
  if (obstacles.length > 0 && header.mode === 'run') {
    header.error = obstacles[0]!.error ?? PlanRefused({ findings: obstacles.map((finding) => finding.text) }).data;
    draft.state('failed');
  }
}

function take(draft: Draft, made: Plan): void {
  const { header } = draft;
  const plan: StoredPlan = { ...made, hash: planHash(made), madeAt: draft.now };
  draft.plan = plan;
  draft.planChanged = true;
  header.planHash = plan.hash;
  header.expect = plan.expect;
  header.stages = plan.stages.map(({ name }) => freshStage(name));
  draft.state('planned');
}

/** The plan that a person has looked at runs only where the target still is as it was then. */
function compare(draft: Draft, made: Plan, replan: boolean): void {
  const { header } = draft;
  delete header.recheck;
  draft.touched = true;
  const found = differences(draft.plan!.fingerprint, made.fingerprint);
  if (found.length === 0) {
    // Obstacles that came up since stand in the way as any.
    draft.plan = { ...draft.plan!, findings: made.findings };
    draft.planChanged = true;
    draft.event('plan', 'the target is still as the plan found it');
  } else if (replan) {
    take(draft, made);
    // What people had agreed to was another plan.
    delete header.approvals;
    draft.event('plan', `planned anew, since the target has changed: ${found.join('; ')}`);
  } else {
    header.error = PlanStale({ id: header.id, differences: found }).data;
    header.mode = 'plan';
    // It waits for a person now, and keeps nobody else from the target meanwhile.
    delete header.leases;
    draft.event('plan', header.error.message);
  }
}
