/**
 * What an operation was for may have come about although it was being ended: the last change was made, its answer was lost, and what was to
 * close the guard read that it is replaced. To end as failed would say of the target what is not so: it goes on with what is left.
 */
import type { GuardRecord } from '@longshore/core';
import { withStages } from './canonical.ts';
import type { Draft } from './draft.ts';
import { withoutEmitted } from './retry.ts';
import { freshStage } from './stage-state.ts';

/** Told by the closing of a guard: another guard in its place is one more that is to be closed, and says nothing of the kind. */
export function noteReplaced(draft: Draft, guard: GuardRecord): void {
  const { header, guards } = draft;
  if (guard.state !== 'replaced' || header.revert !== undefined || guards.has(guard.by ?? '')) return;
  header.cameAbout = true;
  draft.touched = true;
}

/**
 * When nothing of it runs any more, and before anything is put away: it begins again with the stage it was stopped in, which finds what is
 * done. Once for each guard, so that one that fails there again has failed.
 */
export function goOnFromThere(draft: Draft): void {
  const { header, plan } = draft;
  if (header.cameAbout === undefined || header.attention !== undefined || draft.tasks.size > 0) return;
  delete header.cameAbout;
  draft.touched = true;
  const at = header.stages.findIndex(({ state }) => state !== 'done');
  const stage = plan?.stages[at];
  if (stage === undefined || stage.bulk || header.ending === undefined || header.revert) return;
  const why = header.error?.message ?? 'it was cancelled';
  const left = withoutEmitted(plan!, at, new Set(stage.tasks?.map(({ id }) => id)), at);
  if (left.length < plan!.stages.length) {
    draft.plan = withStages(plan!, left);
    draft.planChanged = true;
    header.planHash = draft.plan.hash;
  }
  header.stages = left.map(({ name }, index) => (index < at ? header.stages[index]! : freshStage(name)));
  header.stage = at;
  delete header.ending;
  delete header.intent;
  delete header.error;
  // What is left is short, and an end by the clock would say again that nothing came of it.
  if (header.deadlineAt !== undefined && header.deadlineAt <= draft.now) delete header.deadlineAt;
  draft.event('state', `${why}; but what it was for has come about: it goes on from "${stage.title}"`);
}
