/** What must hold of the guarded kinds: looked at with every lease, every effect on the target, every commit, and at the end. */
import type { Change, GuardRecord, OperationSnapshot, Store } from '@longshore/core';
import type { Submission } from '../src/index.ts';
import type { World } from './simulation.ts';
import { shapeOf } from './simulation-shape.ts';
import { ACTION_MS, type Landed, type Sender, type SimulatedTarget } from './simulation-target.ts';

interface Hold {
  scope: string;
  token: number;
  /** It was given back, and nobody gets it before then. */
  freeAt?: number;
}

/** A check of the lease says nothing any more after this time. */
const CHECK_MS = 2_000;

const conflict = (a: string, b: string): boolean => a.startsWith(b) || b.startsWith(a);

export class GuardedChecks {
  readonly #world: World;
  readonly #target: SimulatedTarget;
  readonly #holds: Map<string, Hold> = new Map();
  /** How the target was when an operation had its lease and had not acted yet. */
  readonly #found: Map<string, { scope: string; state: string }> = new Map();
  readonly #guards: Map<string, GuardRecord[]> = new Map();
  /** When an operation last gave its lease back. */
  readonly #released: Map<string, number> = new Map();
  /** Commits under way that give leases back, with their quiet times: others may have them before the answer is here. */
  readonly #releasing: Map<string, number> = new Map();
  readonly #acted: Set<string> = new Set();
  readonly #moved: Set<string> = new Set();
  /** Operations that have ended, and were looked at then. */
  readonly #over: Set<string> = new Set();
  readonly #asked: Map<string, Submission['approvals']> = new Map();

  constructor(world: World, target: SimulatedTarget) {
    this.#world = world;
    this.#target = target;
    target.sending = (sender) => this.#sending(sender);
    target.landing = (landed) => this.#landing(landed);
    world.watch.looks.push((snapshot, change) => this.#look(snapshot, change));
  }

  #must(holds: boolean, what: string): void {
    if (!holds) this.#world.broken(what);
  }
  /** What was asked for, whatever became of it on the way to the store. */
  asked(number: number, approvals: Submission['approvals']): void {
    this.#asked.set(String(number), approvals);
  }

  store(store: Store): Store {
    const { clock } = this.#world;
    return {
      ...store,
      acquireLeases: async (id, wanted, now) => {
        const answer = await store.acquireLeases(id, wanted, now);
        if ('heldBy' in answer) return answer;
        for (const [at, { scope }] of wanted.entries()) {
          for (const [other, hold] of this.#holds)
            this.#must(
              other === id ||
                !conflict(hold.scope, scope) ||
                (hold.freeAt ?? this.#releasing.get(other) ?? Number.POSITIVE_INFINITY) <= clock.now(),
              `leases: ${id} got "${scope}" while ${other} had "${hold.scope}"`,
            );
          const token = answer.tokens[at]!;
          this.#must(token >= (this.#holds.get(id)?.token ?? 0), `leases: the token of ${id} went down`);
          this.#holds.set(id, { scope, token });
          if (!this.#acted.has(id)) this.#found.set(id, { scope, state: JSON.stringify(this.#target.stateOf(scope)) });
        }
        return answer;
      },
      releaseLeases: async (id, quietUntil) => {
        await store.releaseLeases(id, quietUntil);
        this.#givenBack(id, quietUntil);
      },
      commit: async (id, change) => {
        if (change.release) this.#releasing.set(id, change.release.quietUntil ?? 0);
        const done = await store.commit(id, change);
        this.#releasing.delete(id);
        if (done && change.release) this.#givenBack(id, change.release.quietUntil);
        return done;
      },
      writeJournal: async (id, task, generation, entry) => {
        const kept = await store.writeJournal(id, task, generation, entry);
        const [table, field] = entry.key.split('.') as [string, string];
        if (kept?.state === 'done' && field !== 'denial')
          this.#must(
            JSON.stringify(this.#target.get(table, field)) === JSON.stringify(entry.after),
            `confirmed: ${id}/${task} says that ${entry.key} is ${JSON.stringify(entry.after)}, and it is not`,
          );
        return kept;
      },
    };
  }

  #givenBack(id: string, quietUntil: number | undefined): void {
    const { clock } = this.#world;
    const hold = this.#holds.get(id);
    if (!hold) return;
    if (hold.freeAt === undefined) this.#released.set(id, clock.now());
    if (quietUntil !== undefined && quietUntil > clock.now()) hold.freeAt = Math.max(quietUntil, hold.freeAt ?? 0);
    else if ((hold.freeAt ?? 0) <= clock.now()) this.#holds.delete(id);
  }

  /** Who acts has asked whether it may, and not long ago. */
  #sending({ operation, task, generation, undo }: Sender): void {
    const { watch, clock } = this.#world;
    const last = watch.claims.get(`${operation}/${task}`)!;
    const since = clock.now() - last.at;
    this.#must(
      generation === last.generation || since <= CHECK_MS,
      `alone: ${operation}/${task}#${generation} acted ${since} ms after #${last.generation} took over`,
    );
    const hold = this.#holds.get(operation);
    const released = hold && hold.freeAt === undefined ? undefined : (this.#released.get(operation) ?? 0);
    this.#must(released === undefined || clock.now() - released <= CHECK_MS, `leases: ${operation}/${task} acted without one`);
    const header = watch.headers.get(operation)!;
    const stage = watch.plans.get(operation)!.stages.find(({ tasks }) => tasks?.some(({ id }) => id === task));
    // Nobody is asked before something is put right.
    if (undo || stage === undefined || stage.name === 'allow') return;
    const { number } = header.params as { number: number };
    const policy = this.#asked.get(String(number)) ?? 'none';
    const needed = policy === 'every-stage' || (policy === 'cutover' && stage.approval !== undefined);
    const given = header.approvals?.some((approval) => approval.stage === stage.name);
    this.#must(!needed || given === true, `approval: ${operation}/${task} acted, and nobody had approved ${stage.name}`);
  }

