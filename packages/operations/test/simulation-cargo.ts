/** The work of the simulation: operations of every shape, tasks that misbehave as a seed wants it, and what must have come of them. */
import type { Clock, OperationHeader, PlanDraft, Random, StageSpec, Store, SystemPackage, TaskContext, TaskEnd } from '@longshore/core';
import { defineKind, defineTask, FINAL_STATES, GateClosed, LongshoreError, seededRandom } from '@longshore/core';
import { z } from 'zod';

type Params = { name: string; unit?: number | undefined };

const trouble = (retryable: boolean): LongshoreError =>
  new LongshoreError({ code: 'LSH_SIMULATED', message: 'the seed wants it so', fix: 'nothing', retryable, exitCode: 1 });

/** How one task behaves, always the same for one seed, operation and name. */
interface Manner {
  flaky: number;
  gates: number;
  ms: number;
  fatal: boolean;
  skips: boolean;
  emits: boolean;
}

export class Cargo {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock: Clock;
  /** What happened outside, `operation/task`: set, never counted, so that twice is harmless. */
  readonly #effects: Set<string> = new Set();
  readonly #tries: Map<string, number> = new Map();
  readonly #leases: { target: string; scope: string }[];

  constructor(seed: number, random: Random, clock: Clock) {
    this.#seed = seed;
    this.#random = random;
    this.#clock = clock;
    this.#leases = random.next() < 0.3 ? [] : [{ target: 'sink', scope: '' }];
  }

