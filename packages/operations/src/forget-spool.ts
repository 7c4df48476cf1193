/** Gives a lost spool up: what of an operation was under way there is done again elsewhere, sending only what is missing. */
import type { Change, KindDefinition, OperationSnapshot, StageState, StoredPlan } from '@longshore/core';
import { withStages } from './canonical.ts';
import { spoolOf } from './spool-watch.ts';

export interface Forgotten {
  change: Change;
  units: number;
}

/** Undefined when the operation has nothing on the spool. Pure. */
export function forgetSpool(
  snapshot: OperationSnapshot,
  plan: StoredPlan | undefined,
  kind: KindDefinition,
  spool: string,
  by: string,
  now: number,
): Forgotten | undefined {
  const header = structuredClone(snapshot.header);
  const lost = [...snapshot.tasks.values()].filter((task) => spoolOf(task) === spool);
  if (!header.spools.includes(spool)) return undefined;
  header.spools = header.spools.filter((other) => other !== spool);
  header.updatedAt = now;
  const change: Change = { header, drop: lost.map(({ id }) => id), done: [] };
  const stage = header.stages[header.stage];
  const spec = plan?.stages[header.stage];
  const units = [...new Set(lost.flatMap(({ unit }) => (unit === undefined ? [] : [unit])))];
  for (const task of lost) {
    if (task.unit !== undefined || task.upkeep) continue;
    change.done!.push({ id: task.id, task: task.task, stage: task.stage, result: 'failed', endedAt: now });
    if (stage) stage.failed += 1;
  }
  if (stage && spec && plan && units.length > 0) {
    if (kind.redo) {
      const isFirst = new Set(lost.filter(({ after }) => after === undefined).map(({ unit }) => unit));
      const again = [
        { only: units.filter((unit) => isFirst.has(unit)), begun: false },
        { only: units.filter((unit) => !isFirst.has(unit)), begun: true },
      ]
        .filter(({ only }) => only.length > 0)
        .map(({ only, begun }) => kind.redo!(plan, spec, only, begun));
      change.plan = withStages(plan, plan.stages.toSpliced(header.stage + 1, 0, ...again));
      header.planHash = change.plan.hash;
      header.stages.splice(
        header.stage + 1,
        0,
        ...again.map(({ name }): StageState => ({ name, state: 'pending', cursor: 0, total: 0, done: 0, failed: 0, skipped: 0 })),
      );
      // They count where they are done.
      stage.total -= units.length;
    } else stage.failed += units.length;
  }
  change.events = [{ at: now, type: 'spool', text: `the spool ${spool} was given up by ${by}; ${units.length} batches are done again` }];
  return { change, units: units.length };
}
