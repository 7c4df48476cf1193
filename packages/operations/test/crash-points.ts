/**
 * Every place at which a process may die in the life of a guarded operation: each call of a port that changes something, each request to
 * the target, each effect. The list is taken from a run without deaths; then the same world is run once for each, with the process that
 * makes the call dying before or after it, and coming back.
 */
import type { OperationState } from '@longshore/core';
import type { Work, WorldOptions } from './simulation.ts';
import { World } from './simulation.ts';
import { submit } from './simulation-people.ts';
import { CALM, type Process } from './simulation-process.ts';
import type { Script } from './simulation-shape.ts';
import { ACTION_MS } from './simulation-target.ts';
import { guardedWorkWith } from './simulation-works.ts';
import { STORE_METHODS } from './store-writes.ts';

export interface Scenario {
  name: string;
  script: Script;
  /** What people do; tried again until it has come about, whoever dies meanwhile. */
  play(stage: Stage): Promise<void>;
  ends: OperationState;
}

export interface Point {
  /** Its place among the calls of the run, from 0. */
  at: number;
  /** `store.commit`, `transport.ring`, `target.write`, `effect sim.deny/t1.denial` */
  call: string;
  /** Who made it. */
  process: string;
}

export interface Death {
  at: number;
  when: 'before' | 'after';
}

/** What a scenario may do. */
export class Stage {
  readonly world: World;
  readonly id: string;
  readonly #settle: () => Promise<void>;

  constructor(world: World, id: string, settle: () => Promise<void>) {
    this.world = world;
    this.id = id;
    this.#settle = settle;
  }
  get state(): OperationState {
    return this.world.watch.headers.get(this.id)!.state;
  }
  settle(): Promise<void> {
    return this.#settle();
  }
  /** Asks until it is so. */
  async until(isSo: () => boolean, ask: (stage: Stage) => Promise<unknown> = async () => undefined): Promise<void> {
    while (!isSo()) {
      await ask(this);
      await this.world.clock.sleep(500);
    }
  }
  approveAll(): Promise<void> {
    return this.until(
      () => this.state !== 'awaiting-approval' && this.world.watch.headers.get(this.id)!.approvals !== undefined,
      async () => {
        if (this.state === 'awaiting-approval')
          await this.world.ask((service) => service.approve(this.id, { by: 'somebody', reason: 'it is time' }));
      },
    );
  }
  /** Until it has been taken back, or `isFar` enough on the way. */
  async takeBack(isFar: () => boolean = () => false): Promise<void> {
    await this.until(
      () => ['reverting', 'awaiting-approval', 'reverted'].includes(this.state),
      () => this.world.ask((service) => service.revert(this.id, 'person')),
    );
    // A dangerous step is among what is taken back.
    await this.until(
      () => this.state === 'reverted' || isFar(),
      async () => {
        if (this.state === 'awaiting-approval')
          await this.world.ask((service) => service.approve(this.id, { by: 'somebody', reason: 'back again' }));
      },
    );
  }
}

type Manners = NonNullable<Script['manners']>;

