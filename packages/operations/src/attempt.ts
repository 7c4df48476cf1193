/** One attempt at a task, from its claim to its outcome: heartbeat, orders, deadline, and the handler in the middle. */
import type {
  Claim,
  Delivery,
  ErrorData,
  Json,
  OperationHeader,
  Outcome,
  Store,
  StoredPlan,
  TaskContext,
  TaskDefinition,
  TaskEnd,
  TaskJob,
  TaskRecord,
} from '@longshore/core';
import { CLOSING_DEADLINE_MS, errorData, GateClosed, LongshoreError, TASK_DEADLINE_MS, UNDO_DEADLINE_MS } from '@longshore/core';
import { Findings, taskContext } from './context.ts';
import { PLAN_TASK } from './draft.ts';
import type { WorkerSetup } from './engine.ts';
import { BadParams, TaskTooLong } from './errors.ts';

/** How often a running attempt tells that it lives and asks what is wanted. */
const BEAT_MS = 2_000;

/** A handler that has been stopped and goes on all the same is left to itself after so long: it counts as lost, and can do nothing more here. */
const UNHEEDED_MS = 30_000;

/** One for all: an error made for each attempt would cost as much as the rest of its end. */
const OVER = new Error('the attempt is over');

class Stopped extends Error {
  readonly why: 'cancelled' | 'superseded' | 'handed-back' | 'too-long';
  constructor(why: Stopped['why']) {
    super(`the attempt was stopped: ${why}`);
    this.why = why;
  }
}

export class Attempt {
  readonly findings: Findings;
  readonly #setup: WorkerSetup;
  readonly #header: OperationHeader;
  readonly #task: TaskRecord;
  readonly #generation: number;
  readonly #deaths: number;
  readonly #over = new AbortController();
  readonly #unheeded = Promise.withResolvers<never>();
  readonly #abort = new AbortController();
  readonly #delivery: Delivery<TaskJob>;
  readonly #startedAt: number;
  /** When changes went out of which it does not know yet what came of them. */
  readonly #unsettled: Set<{ at: number }> = new Set();

  constructor(setup: WorkerSetup, claimed: Extract<Claim, { claim: 'yours' }>, delivery: Delivery<TaskJob>) {
    this.#setup = setup;
    this.#header = claimed.header;
    this.#task = claimed.task;
    this.#generation = claimed.generation;
    this.#deaths = claimed.deaths;
    this.#delivery = delivery;
    this.#startedAt = setup.clock.now();
    this.findings = new Findings(claimed.carried);
  }

  /** It has sent a change of which it never learned what came of it. */
  get isUnsettled(): boolean {
    return this.#unsettled.size > 0;
  }

