/** One process of the simulated fleet, and the ports as it has them: by the weather of a seed every call may be late, fail, or be its last. */
import type { Clock, Log, ManualClock, MemoryTransport, Random, Store, Transport } from '@longshore/core';

/** A queue takes a job away from a worker that has been silent for so long. */
export const LOCK_MS = 30_000;

export const quiet: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const never = <T>(): Promise<T> => Promise.withResolvers<T>().promise;

/** How likely each fault is, in this seed. Some seeds are calm in some ways, so that rare orders of events get their chance. */
export interface Weather {
  late: number;
  fails: number;
  dies: number;
  freezes: number;
  twice: number;
  lost: number;
}

export const CALM: Weather = { late: 0, fails: 0, dies: 0, freezes: 0, twice: 0, lost: 0 };

export function weatherOf(random: Random): Weather {
  const often = (most: number): number => (random.next() < 0.3 ? 0 : random.next() ** 2 * most);
  return { late: often(0.5), fails: often(0.06), dies: often(0.01), freezes: often(0.015), twice: often(0.15), lost: often(0.2) };
}

/** What a process sees of its world. */
export interface Surroundings {
  readonly clock: ManualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly store: Store;
  readonly transport: MemoryTransport;
  readonly stormy: boolean;
  trace(line: string): void;
  /** Counts a call of this moment; false when there have been so many that the world would never go on. */
  counted(): boolean;
  /** Told of every call of a port that changes or asks something, before and after; a test of crash points lets the process die there. */
  readonly called?: ((process: Process, call: string, when: 'before' | 'after') => void) | undefined;
}

/** Dead, its pending calls never return; frozen, they return when it wakes. */
export class Process {
  readonly world: Surroundings;
  readonly name: string;
  alive = true;
  frozenUntil = 0;
  /** Resolves when the queue takes its jobs away: some time after it died or froze. */
  #lost = Promise.withResolvers<void>();
  stop: () => void = () => undefined;

  constructor(world: Surroundings, name: string) {
    this.world = world;
    this.name = name;
  }

  /** Resolves when the process may go on; never when it is dead. */
  async awake(): Promise<void> {
    while (this.alive && this.frozenUntil > this.world.clock.now()) await this.world.clock.sleep(this.frozenUntil - this.world.clock.now());
    if (!this.alive) await never();
  }
  die(): void {
    if (!this.alive) return;
    this.world.trace(`${this.name} dies`);
    this.alive = false;
    this.stop();
    void this.#loseJobs();
  }
  freeze(ms: number): void {
    this.world.trace(`${this.name} freezes for ${ms} ms`);
    this.frozenUntil = this.world.clock.now() + ms;
    if (ms > LOCK_MS) void this.#loseJobs();
  }
  async #loseJobs(): Promise<void> {
    await this.world.clock.sleep(LOCK_MS);
    const lost = this.#lost;
    this.#lost = Promise.withResolvers();
    lost.resolve();
  }

  /** What the queue sees of a piece of work: how it ended, or that its worker fell silent. */
  async seen<T>(work: Promise<T>, silent: () => T): Promise<T> {
    const gone = this.#lost.promise.then(silent);
    return Promise.race([work, gone]);
  }

  /** One call of a port, with whatever may befall it. */
  async call<T>(what: string, effect: () => Promise<T>): Promise<T> {
    await this.awake();
    if (!this.world.counted()) await never();
    await this.befall(`before ${what}`);
    this.world.called?.(this, what, 'before');
    await this.awake();
    const result = await effect();
    this.world.called?.(this, what, 'after');
    await this.befall(`after ${what}`);
    return result;
  }
  async befall(when: string): Promise<void> {
    const { weather, random, clock, stormy } = this.world;
    if (stormy) {
      if (random.next() < weather.dies) this.die();
      else if (random.next() < weather.freezes) this.freeze(1_000 + Math.floor(random.next() * 90_000));
      else if (random.next() < weather.late) await clock.sleep(Math.ceil(random.next() ** 4 * 3_000));
    }
    await this.awake();
    this.#mayFail(when);
  }
  /** As a call begins that cannot be held up any more: it fails, or it is the last of its process. */
  async leap(when: string): Promise<void> {
    const { weather, random, stormy } = this.world;
    if (stormy && random.next() < weather.dies) this.die();
    if (!this.alive) await never();
    this.#mayFail(when);
  }
  #mayFail(when: string): void {
    const { weather, random, stormy } = this.world;
    if (stormy && random.next() < weather.fails) {
      this.world.trace(`${this.name}: the connection breaks ${when}`);
      throw new Error(`the connection broke ${when}`);
    }
  }

  get clock(): Clock {
    const { clock } = this.world;
    return {
      now: () => clock.now(),
      sleep: async (ms, signal) => {
        try {
          await clock.sleep(ms, signal);
        } finally {
          await this.awake();
        }
      },
    };
  }

  /** The store as this process has it. */
  store(): Store {
    const { store } = this.world;
    return new Proxy(store, {
      get: (target, method, receiver) => {
        const found: unknown = Reflect.get(target, method, receiver);
        if (typeof found !== 'function') return found;
        return (...args: unknown[]) =>
          this.call(`store.${String(method)}(${String(args[1] ?? args[0] ?? '')})`, () => Reflect.apply(found, target, args));
      },
    });
  }
  transport(): Transport {
    const { transport, weather, random } = this.world;
    return {
      ...transport,
      add: (queue, jobs) =>
        jobs.length === 0 ? Promise.resolve() : this.call(`transport.add(${queue})`, () => transport.add(queue, jobs)),
      ring: (operation, delayMs) =>
        this.call('transport.ring', async () => {
          if (this.world.stormy && random.next() < weather.lost) this.world.trace(`a ring of ${operation} is lost`);
          else await transport.ring(operation, delayMs);
        }),
      publish: (operation) => this.call('transport.publish', () => transport.publish(operation)),
      subscribe: (listener) =>
        transport.subscribe((operation) => {
          if (this.alive && this.frozenUntil <= this.world.clock.now()) listener(operation);
        }),
    };
  }
}
