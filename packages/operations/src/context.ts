/** What a handler sees of the engine, made for one attempt. */
import type { Json, Log, Note, OperationHeader, OtherOperation, Progress, StageSpec, Store, Tally, TaskContext } from '@longshore/core';
import { EXHIBIT_CHARS } from '@longshore/core';
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
    operation: { id, kind, params: header.params, owner: header.owner, ...(header.finish ? { finishAt: header.finish.at } : {}) },
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
    async show(name, value) {
      const json = JSON.stringify(value);
      if (json.length > EXHIBIT_CHARS) throw new TypeError(`the exhibit ${name} has ${json.length} characters, more than ${EXHIBIT_CHARS}`);
      if (!(await store.show(id, task.id, generation, name, json))) scope.superseded();
      signal.throwIfAborted();
    },
    async sample(series, value) {
      if (!Number.isFinite(value)) throw new TypeError(`a sample must be a finite number, not ${value} (${series})`);
      if (!(await store.sample(id, task.id, generation, series, clock.now(), value))) scope.superseded();
      signal.throwIfAborted();
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
    operationOf: async (other) => {
      const found = await store.header(other);
      return found && otherOperation(store, found);
    },
    async operationsOf(wanted, limit) {
      const { operations } = await store.list({ kind: wanted, limit: limit + 1 });
      return Promise.all(
        operations
          .filter((found) => found.id !== id)
          .slice(0, limit)
          .map((found) => otherOperation(store, found)),
      );
    },
    liveSpools: async (roles) => usableSpools(await store.workers(), roles),
    target: (name, system) => system.connect(resolveTarget(name, system.system), { clock, random, signal, log }),
    emit: (stages) => {
      findings.emitted.push(...stages);
    },
    ...effects(scope),
  };
}

async function otherOperation(
  store: Store,
  { id, kind, params, owner, createdAt, state, endedAt, spools }: OperationHeader,
): Promise<OtherOperation> {
  const [snapshot, plan] = await Promise.all([store.load(id), store.plan(id)]);
  return {
    id,
    kind,
    params,
    owner,
    createdAt,
    state,
    live: endedAt === undefined,
    spools,
    planData: plan?.data,
    guards: [...(snapshot?.guards.values() ?? [])],
    journal: () => store.journal(id),
    resultOf: async (task) => (await store.done(id, task))[0]?.output,
  };
}
