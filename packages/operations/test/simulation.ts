/**
 * The real engine in a world that fails: two schedulers, three workers, an API and people on the in-memory ports. By a seed, every call
 * of a port may be late, fail before or after its effect, or be the last of its process; processes freeze and wake; jobs come twice or
 * get lost; rings get lost. After a while all that stops, everything comes back, and what must hold is checked.
 */
import type { Handled, MemoryTransport, Random, Store, SystemPackage, Target } from '@longshore/core';
import { ManualClock, memoryStore, memoryTransport, seededRandom } from '@longshore/core';
import type { Engine, Registry, Service, WorkerSetup } from '../src/index.ts';
import { advance, createRegistry, createService, runTask, sweep } from '../src/index.ts';
import { type Bugs, NO_BUGS, type Sabotage, sabotage } from './simulation-bugs.ts';
import { LOCK_MS, Process, quiet, type Surroundings, type Weather, weatherOf } from './simulation-process.ts';
import { Watch } from './simulation-watch.ts';

/** Faults stop after this much of the world's time; everything must be over within the second. */
const STORM_MS = 90_000;
const PATIENCE_MS = 1_800_000;
const SWEEP_MS = 5_000;
const PRESENCE_MS = 2_000;
const CONCURRENCY = 3;
/** Far more than any moment needs. */
const CALLS_A_MOMENT = 20_000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a world is about: the kinds that run in it, what people do with them, and what must have come of it. */
export interface Work {
  system: SystemPackage;
  /** Of its workers; one that ends in a dot is there once per spool. */
  queues: readonly string[];
  /** Looks at what goes to the store. */
  store?(store: Store): Store;
  /** While the storm lasts, and after it until the world ends. */
  people(): Promise<void>;
  /** After the storm, when all is over: what is run and checked last. Gets a way to wait until all is over again. */
  finale(settle: () => Promise<void>): Promise<void>;
}

export interface WorldOptions {
  bugs?: Bugs;
  weather?: Weather;
  stormMs?: number;
  /** False: what waits in calm weather may wait; somebody dies on purpose. */
  prompt?: boolean;
  /** Places at a target, for tasks that name theirs. */
  places?: number;
  /** Resolves when nothing is under way but what waits for time to go on. In memory that is one turn of the event loop. */
  idle?: () => Promise<void>;
  called?: Surroundings['called'];
  ports?: (clock: ManualClock) => { store: Store; transport: MemoryTransport };
}

export interface Ended {
  /** Steps of time the world made. */
  steps: number;
  states: Record<string, number>;
}

export class World implements Surroundings {
  readonly seed: number;
  readonly clock: ManualClock = new ManualClock();
  readonly random: Random;
  readonly weather: Weather;
  readonly store: Store;
  readonly transport: MemoryTransport;
  readonly registry: Registry;
  readonly work: Work;
  readonly watch: Watch;
  readonly processes: Map<string, Process> = new Map();
  readonly lines: string[] = [];
  readonly sabotage: Sabotage;
  readonly #options: WorldOptions;
  readonly #startedAt: number;
  #broken: Error | undefined;
  /** Calls of ports since time last went on. */
  #calls = 0;
  #expected = 0;
  /** What people have asked and the API has not answered. */
  readonly #asked: Set<{ api: Process }> = new Set();
  stormy = true;
  calmSince: number | undefined;
  readonly called: Surroundings['called'];