  /** The outcome of an attempt that is not made. */
  refused(error: ErrorData): Outcome {
    return { ...this.#outcome('failed'), error };
  }

  async run(): Promise<Outcome | GateClosed | 'handed-back' | 'superseded'> {
    const { transport, log } = this.#setup;
    const task = { operation: this.#header.id, task: this.#task.id, generation: this.#generation };
    const lost = (): void => this.#stop('handed-back');
    if (this.#delivery.signal.aborted) lost();
    this.#delivery.signal.addEventListener('abort', lost, { once: true });
    const unsubscribe = transport.subscribe((operation) => {
      if (operation === this.#header.id)
        this.#beat().catch((error: unknown) => log.warn({ ...task, err: error }, 'could not ask what is wanted'));
    });
    const beating = this.#keepBeating(this.#over.signal);
    try {
      const end = await Promise.race([this.#call(), this.#unheeded.promise]);
      // Too late to be stopped: what is done is done, and is told.
      if (end?.error) return { ...this.#outcome('failed', end), error: errorData(end.error) };
      return this.#outcome('ok', end);
    } catch (error) {
      const stopped = this.#abort.signal.reason;
      if (stopped instanceof Stopped && this.#abort.signal.aborted) {
        if (stopped.why === 'cancelled') return this.#outcome('cancelled');
        if (stopped.why === 'too-long') return this.refused(TaskTooLong({ task: this.#task.id, ms: this.#deadlineMs }).data);
        log.info({ ...task, why: stopped.why }, 'attempt stopped');
        return stopped.why;
      }
      if (error instanceof GateClosed) return error;
      const data = errorData(error);
      log.warn(
        error instanceof LongshoreError ? { ...task, code: data.code, message: data.message } : { ...task, err: error },
        'attempt failed',
      );
      return this.refused(data);
    } finally {
      this.#over.abort(OVER);
      unsubscribe();
      this.#delivery.signal.removeEventListener('abort', lost);
      await beating;
      if (!this.#abort.signal.aborted) this.#abort.abort(OVER);
    }
  }

  #stop(why: Stopped['why']): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(new Stopped(why));
    const { clock, log } = this.#setup;
    const leave = (): void => {
      log.error({ operation: this.#header.id, task: this.#task.id, why }, 'a task does not heed its signal, and is left to itself');
      this.#unsettled.add({ at: clock.now() });
      this.#unheeded.reject(this.#abort.signal.reason);
    };
    clock.sleep(UNHEEDED_MS, this.#over.signal).then(leave, () => undefined);
  }

  get #deadlineMs(): number {
    const own = this.#setup.registry.tasks.get(this.#task.task)?.deadlineMs ?? TASK_DEADLINE_MS;
    if (this.#task.closes !== undefined) return Math.min(own, CLOSING_DEADLINE_MS);
    return this.#task.undoes === undefined ? own : Math.min(own, UNDO_DEADLINE_MS);
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
    const plan = await planOf(store, this.#header);
    const context = this.#context(parsed.data, plan?.data ?? null);
    const { undoes } = this.#task;
    if (undoes === undefined) return definition.run(context);
    if (typeof definition.undo !== 'function') throw new TypeError(`${definition.name} has no undo`);
    await definition.undo(context, { record: (await store.done(this.#header.id, undoes))[0] });
    return undefined;
  }

  #outcome(result: Outcome['result'], end?: TaskEnd): Outcome {
    const { tally, notes, counts, emitted } = this.findings;
    const outcome: Outcome = {
      round: this.#task.round,
      generation: this.#generation,
      result,
      startedAt: this.#startedAt,
      endedAt: this.#setup.clock.now(),
    };
    if (Object.keys(counts).length > 0) outcome.count = counts;
    if (this.#deaths > 0) outcome.deaths = this.#deaths;
    if (this.#unsettled.size > 0) outcome.unsettledAt = Math.max(...[...this.#unsettled].map(({ at }) => at));
    if (end?.output !== undefined) outcome.output = end.output;
    if (result !== 'ok') return outcome;
    if (end?.followers) outcome.followers = end.followers;
    if (Object.keys(tally).length > 0) outcome.tally = tally;
    if (notes.length > 0) outcome.notes = notes;
    if (emitted.length > 0) outcome.emit = emitted;
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
      if (clock.now() - this.#startedAt >= this.#deadlineMs) this.#stop('too-long');
      try {
        await this.#beat();
      } catch (error) {
        log.warn({ operation: this.#header.id, task: this.#task.id, err: error }, 'could not tell that the attempt lives');
      }
    }
  }

  async #beat(): Promise<void> {
    const { store, clock } = this.#setup;
    const beat = await store.beat(this.#header.id, this.#task.id, this.#generation, clock.now(), this.findings.progress);
    if (beat.state === 'superseded') this.#stop('superseded');
    else if (beat.order === 'cancel') this.#stop('cancelled');
  }

  #context(params: unknown, plan: Json): TaskContext<unknown> {
    const scope = {
      setup: this.#setup,
      header: this.#header,
      task: this.#task,
      generation: this.#generation,
      signal: this.#abort.signal,
      superseded: () => this.#stop('superseded'),
      handBack: () => this.#stop('handed-back'),
      ask: () => this.#beat(),
      sending: (at: number) => {
        const change = { at };
        this.#unsettled.add(change);
        return () => void this.#unsettled.delete(change);
      },
    };
    return taskContext(scope, this.findings, params, plan);
  }
}

/** Plans of the operations this process works for; small, since few run at a time. */
const PLANS_KEPT = 64;
const plansOf: WeakMap<Store, Map<string, Promise<StoredPlan | undefined>>> = new WeakMap();

/** Asked for once, by however many tasks that begin together: a plan may be large. */
async function planOf(store: Store, { id, planHash }: OperationHeader): Promise<StoredPlan | undefined> {
  const plansSeen = plansOf.get(store) ?? new Map<string, Promise<StoredPlan | undefined>>();
  plansOf.set(store, plansSeen);
  const name = `${id} ${planHash}`;
  const known = plansSeen.get(name);
  if (known) return known;
  if (plansSeen.size >= PLANS_KEPT) plansSeen.clear();
  const asked = store.plan(id);
  plansSeen.set(name, asked);
  try {
    const plan = await asked;
    if (!plan) plansSeen.delete(name);
    return plan;
  } catch (error) {
    plansSeen.delete(name);
    throw error;
  }
}
