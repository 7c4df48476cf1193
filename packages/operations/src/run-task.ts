/**
 * Runs one delivery of a task: claim → run the handler → write the outcome → ring → let the job complete.
 *
 * Twice is harmless: a second delivery of a round with an outcome only rings; a second delivery of one without is a new generation,
 * and the older one, if it still lives, can write nothing any more. Killed after the outcome and before the ring, the job comes again and rings.
 */

import type {
  Clock,
  Delivery,
  GateNote,
  Handled,
  Json,
  Note,
  OperationHeader,
  Outcome,
  Progress,
  SpoolMount,
  StageSpec,
  Store,
  StoredPlan,
  Tally,
  Target,
  TaskContext,
  TaskDefinition,
  TaskEnd,
  TaskJob,
  TaskRecord,
} from '@longshore/core';
import { errorData, GateClosed, LongshoreError } from '@longshore/core';
import type { Engine } from './advance.ts';
import { PLAN_TASK } from './draft.ts';
import { BadParams, PoisonTask } from './errors.ts';
import { usableSpools } from './spools.ts';

export interface WorkerSetup extends Engine {
  worker: string;
  /** Spools this process can reach, by name. */
  spools: ReadonlyMap<string, SpoolMount>;
  /** A configured target, or an address where those are allowed; throws a catalogue error for anything else. */
  resolveTarget(name: string, system: string): Target;
}

/** How often a running attempt tells that it lives and asks what is wanted. */
const BEAT_MS = 2_000;
/** Deliveries lost with their worker before a task is taken for poison. */
const POISON_DEATHS = 20;
/** A task this worker does not know is left for another for so long. */
const UNKNOWN_TASK_MS = 5_000;
/** How long the outcome is tried to be written while the store is away. */
const FINISH_PATIENCE_MS = 120_000;

class Stopped extends Error {
  readonly why: 'cancelled' | 'superseded' | 'handed-back';
  constructor(why: Stopped['why']) {
    super(`the attempt was stopped: ${why}`);
    this.why = why;
  }
}

export async function runTask(setup: WorkerSetup, delivery: Delivery<TaskJob>): Promise<Handled> {
  const { store, transport, registry, clock, log } = setup;
  const { operation: id, task: taskId, round } = delivery.data;
  if (delivery.data.v !== 1) {
    log.warn(
      { operation: id, task: taskId, version: delivery.data.v },
      'this job was written by a newer Longshore; leaving it to a newer worker',
    );
    return { delayMs: UNKNOWN_TASK_MS };
  }
  const claimed = await store.claim(id, taskId, round, setup.worker, clock.now());
  if (claimed.claim === 'unwanted') return 'done';
  if (claimed.claim === 'ended') {
    await transport.ring(id);
    return 'done';
  }

  if (claimed.task.task !== PLAN_TASK && !registry.tasks.has(claimed.task.task)) {
    log.warn({ operation: id, task: claimed.task.task }, 'this worker does not know the task; leaving it to another');
    return { delayMs: UNKNOWN_TASK_MS };
  }
  const attempt = new Attempt(setup, claimed.header, claimed.task, claimed.generation, delivery);
  const ended = await attempt.run(delivery.stalls);
  if (ended === 'handed-back') return { delayMs: 0 };
  if (ended === 'superseded') return 'done';
  if (ended instanceof GateClosed) {
    const gate: GateNote = { gate: ended.gate, reason: ended.message, since: clock.now() };
    await store.shut(id, taskId, claimed.generation, gate);
    return { delayMs: ended.retryMs };
  }
  await patiently(setup, () => store.finish(id, taskId, ended));
  await patiently(setup, () => transport.ring(id));
  return 'done';
}

/** Tries again while the store is away; what has been done must be told. */
async function patiently(setup: { clock: Clock }, call: () => Promise<unknown>): Promise<void> {
  const until = setup.clock.now() + FINISH_PATIENCE_MS;
  for (let pause = 100; ; pause = Math.min(5_000, pause * 2)) {
    try {
      await call();
      return;
    } catch (error) {
      if (setup.clock.now() > until) throw error;
      await setup.clock.sleep(pause);
    }
  }
}

