/** What a handler sees of the engine, made for one attempt. */
import type { Json, Log, Note, Progress, StageSpec, Store, Tally, TaskContext } from '@longshore/core';
import type { AttemptScope } from './attempt-scope.ts';
import { effects } from './effect.ts';
import { usableSpools } from './spools.ts';

/** What the handler says on its way; goes into the outcome. */
export class Findings {
  /** Rows have the names of metrics, and a metric may have any: `__proto__` must be one like the others. */
  readonly tally: Tally = Object.create(null) as Tally;
  readonly notes: Note[] = [];
  readonly counts: Record<string, number>;
  readonly emitted: StageSpec[] = [];
  progress: Progress | undefined;

  constructor(carried: Record<string, number>) {
    this.counts = { ...carried };
  }
}

export function taskContext(scope: AttemptScope, findings: Findings, params: unknown, plan: Json): TaskContext<unknown> {
  const { setup, header, task, generation, signal } = scope;
  const { store, clock, random, worker, spools, resolveTarget } = setup;
  const { id, kind } = header;
  const log: Log = setup.log;
  const spoolName = task.placement === 'spool' ? task.queue.slice(task.queue.indexOf('.') + 1) : undefined;
  return {
    params,
    operation: { id, kind, params: header.params },
    task: task.unit === undefined ? { id: task.id } : { id: task.id, unit: task.unit },
    worker,
    generation,
    plan,
    signal,
    log,
    clock,
    random,
    store,
    spool() {
      const mount = spoolName === undefined ? undefined : spools.get(spoolName);
      if (!mount) throw new TypeError(`task ${task.id} has no spool here (${spoolName ?? 'none was given'})`);
      return mount;
    },
    progress: (done, total, unit) => {
      findings.progress = total === undefined ? { done, unit } : { done, total, unit };
    },
    count: (counter, by) => {
      findings.counts[counter] = (findings.counts[counter] ?? 0) + by;
    },
    tally: (row, column, by) => {
      if (!Number.isSafeInteger(by)) throw new TypeError(`a tally must be a whole number, not ${by} (${row}, ${column})`);
      const columns = findings.tally[row] ?? {};
      findings.tally[row] = columns;
      columns[column] = (columns[column] ?? 0) + by;
    },
    note: (note) => {
      findings.notes.push(note);
    },
    event: (type, text) => store.addEvent(id, { at: clock.now(), type, text }),
    checkpoint: {
      async load<T extends Json>() {
        const text = await store.loadCheckpoint(id, task.id);
        return text === undefined ? undefined : (JSON.parse(text) as T);
      },
      save: async (value) => {
        const kept = await store.saveCheckpoint(id, task.id, generation, JSON.stringify(value));
        if (!kept) scope.superseded();
        signal.throwIfAborted();
      },
    },
    resultOf: async (other) => (await store.done(id, other))[0]?.output,
    report: async () => (await store.report(id)).rows,
    operationOf: (other) => operationOf(store, other),
    liveSpools: async (roles) => usableSpools(await store.workers(), roles),
    target: (name, system) => system.connect(resolveTarget(name, system.system), { clock, random, signal, log }),
    emit: (stages) => {
      findings.emitted.push(...stages);
    },
    ...effects(scope),
  };
}

async function operationOf(store: Store, id: string): ReturnType<TaskContext<unknown>['operationOf']> {
  const found = await store.header(id);
  if (!found) return undefined;
  const planData = (await store.plan(id))?.data;
  return { live: found.endedAt === undefined, state: found.state, spools: found.spools, planData };
}