  constructor(seed: number, work: (world: World) => Work, options: WorldOptions = {}) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.#options = options;
    this.called = options.called;
    this.#startedAt = this.clock.now();
    this.weather = options.weather ?? weatherOf(this.random);
    this.watch = new Watch(this);
    this.sabotage = sabotage(this, options.bugs ?? NO_BUGS);
    const ports = options.ports?.(this.clock) ?? { store: memoryStore(this.clock), transport: memoryTransport(this.clock) };
    this.transport = ports.transport;
    this.work = work(this);
    const watched = this.watch.store(this.sabotage.store(ports.store));
    this.store = this.work.store?.(watched) ?? watched;
    this.registry = createRegistry([this.work.system]);
  }

  get now(): number {
    return this.clock.now() - this.#startedAt;
  }
  trace(line: string): void {
    this.lines.push(`${String(this.now).padStart(8)} ${line}`);
  }
  counted(): boolean {
    this.#calls += 1;
    if (this.#calls > CALLS_A_MOMENT) this.broken('ends: it goes round and round, and time stands still');
    return this.#calls <= CALLS_A_MOMENT;
  }
  broken(what: string): void {
    this.#broken ??= new Error(what);
  }

  #engine(process: Process): Engine {
    const { registry, random } = this;
    const ports = this.sabotage.ports(process.store(), process.transport());
    return { ...ports, registry, clock: process.clock, random, log: quiet };
  }

  /** A new process under this name; the old one, if it still lives, is not heard of again. */
  #process(name: string): Process {
    const process = new Process(this, name);
    this.processes.set(name, process);
    return process;
  }

  #startScheduler(name: string): void {
    const process = this.#process(name);
    const engine = this.#engine(process);
    const rings = this.transport.consumeRings(2, async (id) => {
      await process.seen(advance(engine, id), () => {
        throw new Error('the scheduler fell silent');
      });
    });
    process.stop = () => void rings.stop(0);
    if (this.sabotage.bugs.has('no-sweep')) return;
    const loop = async (): Promise<void> => {
      for (;;) {
        await process.clock.sleep(SWEEP_MS);
        await sweep(engine).catch((error: unknown) => this.trace(`${name}: the sweep failed: ${String(error)}`));
      }
    };
    void loop();
  }

  #startWorker(name: string, spools: string[]): void {
    const process = this.#process(name);
    const setup: WorkerSetup = {
      ...this.#engine(process),
      worker: name,
      spools: new Map(spools.map((spool) => [spool, { name: spool, path: `/${spool}` }])),
      resolveTarget: (): Target => ({ name: '', system: '', address: '', settings: {}, secrets: {} }),
      placesOf: () => this.#options.places,
      at: async (effect, when) => {
        this.called?.(process, `effect ${effect}`, when);
        await process.awake();
      },
    };
    const queues = this.work.queues.flatMap((queue) => (queue.includes('.') ? spools.map((spool) => `${queue}${spool}`) : [queue]));
    const consumers = queues.map((queue) =>
      this.transport.consume(queue, CONCURRENCY, async (delivery): Promise<Handled> => {
        const id = `${delivery.data.operation}.${delivery.data.task}.${delivery.data.round}`;
        if (this.stormy && this.random.next() < this.weather.lost / 4) {
          this.trace(`the job ${id} is lost`);
          return 'done';
        }
        this.trace(`${name} takes ${id}`);
        const work = runTask(setup, delivery);
        if (this.stormy && this.random.next() < this.weather.twice) void this.#repeat(queue, id);
        return process.seen(work, () => ({ delayMs: 0 }));
      }),
    );
    process.stop = () => {
      for (const consumer of consumers) void consumer.stop(0);
    };
    const announce = async (): Promise<void> => {
      for (;;) {
        await process.awake();
        for (const role of ['dumper', 'restorer'] as const) {
          const now = this.clock.now();
          const busy = { tasks: [], concurrency: CONCURRENCY, busy: 0, spools };
          await this.store.announce(
            { worker: `${name}.${role}`, role, host: 'h', pid: 1, startedAt: now, seenAt: now, ...busy },
            4 * PRESENCE_MS,
          );
        }
        await this.clock.sleep(PRESENCE_MS);
      }
    };
    // Without spools nobody asks who is there.
    if (queues.length > this.work.queues.length) void announce();
  }

  async #repeat(queue: string, id: string): Promise<void> {
    await this.clock.sleep(Math.ceil(this.random.next() * 4_000));
    if (this.stormy && this.transport.repeat(queue, id)) this.trace(`the job ${id} comes twice`);
  }

  #start(name: string): void {
    if (name.startsWith('scheduler')) this.#startScheduler(name);
    else if (name === 'api') this.#process(name);
    else this.#startWorker(name, name === 'worker-3' ? ['b'] : ['a', 'b']);
  }

  /** One thing a person asks of the API; undefined where no answer came. A refusal is an answer. */
  async ask<T>(request: (service: Service) => Promise<T>): Promise<T | undefined> {
    const api = this.processes.get('api')!;
    const service = createService(this.#engine(api));
    const asked = this.sabotage.service(request)(service);
    // Given up, it may still be answered when the API wakes.
    const pending = { api };
    this.#asked.add(pending);
    const answered = asked.finally(() => this.#asked.delete(pending));
    const patience = this.clock.sleep(10_000).then(() => undefined);
    try {
      return await Promise.race([answered, patience]);
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === undefined && !(error as Error).message.startsWith('the connection broke')) throw error;
      this.trace(`a person is told ${code ?? (error as Error).message}`);
      return undefined;
    }
  }
  /** Something is still to be asked for, until the answer is called. */
  expect(): () => void {
    this.#expected += 1;
    return () => {
      this.#expected -= 1;
    };
  }
  get #over(): boolean {
    return this.#expected === 0 && this.watch.over && [...this.#asked].every(({ api }) => !api.alive);
  }

  /** Lets the world live until `over`, one moment at a time. */
  async #live(over: () => boolean, untilMs: number): Promise<number> {
    for (let steps = 0; ; steps += 1) {
      await (this.#options.idle ?? turn)();
      this.watch.checkPromptness();
      if (this.#broken) throw this.#broken;
      if (over()) return steps;
      const next = this.clock.next;
      if (next === undefined) throw new Error('ends: nothing is left to happen, and it is not over');
      if (next - this.#startedAt > untilMs) throw new Error(`ends: not over after ${untilMs / 1000} s of the world's time`);
      this.#calls = 0;
      this.clock.advance(next - this.clock.now());
      this.transport.wake();
    }
  }

  async run(): Promise<Ended> {
    const { stormMs = STORM_MS } = this.#options;
    for (const name of ['api', 'scheduler-1', 'scheduler-2', 'worker-1', 'worker-2', 'worker-3']) this.#start(name);
    const fail = (error: Error): void => {
      this.#broken ??= error;
    };
    void this.work.people().catch(fail);
    const revive = async (): Promise<void> => {
      for (;;) {
        await this.clock.sleep(1_000);
        for (const { name, alive } of [...this.processes.values()])
          if (!alive && (!this.stormy || this.random.next() < 0.2)) {
            this.trace(`${name} comes back`);
            this.#start(name);
          }
      }
    };
    void revive();
    let steps = await this.#live(() => this.now >= stormMs, stormMs * 2);
    this.stormy = false;
    this.trace('the storm is over');
    let awake = this.clock.now();
    for (const process of this.processes.values()) {
      process.frozenUntil = Math.min(process.frozenUntil, this.clock.now() + LOCK_MS * 2);
      awake = Math.max(awake, process.frozenUntil);
    }
    steps += await this.#live(() => this.#over, PATIENCE_MS);
    let ended = false;
    let settled: (() => void) | undefined;
    const settle = (): Promise<void> =>
      new Promise((resolve) => {
        settled = resolve;
      });
    if (this.#options.prompt !== false) this.calmSince = Math.max(awake, this.clock.now());
    if (this.clock.now() < awake) await this.#live(() => this.clock.now() >= awake, PATIENCE_MS);
    void this.work.finale(settle).then(() => {
      ended = true;
    }, fail);
    steps += await this.#live(() => {
      if (settled !== undefined && this.#over) {
        settled();
        settled = undefined;
      }
      return ended;
    }, PATIENCE_MS * 2);
    const states: Record<string, number> = {};
    for (const { state } of this.watch.headers.values()) states[state] = (states[state] ?? 0) + 1;
    return { steps, states };
  }
}
