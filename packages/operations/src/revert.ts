/** The way back: what was done is undone, newest first, as a stage of its own that one can look at before it runs. */
import type { DoneRecord, JournalEntry, StageSpec, StoredPlan, TaskDefinition, TaskSpec } from '@longshore/core';

export interface RevertStep {
  /** The task that is taken back. */
  task: string;
  kind: string;
  endedAt?: number;
  /** What it changed, by its journal. */
  changed: string[];
  /** Why there is nothing to take back; absent: it is undone. */
  none?: string;
}

export interface RevertPlan {
  /** Newest first: the order in which they are undone. */
  steps: RevertStep[];
  /** A step was done that has no way back, and none of those before it has one either: why. */
  final?: string;
  stage: StageSpec | undefined;
}

/** What taking it back would do. Units of bulk stages are not taken back one by one. Pure. */
export function revertPlan(
  plan: StoredPlan,
  done: readonly DoneRecord[],
  journal: readonly JournalEntry[],
  tasks: ReadonlyMap<string, TaskDefinition>,
): RevertPlan {
  const records = new Map(done.map((record) => [record.id, record]));
  const changes = Map.groupBy(
    journal.filter(({ state }) => state !== 'undone'),
    ({ task }) => task,
  );
  const begun: { spec: TaskSpec; at: number }[] = [];
  for (const stage of plan.stages)
    for (const spec of stage.tasks ?? []) {
      if (spec.undoes !== undefined) continue;
      const record = records.get(spec.id);
      const entries = changes.get(spec.id) ?? [];
      // One that failed or never ended may have changed something all the same; the journal knows.
      if (record?.result !== 'ok' && entries.length === 0) continue;
      begun.push({ spec, at: Math.max(record?.endedAt ?? 0, ...entries.map(({ at }) => at)) });
    }
  // Of two that ended in the same millisecond the one that stands later in the plan goes first.
  const newestFirst = begun.reverse().sort((a, b) => b.at - a.at);
  const steps: RevertStep[] = [];
  let final: string | undefined;
  const undos: TaskSpec[] = [];
  for (const { spec } of newestFirst) {
    const definition = tasks.get(spec.task);
    const record = records.get(spec.id);
    const step: RevertStep = { task: spec.id, kind: spec.task, changed: (changes.get(spec.id) ?? []).map(({ what }) => what) };
    if (record) step.endedAt = record.endedAt;
    steps.push(step);
    const params = definition?.final && record?.result === 'ok' ? definition.params.safeParse(spec.params) : undefined;
    if (params?.success) final ??= definition?.final?.(params.data);
    const undo = definition?.undo ?? { none: 'this version does not know the task' };
    if (typeof undo === 'function')
      undos.push({ id: `undo-${spec.id}`, task: spec.task, params: spec.params, placement: spec.placement, undoes: spec.id });
    else step.none = undo.none;
  }
  if (final !== undefined) for (const step of steps) step.none ??= final;
  const stage: StageSpec | undefined =
    undos.length === 0 || final !== undefined
      ? undefined
      : { name: 'revert', title: 'take back what was done, newest first', concurrency: 1, tasks: undos, always: true };
  return { steps, stage, ...(final === undefined ? {} : { final }) };
}
