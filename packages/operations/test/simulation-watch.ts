/** What must hold of every operation at every step, whatever it does: looked at as the store changes. */
import type { Change, ManualClock, OperationHeader, OperationSnapshot, Store, StoredPlan } from '@longshore/core';
import { FINAL_STATES, LIVE_UNITS } from '@longshore/core';

/** In calm weather a ring, or a job, has come after this time; less than a sweep needs to find what was lost. */
const PROMPT_MS = 3_000;

export interface Watched {
  readonly clock: ManualClock;
  /** Since when nothing fails any more and whatever was frozen is awake. */
  readonly calmSince: number | undefined;
  trace(line: string): void;
  broken(what: string): void;
}

export class Watch {
  readonly #world: Watched;
  readonly ids: string[] = [];
  readonly headers: Map<string, OperationHeader> = new Map();
  readonly plans: Map<string, StoredPlan> = new Map();
  /** The last attempt of each task, and since when it is that. */
  readonly claims: Map<string, { generation: number; at: number }> = new Map();
  /** What else is looked at after each commit. */
  readonly looks: ((snapshot: OperationSnapshot, change: Change) => void)[] = [];
  /** Work that waits for a worker, and outcomes that wait for a scheduler: since when. */
  readonly #due: Map<string, number> = new Map();

  constructor(world: Watched) {
    this.#world = world;
  }

  get over(): boolean {
    return this.ids.every((id) => this.headers.get(id)?.endedAt !== undefined);
  }

  /** In calm weather nothing lies about until a sweep finds it. */
  checkPromptness(): void {
    const { calmSince, clock } = this.#world;
    if (calmSince === undefined) return;
    for (const [what, since] of this.#due)
      if (since > calmSince && clock.now() - since > PROMPT_MS)
        this.#world.broken(`prompt: ${what} has waited for ${clock.now() - since} ms`);
  }

  store(store: Store): Store {
    const { clock, broken } = { clock: this.#world.clock, broken: (what: string) => this.#world.broken(what) };
    return {
      ...store,
      create: async (header, key) => {
        const made = await store.create(header, key);
        if (made.created) {
          this.ids.push(made.id);
          this.headers.set(made.id, header);
        }
        return made;
      },
      claim: async (id, task, round, worker, now) => {
        const claim = await store.claim(id, task, round, worker, now);
        if (claim.claim !== 'yours') return claim;
        const key = `${id}/${task}`;
        this.#due.delete(`the job of ${key}`);
        if (claim.generation <= (this.claims.get(key)?.generation ?? 0)) broken(`generations: ${key} got an old one again`);
        if (claim.task.round !== round) broken(`rounds: ${key} was begun by a job of another round`);
        if ((claim.task.notBefore ?? 0) > clock.now()) broken(`pauses: ${key} was begun before its time`);
        this.claims.set(key, { generation: claim.generation, at: clock.now() });
        return claim;
      },
      finish: async (id, task, outcome) => {
        const taken = await store.finish(id, task, outcome);
        if (taken && outcome.generation !== this.claims.get(`${id}/${task}`)?.generation)
          broken(`generations: ${id}/${task} was ended by an attempt long replaced`);
        if (taken) this.#due.set(`the outcome of ${id}/${task}`, clock.now());
        return taken;
      },
      commit: async (id, change) => {
        const done = await store.commit(id, change);
        if (done) await this.#look(store, id, change);
        return done;
      },
    };
  }

  async #look(store: Store, id: string, change: Change): Promise<void> {
    const snapshot = (await store.load(id))!;
    const { header, tasks } = snapshot;
    const { clock } = this.#world;
    this.headers.set(id, header);
    if (change.plan) this.plans.set(id, change.plan);
    for (const task of change.drop ?? []) for (const what of ['job', 'outcome']) this.#due.delete(`the ${what} of ${id}/${task}`);
    for (const task of change.put ?? []) {
      this.#due.delete(`the outcome of ${id}/${task.id}`);
      if (task.state === 'queued') this.#due.set(`the job of ${id}/${task.id}`, Math.max(clock.now(), task.notBefore ?? 0));
    }
    const plan = this.plans.get(id);
    const spec = plan?.stages[header.stage];
    const live = new Set([...tasks.values()].flatMap(({ unit }) => (unit === undefined ? [] : [unit])));
    const running = [...this.headers.values()].filter(({ endedAt }) => endedAt === undefined).length;
    const allowed = Math.min(spec?.concurrency ?? 0, Math.max(2, Math.floor(LIVE_UNITS / Math.max(1, running))));
    const must = (holds: boolean, what: string): void => {
      if (!holds) this.#world.broken(what);
    };
    must(live.size <= allowed, `share: ${id} has ${live.size} units live, and ${allowed} are allowed`);
    must(!FINAL_STATES.has(header.state) || tasks.size === 0, `ends: ${id} is ${header.state} and still has tasks`);
    const heldBack = header.state === 'paused' && header.startedAt === undefined;
    must(!heldBack || tasks.size === 0, `pauses: ${id} was paused before it began, and still has tasks`);
    const total = header.stages.length;
    must(!plan || total === plan.stages.length, `stages: ${id} has ${total} stage states for ${plan?.stages.length} stages`);
    this.#world.trace(
      `${id} ${header.state}${header.intent ? ` (${header.intent})` : ''} stage ${header.stage}: ${[...tasks.keys()].join(' ')}`,
    );
    for (const { type, text } of change.events ?? []) if (type !== 'state' && type !== 'stage') this.#world.trace(`  ${type}: ${text}`);
    for (const look of this.looks) look(snapshot, change);
  }
}
