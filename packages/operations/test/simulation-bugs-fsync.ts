/** A store that answers before it has written: now and then it crashes, and comes back without its last writes. */
import type { Store } from '@longshore/core';
import { memoryStore, seededRandom } from '@longshore/core';
import type { World } from './simulation.ts';
import { STORE_METHODS } from './store-writes.ts';

const EVERY_MS = 20_000;
const LOST_AT_MOST = 12;

interface Written {
  at: number;
  method: keyof Store;
  args: unknown[];
}

export function forgetful(world: World): Store {
  const random = seededRandom(world.seed);
  const log: Written[] = [];
  let replayed: number | undefined;
  const clock = { now: () => replayed ?? world.clock.now(), sleep: (ms: number, signal?: AbortSignal) => world.clock.sleep(ms, signal) };
  let store = memoryStore(clock);
  const apply = ({ method, args }: Pick<Written, 'method' | 'args'>): unknown =>
    Reflect.apply(store[method] as (...given: unknown[]) => unknown, store, args);
  const crash = (): void => {
    const lost = log.splice(Math.max(0, log.length - 1 - Math.floor(random.next() * LOST_AT_MOST)));
    world.trace(`the store crashes and forgets ${lost.length} writes`);
    store = memoryStore(clock);
    // In memory each write is made before its call returns.
    for (const written of log) {
      replayed = written.at;
      void apply(written);
    }
    replayed = undefined;
  };
  const crashes = async (): Promise<void> => {
    while (world.stormy) {
      await world.clock.sleep(Math.ceil(random.next() * EVERY_MS));
      if (world.stormy) crash();
    }
  };
  void crashes();
  const methods = Object.keys(STORE_METHODS) as (keyof Store)[];
  return Object.fromEntries(
    methods.map((method) => [
      method,
      (...args: unknown[]) => {
        if (STORE_METHODS[method] === 'writes') log.push({ at: world.clock.now(), method, args: structuredClone(args) });
        return apply({ method, args });
      },
    ]),
  ) as { [method in keyof Store]: Store[method] };
}
