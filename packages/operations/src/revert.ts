/** The way back: what was done is undone, newest first, as a stage of its own that one can look at before it runs. */
import type { DoneRecord, JournalEntry, StageSpec, StoredPlan, TaskDefinition, TaskSpec } from '@longshore/core';

export interface RevertStep {
  /** The task that is taken back. */
  task: string;
  kind: string;
  endedAt?: number;
  /** What it changed, by its journal. */
  changed: string[];
  /** What its undo denies or freezes meanwhile, each with its greatest time. */
  guards?: { what: string; maxMs: number }[];
  /** Why there is nothing to take back; absent: it is undone. */
  none?: string;
}

export interface RevertPlan {
  /** Newest first: the order in which they are undone. */
  steps: RevertStep[];
  /** A step was done that has no way back, and none of those before it has one either: why. */
  final?: string;
  stage: StageSpec | undefined;
  /** What a person has to agree to first, where the operation asks for approvals: a dangerous step is taken back, or a guard opened. */
  approval?: string;
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
  const begun: { spec: TaskSpec; at: number; danger: string | undefined }[] = [];
  for (const stage of plan.stages)
    for (const spec of stage.tasks ?? []) {
      if (spec.undoes !== undefined) continue;
      // An earlier way back, stopped later, came as far as that.
      if (records.get(undoOf(spec.id))?.result === 'ok') continue;
      const record = records.get(spec.id);
      const entries = changes.get(spec.id) ?? [];
      // One that failed or never ended may have changed something all the same; the journal knows.
      if (record?.result !== 'ok' && entries.length === 0) continue;
      begun.push({ spec, danger: stage.approval, at: Math.max(record?.endedAt ?? 0, ...entries.map(({ at }) => at)) });
    }
  // Of two that ended in the same millisecond the one that stands later in the plan goes first.
  const newestFirst = begun.reverse().sort((a, b) => b.at - a.at);
  const steps: RevertStep[] = [];
  let final: string | undefined;
  const undos: TaskSpec[] = [];
  const guards = new Set<string>();
  const asked = new Set<string>();
  for (const { spec, danger } of newestFirst) {
    const definition = tasks.get(spec.task);
    const record = records.get(spec.id);
    const step: RevertStep = { task: spec.id, kind: spec.task, changed: (changes.get(spec.id) ?? []).map(({ what }) => what) };
    if (record) step.endedAt = record.endedAt;
    steps.push(step);
    const params = definition?.final && record?.result === 'ok' ? definition.params.safeParse(spec.params) : undefined;
    if (params?.success) final ??= definition?.final?.(params.data);
    const undo = definition?.undo ?? { none: 'this version does not know the task' };
    if (typeof undo !== 'function') {
      step.none = undo.none;
      continue;
    }
    undos.push({ id: undoOf(spec.id), task: spec.task, params: spec.params, placement: spec.placement, undoes: spec.id });
    if (danger !== undefined) asked.add(danger);
    const opened = undoGuards(definition!, spec);
    if (opened.length > 0) step.guards = opened.map(({ what, maxMs }) => ({ what, maxMs }));
    for (const { key, what } of opened) {
      guards.add(key);
      asked.add(what);
    }
  }
  if (final !== undefined) {
    for (const step of steps) step.none ??= final;
    return { steps, stage: undefined, final };
  }
  if (undos.length === 0) return { steps, stage: undefined };
  const before = plan.stages.filter((stage) => stage.tasks?.some(({ undoes }) => undoes !== undefined)).length;
  const stage: StageSpec = {
    name: before === 0 ? 'revert' : `revert-${before + 1}`,
    title: 'take back what was done, newest first',
    concurrency: 1,
    tasks: undos,
    always: true,
    ...(guards.size === 0 ? {} : { guard: { opens: [...guards], ends: [...guards] } }),
  };
  return asked.size === 0 ? { steps, stage } : { steps, stage, approval: `take back: ${[...asked].join('; ')}` };
}

const undoOf = (task: string): string => `undo-${task}`;

function undoGuards({ undoGuards: guards, params }: TaskDefinition, spec: TaskSpec): { key: string; what: string; maxMs: number }[] {
  const parsed = guards ? params.safeParse(spec.params) : undefined;
  return parsed?.success ? guards!(parsed.data) : [];
}
