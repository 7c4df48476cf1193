/**
 * The guarded kinds of the simulation: counters are moved on, writes are denied, a route is switched, the denial is lifted or left to
 * somebody who agreed to it.
 */
import type { Journal, Json, KindDefinition, PlanDraft, SystemPackage, TaskContext, TaskEnd, TaskSpec, Undone } from '@longshore/core';
import { defineKind, defineTask, GateClosed, LongshoreError } from '@longshore/core';
import { z } from 'zod';
import type { Process } from './simulation-process.ts';
import { mannerOf, type Script, type Shape, shapeOf, stagesOf } from './simulation-shape.ts';
import { ACTION_MS, type Sender, type SimulatedTarget, type Write } from './simulation-target.ts';

export const TARGET = 'svc';

const Params = z.strictObject({ name: z.string(), table: z.string(), key: z.string().optional() });
type Params = z.infer<typeof Params>;
export type Context = TaskContext<Params>;

/** The second of two that wait for each other moves the same counter on: taken back in the wrong order it would be left moved. */
function counterOf(name: string): string {
  return name === 'add-c' ? 'count-add-a' : `count-${name}`;
}

const trouble = (retryable: boolean): LongshoreError =>
  new LongshoreError({ code: 'LSH_SIMULATED', message: 'the seed wants it so', fix: 'nothing', retryable, exitCode: 1 });

/** Set by planted bugs. */
export interface Handling {
  context?(context: Context, undoing: boolean): Context;
  kind?(kind: KindDefinition): KindDefinition;
}

export class GuardedWork {
  readonly #seed: number;
  readonly #target: SimulatedTarget;
  readonly #processOf: (worker: string) => Process;
  readonly #tries: Map<string, number> = new Map();
  readonly #script: Script;
  readonly #agreed: Map<string, string> = new Map();

  constructor(seed: number, target: SimulatedTarget, processOf: (worker: string) => Process, script: Script = {}) {
    this.#script = script;
    this.#seed = seed;
    this.#target = target;
    this.#processOf = processOf;
  }

  #shape(number: number): Shape {
    return { ...shapeOf(this.#seed, number), ...this.#script.shape };
  }

  /** Reads and writes of one field, as a handler makes them. */
  #client(context: Context, field: string, undo: boolean) {
    const { params, operation, task, generation, worker, lease, signal } = context;
    const process = this.#processOf(worker);
    return {
      observe: () => this.#target.read(process, params.table, field),
      write: (change: Pick<Write, 'set' | 'add'>): Promise<void> => {
        const sender: Sender = { operation: operation.id, task: task.id, generation, token: lease.token(TARGET), undo };
        return this.#target.send(process, sender, { table: params.table, field, ...change }, signal);
      },
    };
  }

  /** A task as the seed wants it, around what it does. */
  #task(name: string, run: (context: Context) => Promise<Json | undefined>, undo?: (context: Context, undone: Undone) => Promise<void>) {
    return (handling: Handling, attempts: number) =>
      defineTask<Params>({
        name: `sim.${name}`,
        role: 'migrator',
        params: Params,
        targets: () => [TARGET],
        retry: { attempts, firstPauseMs: 500, maxPauseMs: 2_000 },
        deadlineMs: 120_000,
        undo: undo
          ? (context, undone) => undo(handling.context?.(context, true) ?? context, undone)
          : { none: 'there is nothing to be taken back' },
        run: async (given): Promise<TaskEnd | undefined> => {
          const context = handling.context?.(given, false) ?? given;
          const { operation, params, clock, signal } = context;
          const { number } = operation.params as { number: number };
          const manner = { ...mannerOf(this.#seed, number, params.name), ...this.#script.manners?.[params.name] };
          const key = `${operation.id}/${params.name}`;
          const tries = (this.#tries.get(key) ?? 0) + 1;
          this.#tries.set(key, tries);
          if (tries <= manner.gates) throw new GateClosed('target', 'it is busy', 700);
          const bad = manner.gates + manner.flaky;
          if (tries <= bad) throw trouble(true);
          if (manner.fatal === 'before' && tries <= bad + 1) throw trouble(false);
          if (manner.ms > 0) await clock.sleep(manner.ms, signal);
          const output = await run(context);
          if (manner.fatal === 'after' && tries <= bad + 1) throw trouble(false);
          context.tally(params.name, 'done', 1);
          return output === undefined ? undefined : { output };
        },
      });
  }

  /** What it takes back: the entry that says what was there before. Absent: nothing was begun. */
  async #entry(journal: Journal, key: string) {
    return (await journal.entries()).find((entry) => entry.key === key);
  }

  /** Who came first to a counter: once an attempt was told, all are told the same. */
  async #agree({ store, operation, task, generation }: Context, field: string): Promise<void> {
    const stands = await store.agree(operation.id, new Map([[field, `${task.id} ${generation}`]]));
    const fact = `${operation.id}/${field}`;
    const told = stands.get(field)!;
    const before = this.#agreed.get(fact) ?? told;
    this.#agreed.set(fact, before);
    if (told !== before) throw new Error(`agree: ${fact} is ${told}, and was ${before}`);
  }