const LONG = { maxMs: 3_600_000, attempts: 10_000, table: 't1', scope: 't1', handsOver: false } as const;
const STEADY = { gates: 0, flaky: 0, fatal: undefined, ms: 0 } as const;
const TASKS = ['add-a', 'add-b', 'add-c', 'add-d', 'survey', 'add-x', 'add-y', 'deny', 'deny-2', 'drain', 'route', 'allow', 'tidy', 'lift'];
const steady = (others: Manners = {}): Manners => ({
  ...Object.fromEntries(TASKS.map((task) => [task, STEADY])),
  ...others,
});

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'goes well, and is taken back',
    script: { shape: { ...LONG, survey: true, replaces: true }, manners: steady({ drain: { ...STEADY, gates: 1 } }) },
    async play(stage) {
      await stage.approveAll();
      await stage.settle();
      await stage.takeBack();
    },
    ends: 'reverted',
  },
  {
    name: 'fails inside its guard, and is tried again',
    script: { shape: { ...LONG, survey: false, replaces: false }, manners: steady({ route: { ...STEADY, fatal: 'after' } }) },
    async play(stage) {
      await stage.approveAll();
      await stage.settle();
      await stage.until(
        () => stage.state !== 'failed',
        () => stage.world.ask((service) => service.retry(stage.id, 'person')),
      );
      await stage.until(
        () => stage.world.watch.headers.get(stage.id)?.endedAt !== undefined,
        async () => {
          if (stage.state === 'awaiting-approval')
            await stage.world.ask((service) => service.approve(stage.id, { by: 'somebody', reason: 'once more' }));
        },
      );
    },
    ends: 'succeeded',
  },
  {
    name: 'is stopped on its way back, and goes on with it later',
    script: { shape: { ...LONG, survey: false, replaces: false }, manners: steady() },
    async play(stage) {
      await stage.approveAll();
      await stage.settle();
      const taken = (): number => stage.world.watch.headers.get(stage.id)!.stages.find(({ name }) => name === 'revert')?.done ?? 0;
      await stage.takeBack(() => taken() > 0);
      await stage.until(
        () => stage.state === 'failed' || stage.state === 'reverted',
        () => stage.world.ask((service) => service.act(stage.id, 'cancel', 'person')),
      );
      if (stage.state === 'failed') await stage.takeBack();
    },
    ends: 'reverted',
  },
  {
    name: 'is held back before it begins, and cancelled when it asks',
    script: { shape: { ...LONG, survey: false, replaces: false }, manners: steady() },
    async play(stage) {
      await stage.until(
        () => stage.state === 'paused',
        () => stage.world.ask((service) => service.act(stage.id, 'pause', 'person')),
      );
      await stage.until(
        () => !['paused', 'submitted', 'planned'].includes(stage.state),
        () => stage.world.ask((service) => service.act(stage.id, 'resume', 'person')),
      );
      await stage.until(() => stage.state === 'awaiting-approval');
      await stage.until(
        () => stage.state === 'cancelled',
        () => stage.world.ask((service) => service.act(stage.id, 'cancel', 'person')),
      );
    },
    ends: 'cancelled',
  },
  {
    name: 'fails when its switch has been made, and goes on',
    script: { shape: { ...LONG, survey: false, replaces: false }, manners: steady({ route: { ...STEADY, fatal: 'after' } }), late: true },
    async play(stage) {
      await stage.approveAll();
      await stage.settle();
    },
    ends: 'succeeded',
  },
  {
    name: 'is cancelled inside its guard',
    script: { shape: { ...LONG, survey: false, replaces: false }, manners: steady({ drain: { ...STEADY, ms: 60_000 } }) },
    async play(stage) {
      await stage.approveAll();
      const stageName = (): string | undefined =>
        stage.world.watch.headers.get(stage.id)?.stages.find(({ state }) => state === 'running')?.name;
      await stage.until(() => stageName() === 'drain');
      await stage.until(
        () =>
          ['cancel', 'cancelled'].some((word) =>
            [stage.state, stage.world.watch.headers.get(stage.id)?.intent, stage.world.watch.headers.get(stage.id)?.ending].includes(
              word as never,
            ),
          ),
        () => stage.world.ask((service) => service.act(stage.id, 'cancel', 'person')),
      );
      await stage.settle();
    },
    ends: 'cancelled',
  },
];

/** Ways in which real ports differ from those in memory: what makes them, and how one waits until nothing is under way. Or a planted bug. */
export type Ports = Pick<WorldOptions, 'ports' | 'idle' | 'bugs'>;

function workOf(scenario: Scenario): (world: World) => Work {
  return (world) => {
    const work = guardedWorkWith(world, scenario.script);
    return {
      ...work,
      people: async () => undefined,
      async finale(settle) {
        const { checks } = work;
        checks.asked(0, 'cutover');
        const id = await submit(world, { kind: 'sim.switch', params: { number: 0 }, owner: 'person', approvals: 'cutover' });
        await scenario.play(new Stage(world, id, settle));
        await settle();
        await world.clock.sleep(2 * ACTION_MS);
        await checks.check(id);
        const { state } = world.watch.headers.get(id)!;
        if (state !== scenario.ends) throw new Error(`ends: it ended ${state}, not ${scenario.ends}`);
      },
    };
  };
}

/** What of a call's name says which it is, without ids. */
function nameOf(call: string): string {
  return call.startsWith('effect ') ? call : call.replace(/\(.*/s, '');
}

function changes(call: string): boolean {
  const [port, method] = nameOf(call).split('.') as [string, string];
  if (port === 'store') return STORE_METHODS[method as keyof typeof STORE_METHODS] === 'writes';
  return port !== 'target' || method === 'write';
}

async function run(scenario: Scenario, die: Death | undefined, ports: Ports): Promise<{ world: World; points: Point[] }> {
  const points: Point[] = [];
  let chosen: { process: Process; call: string } | undefined;
  let died = false;
  const called = (process: Process, call: string, when: 'before' | 'after'): void => {
    if (!changes(call)) return;
    if (when === 'before') {
      if (points.length === die?.at) chosen = { process, call };
      points.push({ at: points.length, call: nameOf(call), process: process.name.replace(/-\d+$/, '') });
    }
    if (died || die?.when !== when || chosen?.process !== process || chosen.call !== call) return;
    died = true;
    process.die();
  };
  const world = new World(1, workOf(scenario), { ...ports, weather: CALM, stormMs: 0, prompt: false, places: 3, called });
  await world.run();
  if (die && !died) throw new Error('the point never came');
  return { world, points };
}

/** All points of a run in which nobody dies. */
export async function pointsOf(scenario: Scenario, ports: Ports = {}): Promise<Point[]> {
  return (await run(scenario, undefined, ports)).points;
}

/** One run with one death; throws where an invariant breaks. */
export async function dieAt(scenario: Scenario, die: Death, ports: Ports = {}): Promise<void> {
  await run(scenario, die, ports);
}