  #landing({ operation, task, table, field, add, set, undo, denied }: Landed): void {
    const { watch } = this.#world;
    const header = watch.headers.get(operation)!;
    const name = `${operation}/${task}`;
    for (const [other, { scope, freeAt }] of this.#holds)
      if (other !== operation && freeAt === undefined)
        this.#must(!conflict(scope, `${table}`), `alone: ${name} acted on ${table} while ${other} had it`);
    const same = JSON.stringify(this.#target.get(table, field)) === JSON.stringify(set);
    this.#must(header.state !== 'reverted' || same, `reverted: ${name} changed ${table}.${field} after all was taken back`);
    if (!this.#acted.has(operation)) {
      this.#acted.add(operation);
      const { route, moved } = watch.plans.get(operation)!.fingerprint as { route: string; moved: number };
      const same = this.#target.get(table, 'route') === route && this.#target.get(table, 'count-add-a') === moved;
      this.#must(same, `plan: ${name} began on a target that is not as its plan says`);
    }
    if (add !== undefined) {
      this.#must(!this.#moved.has(name), `once: ${name} moved ${table}.${field} on twice`);
      this.#moved.add(name);
    }
    const stage = watch.plans.get(operation)!.stages.find(({ tasks }) => tasks?.some(({ id }) => id === task));
    if (undo || stage === undefined || stage.name === 'allow') return;
    if (field === 'route') this.#must(denied, `guard: ${name} switched ${table} while writes were allowed`);
    // Who has taken a guard over answers for what still comes.
    const taken = this.#guards.get(operation)?.some(({ state }) => state === 'handed-over') === true;
    if (field === 'denial')
      this.#must(header.endedAt === undefined || taken, `denial: ${name} denied writes after the operation had ended`);
  }

  #look({ header, guards }: OperationSnapshot, change: Change): void {
    const { id } = header;
    const all = [...guards.values()];
    this.#guards.set(id, all);
    const open = all.filter(({ state }) => state === 'open');
    this.#must(header.state !== 'awaiting-approval' || open.length === 0, `waiting: ${id} waits for a person inside a guard`);
    for (const stage of header.stages)
      this.#must(stage.done + stage.failed + stage.skipped <= stage.total, `counts: ${id} has more of ${stage.name} than there is`);
    if (header.endedAt === undefined) this.#over.delete(id);
    // A scheduler that slept may commit once more to give back what it has just got again; others have worked on the target since.
    else if (change.header.state === header.state && !this.#over.has(id)) {
      this.#over.add(id);
      this.#ended(id, open);
    }
  }