  #manner(operation: OperationHeader['params'], name: string): Manner {
    const { number } = operation as { number: number };
    let hash = this.#seed * 31 + number;
    for (const letter of name) hash = (hash * 33 + letter.charCodeAt(0)) | 0;
    const random = seededRandom(hash);
    const some = (chance: number): boolean => random.next() < chance;
    return {
      flaky: some(0.2) ? Math.ceil(random.next() * 3) : 0,
      gates: some(0.15) ? Math.ceil(random.next() * 4) : 0,
      ms: some(0.5) ? 0 : Math.ceil(random.next() ** 3 * 20_000),
      fatal: number !== 99 && (name.startsWith('r') || name === 'prepare-1') && some(0.06),
      skips: name.startsWith('d') && some(0.1),
      emits: name === 'count' && some(0.5),
    };
  }

  #stages(number: number): StageSpec[] {
    const random = seededRandom(this.#seed * 7 + number);
    const plain = (id: string, after?: string) => ({
      id,
      task: 'sim.task',
      params: { name: id },
      placement: 'role' as const,
      ...(after === undefined ? {} : { after }),
    });
    const stages: StageSpec[] = [];
    if (random.next() < 0.7)
      stages.push({
        name: 'prepare',
        title: 'prepare',
        concurrency: 1 + Math.floor(random.next() * 2),
        tasks: [plain('prepare-1'), plain('prepare-2', 'prepare-1'), plain('prepare-3', 'prepare-2'), plain('prepare-4')],
      });
    stages.push({
      name: 'move',
      title: 'move',
      concurrency: 1 + Math.floor(random.next() * 4),
      bulk: { count: Math.floor(random.next() * 12), params: { redo: 0 } },
      ...(random.next() < 0.6 ? { upkeep: { task: 'sim.upkeep', params: { name: 'upkeep' }, everyMs: 4_000 } } : {}),
    });
    stages.push({ name: 'count', title: 'count', concurrency: 1, tasks: [plain('count')] });
    stages.push({ name: 'tidy', title: 'tidy', concurrency: 1, tasks: [plain('tidy')], always: true });
    return stages;
  }

  readonly #run = async (context: TaskContext<Params>): Promise<TaskEnd | undefined> => {
    const { operation, params, signal, clock, checkpoint, generation } = context;
    const key = `${operation.id}/${params.name}`;
    const tries = (this.#tries.get(key) ?? 0) + 1;
    this.#tries.set(key, tries);
    const manner = this.#manner(operation.params, params.name);
    if (params.name.startsWith('r') && params.unit !== undefined && !this.#effects.has(`${operation.id}/d${params.unit}`))
      throw new TypeError(`${key} was begun before its dump had ended`);
    context.progress(0, 1, 'things');
    if (tries <= manner.gates) throw new GateClosed('space', 'no room', 500 + Math.floor(3_000 * this.#random.next()));
    if (tries <= manner.gates + manner.flaky) throw trouble(true);
    const before = await checkpoint.load<number>();
    if (before !== undefined && before > generation) throw new TypeError(`${key} sees the checkpoint of a later attempt`);
    await checkpoint.save(generation);
    if (manner.ms > 0) await clock.sleep(manner.ms, signal);
    if (manner.fatal) throw trouble(false);
    this.#effects.add(key);
    if (params.unit !== undefined && params.name.startsWith('r')) {
      context.tally(`unit-${params.unit}`, 'restored', 1);
      context.tally(`row-${params.unit % 3}`, 'points', params.unit + 1);
    }
    if (manner.emits)
      context.emit([
        { name: 'again', title: 'again', concurrency: 2, bulk: { count: 3, params: { redo: 1 }, only: [0, 2] } },
        {
          name: 'count-1',
          title: 'count-1',
          concurrency: 1,
          tasks: [{ id: 'count-1', task: 'sim.task', params: { name: 'count-1' }, placement: 'role' }],
        },
      ]);
    return manner.skips ? { followers: 'skip' } : undefined;
  };

  get system(): SystemPackage {
    const task = (name: string, queue?: string) =>
      defineTask<Params>({
        name,
        role: queue === 'restore' ? 'restorer' : 'dumper',
        ...(queue === undefined ? {} : { queue }),
        params: z.looseObject({ name: z.string(), unit: z.number().optional() }),
        // What the storm breaks must not use the tries up.
        retry: { attempts: 10_000, firstPauseMs: 500, maxPauseMs: 4_000 },
        undo: { none: 'what was moved stays' },
        run: this.#run,
      });
    const kind = defineKind({
      name: 'sim.move',
      title: 'a simulated move',
      role: 'dumper',
      params: z.strictObject({ number: z.number() }),
      tolerant: true,
      columns: ['restored'],
      plan: async ({ params, clock }): Promise<PlanDraft> => {
        await clock.sleep(200);
        return { summary: [], stages: this.#stages(params.number), expect: {}, data: { number: params.number }, leases: this.#leases };
      },
      // A second round has the same units under the same names, and counts nothing.
      expand: (_plan, stage, index) => {
        const { redo } = stage.bulk!.params as { redo: number };
        const unit = redo === 0 ? { unit: index } : {};
        return [
          { id: `d${index}`, task: 'sim.dump', params: { name: `d${index}`, ...unit }, placement: 'spool' },
          { id: `r${index}`, task: 'sim.restore', params: { name: `r${index}`, ...unit }, placement: 'spool', after: `d${index}` },
        ];
      },
      conclude: () => ({ ok: true }),
    });
    return {
      name: 'sim',
      kinds: [kind],
      tasks: [task('sim.task'), task('sim.dump', 'dump'), task('sim.restore', 'restore'), task('sim.upkeep', 'restore')],
    };
  }

  /** What must hold of an operation that is over. Throws what does not. */
  async check(store: Store, header: OperationHeader): Promise<void> {
    const { id, state } = header;
    const must = (holds: boolean, what: string): void => {
      if (!holds) throw new Error(`${id} (${state}): ${what}`);
    };
    const { tasks, attempts, outcomes } = (await store.load(id))!;
    must(FINAL_STATES.has(state) && header.endedAt !== undefined, 'has not ended');
    must(tasks.size + attempts.size + outcomes.size === 0, `tasks are left: ${[...tasks.keys(), ...attempts.keys()].join(' ')}`);
    must(header.intent === undefined && header.ending === undefined, 'still wants something');
    const events = await store.events(id, undefined, 10_000, 0);
    const told = events.filter(({ type, text }) => type === 'state' && !text.startsWith('submitted'));
    must(told.at(-1)?.text === state || state === 'discarded', 'its last state event is another');

    const plan = await store.plan(id);
    const done = await store.done(id);
    for (const [at, stage] of header.stages.entries()) {
      const ended = stage.done + stage.failed + stage.skipped;
      must(ended === stage.total, `${stage.name}: ${stage.done} done, ${stage.failed} failed, ${stage.skipped} skipped of ${stage.total}`);
      if (state === 'discarded') continue;
      const spec = plan!.stages[at]!;
      if (spec.always && header.startedAt !== undefined)
        must(stage.done === stage.total && stage.total > 0, `${stage.name} did not run to its end`);
      if (state === 'succeeded' && !spec.bulk) must(stage.done === stage.total, `${stage.name} is not done`);
    }
    for (const record of done)
      must(
        record.result !== 'ok' || record.stage < 0 || this.#effects.has(`${id}/${record.id}`),
        `${record.id} is done without its effect`,
      );

    const { rows } = await store.report(id);
    const move = plan?.stages.find(({ name }) => name === 'move');
    const points: Record<string, number> = {};
    let restored = 0;
    for (let unit = 0; unit < (move?.bulk?.count ?? 0); unit += 1) {
      const counted = rows[`unit-${unit}`]?.restored ?? 0;
      const [dump, restore] = [this.#manner(header.params, `d${unit}`), this.#manner(header.params, `r${unit}`)];
      must(counted === 0 || counted === 1, `unit ${unit} is counted ${counted} times`);
      if (state === 'succeeded') must(counted === (dump.skips || restore.fatal ? 0 : 1), `unit ${unit} is counted ${counted} times`);
      if (counted === 0) continue;
      must(this.#effects.has(`${id}/r${unit}`), `unit ${unit} is counted without its effect`);
      restored += 1;
      points[`row-${unit % 3}`] = (points[`row-${unit % 3}`] ?? 0) + unit + 1;
    }
    for (const row of ['row-0', 'row-1', 'row-2'])
      must((rows[row]?.points ?? 0) === (points[row] ?? 0), `${row} has ${rows[row]?.points} points`);
    const stage = header.stages.find(({ name }) => name === 'move');
    must(restored <= (stage?.done ?? 0), `${restored} units restored, but ${stage?.done} are done`);
    must(this.#clock.now() >= (header.endedAt ?? 0), 'it ended in the future');
  }
}