class Attempt {
  readonly #setup: WorkerSetup;
  readonly #header: OperationHeader;
  readonly #task: TaskRecord;
  readonly #generation: number;
  readonly #abort = new AbortController();
  readonly #delivery: Delivery<TaskJob>;
  readonly #startedAt: number;
  /** Rows have the names of metrics, and a metric may have any: `__proto__` must be one like the others. */
  readonly #tally: Tally = Object.create(null) as Tally;
  readonly #notes: Note[] = [];
  readonly #counts: Record<string, number> = {};
  readonly #emitted: StageSpec[] = [];
  #progress: Progress | undefined;

  constructor(setup: WorkerSetup, header: OperationHeader, task: TaskRecord, generation: number, delivery: Delivery<TaskJob>) {
    this.#setup = setup;
    this.#header = header;
    this.#task = task;
    this.#generation = generation;
    this.#delivery = delivery;
    this.#startedAt = setup.clock.now();
  }

  async run(stalls: number): Promise<Outcome | GateClosed | 'handed-back' | 'superseded'> {
    const { clock, transport, log } = this.#setup;
    const task = { operation: this.#header.id, task: this.#task.id, generation: this.#generation };
    const stopBeating = new AbortController();
    const lost = (): void => this.#abort.abort(new Stopped('handed-back'));
    if (this.#delivery.signal.aborted) lost();
    this.#delivery.signal.addEventListener('abort', lost, { once: true });
    const unsubscribe = transport.subscribe((operation) => {
      if (operation === this.#header.id)
        this.#beat().catch((error: unknown) => log.warn({ ...task, err: error }, 'could not ask what is wanted'));
    });
    const beating = this.#keepBeating(stopBeating.signal);
    try {
      if (stalls >= POISON_DEATHS) throw PoisonTask({ task: this.#task.id, deaths: stalls });
      const end = await this.#call();
      // Too late to be stopped: what is done is done, and is told.
      return this.#outcome('ok', end);
    } catch (error) {
      const stopped = this.#abort.signal.reason;
      if (stopped instanceof Stopped && this.#abort.signal.aborted) {
        if (stopped.why === 'cancelled') return this.#outcome('cancelled');
        log.info({ ...task, why: stopped.why }, 'attempt stopped');
        return stopped.why;
      }
      if (error instanceof GateClosed) return error;
      const data = errorData(error);
      log.warn(
        error instanceof LongshoreError ? { ...task, code: data.code, message: data.message } : { ...task, err: error },
        'attempt failed',
      );
      return { ...this.#outcome('failed'), error: data };
    } finally {
      stopBeating.abort();
      unsubscribe();
      this.#delivery.signal.removeEventListener('abort', lost);
      await beating;
      if (!this.#abort.signal.aborted) this.#abort.abort(new Error(`the attempt is over at ${clock.now()}`));
    }
  }

  async #call(): Promise<TaskEnd | undefined> {
    const { registry, store } = this.#setup;
    if (this.#task.task === PLAN_TASK) {
      const kind = registry.kind(this.#header.kind);
      const draft = await kind.plan(this.#context(registry.parseParams(kind.name, this.#header.params), null) as TaskContext<unknown>);
      return { output: JSON.parse(JSON.stringify(draft)) as Json };
    }
    const definition = registry.tasks.get(this.#task.task) as TaskDefinition;
    const parsed = definition.params.safeParse(this.#task.params);
    if (!parsed.success)
      throw BadParams({ kind: definition.name, problems: parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) });
    const plan = await this.#plan(() => store.plan(this.#header.id));
    return definition.run(this.#context(parsed.data, plan?.data ?? null) as TaskContext<unknown>);
  }

  async #plan(read: () => Promise<StoredPlan | undefined>): Promise<StoredPlan | undefined> {
    const plansSeen = plansOf.get(this.#setup.store) ?? new Map<string, StoredPlan>();
    plansOf.set(this.#setup.store, plansSeen);
    const known = plansSeen.get(this.#header.id);
    if (known && known.hash === this.#header.planHash) return known;
    const plan = await read();
    if (plan) {
      if (plansSeen.size >= PLANS_KEPT) plansSeen.clear();
      plansSeen.set(this.#header.id, plan);
    }
    return plan;
  }

  #outcome(result: Outcome['result'], end?: TaskEnd): Outcome {
    const outcome: Outcome = {
      round: this.#task.round,
      generation: this.#generation,
      result,
      count: this.#counts,
      startedAt: this.#startedAt,
      endedAt: this.#setup.clock.now(),
    };
    if (result !== 'ok') return outcome;
    if (end?.output !== undefined) outcome.output = end.output;
    if (end?.followers) outcome.followers = end.followers;
    if (Object.keys(this.#tally).length > 0) outcome.tally = this.#tally;
    if (this.#notes.length > 0) outcome.notes = this.#notes;
    if (this.#emitted.length > 0) outcome.emit = this.#emitted;
    return outcome;
  }

  async #keepBeating(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#setup;
    for (;;) {
      try {
        await clock.sleep(BEAT_MS, signal);
      } catch {
        return;
      }
      try {
        await this.#beat();
      } catch (error) {
        log.warn({ operation: this.#header.id, task: this.#task.id, err: error }, 'could not tell that the attempt lives');
      }
    }
  }

  async #beat(): Promise<void> {
    const { store, clock } = this.#setup;
    const beat = await store.beat(this.#header.id, this.#task.id, this.#generation, clock.now(), this.#progress);
    if (beat.state === 'superseded') this.#abort.abort(new Stopped('superseded'));
    else if (beat.intent === 'cancel') this.#abort.abort(new Stopped('cancelled'));
  }

  #context(params: unknown, plan: Json): TaskContext<unknown> {
    const { store, clock, random, worker, log, spools, resolveTarget } = this.#setup;
    const { id, kind } = this.#header;
    const signal = this.#abort.signal;
    const taskId = this.#task.id;
    const generation = this.#generation;
    const spoolName = this.#task.placement === 'spool' ? this.#task.queue.slice(this.#task.queue.indexOf('.') + 1) : undefined;
    return {
      params,
      operation: { id, kind, params: this.#header.params },
      task: this.#task.unit === undefined ? { id: taskId } : { id: taskId, unit: this.#task.unit },
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
        if (!mount) throw new TypeError(`task ${taskId} has no spool here (${spoolName ?? 'none was given'})`);
        return mount;
      },
      progress: (done, total, unit) => {
        this.#progress = total === undefined ? { done, unit } : { done, total, unit };
      },
      count: (counter, by) => {
        this.#counts[counter] = (this.#counts[counter] ?? 0) + by;
      },
      tally: (row, column, by) => {
        if (!Number.isSafeInteger(by)) throw new TypeError(`a tally must be a whole number, not ${by} (${row}, ${column})`);
        const columns = this.#tally[row] ?? {};
        this.#tally[row] = columns;
        columns[column] = (columns[column] ?? 0) + by;
      },
      note: (note) => {
        this.#notes.push(note);
      },
      event: (type, text) => store.addEvent(id, { at: clock.now(), type, text }),
      checkpoint: {
        async load<T extends Json>() {
          const text = await store.loadCheckpoint(id, taskId);
          return text === undefined ? undefined : (JSON.parse(text) as T);
        },
        save: async (value) => {
          const kept = await store.saveCheckpoint(id, taskId, generation, JSON.stringify(value));
          if (!kept) this.#abort.abort(new Stopped('superseded'));
          signal.throwIfAborted();
        },
      },
      resultOf: async (task) => (await store.done(id, task))[0]?.output,
      report: async () => (await store.report(id)).rows,
      operationOf: async (other) => {
        const found = await store.header(other);
        return (
          found && {
            live: found.endedAt === undefined,
            state: found.state,
            spools: found.spools,
            planData: (await store.plan(other))?.data,
          }
        );
      },
      liveSpools: async (roles) => usableSpools(await store.workers(), roles),
      target: (name, system) => system.connect(resolveTarget(name, system.system), { clock, random, signal, log }),
      emit: (stages) => {
        this.#emitted.push(...stages);
      },
    };
  }
}

/** Plans of the operations this process works for; small, since few run at a time. */
const PLANS_KEPT = 64;
const plansOf: WeakMap<Store, Map<string, StoredPlan>> = new WeakMap();