  #ended(id: string, open: GuardRecord[]): void {
    this.#must(open.length === 0, `guard: ${id} has ended with ${open.length} guards open`);
    const found = this.#found.get(id);
    const hold = this.#holds.get(id);
    const header = this.#world.watch.headers.get(id)!;
    if (!found || hold === undefined || hold.freeAt !== undefined || header.startedAt === undefined) return;
    const before = JSON.parse(found.state) as { [field: string]: string };
    if (header.state === 'reverted') {
      const now = JSON.stringify(this.#target.stateOf(found.scope));
      this.#must(now === found.state, `reverted: ${id} found ${found.state} and left ${now}`);
    }
    const left = this.#guards.get(id)!.some(({ state }) => state === 'handed-over');
    for (const [field, value] of Object.entries(this.#target.stateOf(found.scope)))
      if (field.endsWith('.denial') && !left)
        this.#must(before[field] === value, `denial: ${id} has ended (${header.state}) and ${field} is ${value}`);
  }

  /** No guard is open much longer than it may be; asked of one that ran when nothing failed. */
  async checkInTime(id: string): Promise<void> {
    const { store, watch } = this.#world;
    const { number } = watch.headers.get(id)!.params as { number: number };
    const { maxMs } = shapeOf(this.#world.seed, number);
    const denied = this.#target.log.filter((one) => one.operation === id && one.field === 'denial');
    const lasted = (denied.at(-1)?.at ?? 0) - (denied[0]?.at ?? 0);
    this.#must(lasted <= maxMs + ACTION_MS, `guard: ${id} denied writes for ${lasted} ms, and ${maxMs} were allowed`);
    const { error } = (await store.header(id))!;
    this.#must(error?.code === 'LSH_GUARD_TIME', `guard: ${id} ended with ${error?.code ?? 'no error'}, though its time ran out`);
  }

  /** Of one operation that is over for good. */
  async check(id: string): Promise<void> {
    const { store, watch } = this.#world;
    const header = (await store.header(id))!;
    const { state } = header;
    const must = (holds: boolean, what: string): void => this.#must(holds, `${what} (${id}, ${state})`);
    const { tasks, attempts, outcomes } = (await store.load(id))!;
    must(tasks.size + attempts.size + outcomes.size === 0, `ends: tasks are left: ${[...tasks.keys(), ...attempts.keys()].join(' ')}`);
    must(header.intent === undefined && header.ending === undefined && header.attention === undefined, 'ends: something is still wanted');
    const events = await store.events(id, undefined, 10_000, 0);
    // The API may have slept before it told that it had taken this in.
    must(
      events.filter(({ type, text }) => type === 'state' && !text.startsWith('submitted')).at(-1)?.text === state || state === 'discarded',
      'counts: its last state event is another',
    );
    must(
      events.filter(({ type }) => type === 'task-retried').length === (header.counters.retries ?? 0),
      'counts: retries by events and by counter',
    );
    const again = events.some(({ text }) => text.startsWith('tried again'));
    const { rows } = await store.report(id);
    const done = new Map((await store.done(id)).map((record) => [record.id, record]));
    for (const [at, spec] of (watch.plans.get(id)?.stages ?? []).entries()) {
      const stage = header.stages[at]!;
      if (state === 'discarded') break;
      const ended = stage.done + stage.failed + stage.skipped;
      must(
        ended === stage.total,
        `counts: ${spec.name}: ${stage.done} done, ${stage.failed} failed, ${stage.skipped} skipped of ${stage.total}`,
      );
      if (state === 'succeeded') must(stage.done === stage.total && stage.total > 0, `counts: ${spec.name} is not done`);
      for (const { id: task, task: sort, undoes } of spec.tasks ?? []) {
        if (undoes !== undefined) continue;
        const ok = done.get(task)?.result === 'ok';
        const told = rows[task]?.done ?? 0;
        // Tried again by hand, what lies in a guard is done again, and so is what puts things away.
        must(
          again && ok ? told > 0 : again || told === (ok ? 1 : 0),
          `counts: ${task} is ${done.get(task)?.result} and reported ${told} times`,
        );
        if (sort === 'sim.add') must(!ok || this.#moved.has(`${id}/${task}`), `once: ${task} is done and moved nothing on`);
      }
    }
  }
  /** A person has ended by hand what could not be closed, and does so while nobody else has the table. */
  mend(id: string): void {
    const hold = this.#holds.get(id);
    const { table } = shapeOf(this.#world.seed, (this.#world.watch.headers.get(id)!.params as { number: number }).number);
    const taken = this.#guards.get(id)?.find(({ state, key }) => state === 'handed-over' && key === this.#target.get(table, 'denial'));
    if (taken && hold && hold.freeAt === undefined) this.#target.set(table, 'denial', taken.before);
  }
}