  readonly #add = async (context: Context): Promise<Json> => {
    const { clock, journal, generation, signal } = context;
    const field = counterOf(context.params.name);
    await this.#agree(context, field);
    const { observe, write } = this.#client(context, field, false);
    const key = `${context.params.table}.${field}`;
    const earlier = await this.#entry(journal, key);
    // Moving on twice would be wrong: whatever an earlier attempt may have sent has come or will never come.
    if (earlier?.state === 'intent' && earlier.generation !== generation) await clock.sleep(ACTION_MS + 2_000, signal);
    const before = (earlier?.before ?? (await observe())) as number;
    return context.effect({
      key,
      what: 'the counter is moved on',
      observe,
      wanted: before + 1,
      act: () => write({ add: 1 }),
      deadlineMs: 20_000,
    });
  };

  readonly #undoSet = async (context: Context, field: string): Promise<void> => {
    const key = `${context.params.table}.${field}`;
    const entry = await this.#entry(context.journal, key);
    if (!entry) return;
    const { observe, write } = this.#client(context, field, true);
    // Of two denials the second found the first: what was there before is what the guard knows.
    const guard = context.params.key === undefined ? undefined : await context.guard.find(context.params.key);
    const wanted = guard?.before ?? entry.before;
    await context.effect({
      key,
      what: `${field} is as before`,
      observe,
      wanted,
      act: () => write({ set: wanted }),
      always: true,
      deadlineMs: 20_000,
    });
  };

  readonly #deny = async (context: Context): Promise<undefined> => {
    const { params, guard, operation } = context;
    const { number } = operation.params as { number: number };
    const { maxMs } = this.#shape(number);
    const key = params.key!;
    const { observe, write } = this.#client(context, 'denial', false);
    const replaced = key === 'deny-2' ? await guard.find('deny') : undefined;
    const before = replaced?.before ?? (await observe());
    await guard.open({
      key,
      what: `writes to ${params.table} are denied (${key})`,
      target: TARGET,
      before,
      after: key,
      maxMs,
      close: { task: 'sim.lift', params: { name: 'lift', table: params.table, key } },
      ...(replaced ? { replaces: 'deny' } : {}),
      heir: 'somebody',
    });
    await context.effect({
      key: `${params.table}.denial`,
      what: 'writes are denied',
      observe,
      wanted: key,
      act: () => write({ set: key }),
      deadlineMs: 20_000,
    });
    return undefined;
  };

  readonly #lift = async (context: Context, always: boolean): Promise<undefined> => {
    const { params, guard } = context;
    const found = (await guard.find(params.key!))!;
    const { observe, write } = this.#client(context, 'denial', false);
    const wanted = found.before;
    const act = (): Promise<void> => write({ set: wanted });
    await context.effect({
      key: `${params.table}.denial`,
      what: 'writes are as before',
      observe,
      wanted,
      act,
      deadlineMs: 20_000,
      ...(always ? { always } : {}),
    });
    const { number } = context.operation.params as { number: number };
    const late = always && this.#script.late && (await this.#client(context, 'route', false).observe()) === `r${number}`;
    if (late) await guard.replaced(params.key!, 'the route leads elsewhere');
    else await guard.close(params.key!);
    return undefined;
  };

  readonly #route = async (context: Context): Promise<Json> => {
    const { number } = context.operation.params as { number: number };
    const { observe, write } = this.#client(context, 'route', false);
    const wanted = `r${number}`;
    return context.effect<Json>({
      key: `${context.params.table}.route`,
      what: 'the route is switched',
      observe,
      wanted,
      act: () => write({ set: wanted }),
      deadlineMs: 20_000,
    });
  };

  readonly #survey = async (context: Context): Promise<undefined> => {
    const { table } = context.params;
    const more = (id: string): TaskSpec => ({ id, task: 'sim.add', params: { name: id, table }, placement: 'role' });
    context.emit([{ name: 'more', title: 'more', concurrency: 2, tasks: [more('add-x'), more('add-y')] }]);
    return undefined;
  };

  system(handling: Handling = {}): SystemPackage {
    const { attempts } = this.#shape(0);
    const tasks = [
      this.#task('add', this.#add, (context) => this.#undoSet(context, counterOf(context.params.name))),
      this.#task('survey', this.#survey),
      this.#task('wait', async ({ checkpoint }) => {
        await checkpoint.save('waited');
        return undefined;
      }),
      this.#task('deny', this.#deny, (context) => this.#undoSet(context, 'denial')),
      this.#task('route', this.#route, (context) => this.#undoSet(context, 'route')),
      this.#task('allow', (context) => this.#lift(context, false)),
      this.#task('lift', (context) => this.#lift(context, true)),
      this.#task('leave', async ({ guard, params }) => {
        await guard.handOver(params.key!);
        return undefined;
      }),
    ].map((make) => make(handling, attempts));
    const kind = defineKind<{ number: number }>({
      name: 'sim.switch',
      title: 'a simulated switch',
      role: 'migrator',
      params: z.strictObject({ number: z.number() }),
      tolerant: false,
      guarded: true,
      actionMs: ACTION_MS,
      columns: ['done'],
      plan: async ({ params, worker }): Promise<PlanDraft> => {
        const shape = this.#shape(params.number);
        const process = this.#processOf(worker);
        const [route, moved] = [
          await this.#target.read(process, shape.table, 'route'),
          await this.#target.read(process, shape.table, 'count-add-a'),
        ];
        return {
          summary: [],
          stages: stagesOf(shape),
          expect: {},
          data: null,
          leases: [{ target: TARGET, scope: shape.scope }],
          fingerprint: { route, moved },
        };
      },
      conclude: () => ({ ok: true }),
    });
    return { name: 'sim', kinds: [handling.kind?.(kind) ?? kind], tasks };
  }
}
