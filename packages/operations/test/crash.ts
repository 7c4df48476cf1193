/** Processes that die at a chosen step: from then on nothing of them reaches a store or a queue. */
import type { Delivery, Handled, TaskJob } from '@longshore/core';
import type { Engine, WorkerSetup } from '../src/index.ts';
import { advance, runTask } from '../src/index.ts';

/** The n-th call of any process to its store or transport: it dies right before, or right after the call took effect. */
export interface Death {
  at: number;
  when: 'before' | 'after';
}

export interface Crashes {
  /** Calls made so far. */
  calls: number;
  /** Who died, and at what; once at most. */
  died?: string;
  deliver(worker: WorkerSetup, delivery: Delivery<TaskJob>): Promise<Handled>;
  advance(engine: Engine, id: string): Promise<void>;
}

const NEVER = new Promise<never>(() => undefined);

export function crashes(death: () => Death | undefined): Crashes {
  const one: Crashes = {
    calls: 0,
    async deliver(worker, delivery) {
      const process = alive('worker');
      const run = runTask({ ...worker, ...process.ports(worker) }, delivery);
      return Promise.race([run, process.dead]);
    },
    async advance(engine, id) {
      const process = alive('scheduler');
      // The ring dies with it: only the sweep finds what it left.
      await Promise.race([advance({ ...engine, ...process.ports(engine) }, id), process.dead.catch(() => undefined)]);
    },
  };
  const alive = (role: string) => {
    const end = Promise.withResolvers<never>();
    // Nobody may be left to hear of it.
    end.promise.catch(() => undefined);
    let dead = false;
    const die = (what: string): Promise<never> => {
      dead = true;
      one.died = what;
      end.reject(new Error(what));
      return NEVER;
    };
    const wrap = <T extends object>(port: T): T =>
      new Proxy(port, {
        get(target, name) {
          const method: unknown = Reflect.get(target, name);
          if (typeof method !== 'function' || name === 'subscribe') return method;
          return (...args: unknown[]): unknown => {
            if (dead) return NEVER;
            const { at, when } = death() ?? { at: -1, when: 'before' };
            const call = one.calls;
            one.calls += 1;
            const what = `${role} ${when} call ${call}: ${String(name)}`;
            if (call === at && when === 'before') return die(what);
            const answer: unknown = Reflect.apply(method, target, args);
            return call === at ? Promise.resolve(answer).then(() => die(what)) : answer;
          };
        },
      });
    const ports = ({ store, transport }: Engine): Pick<Engine, 'store' | 'transport'> => ({
      store: wrap(store),
      transport: wrap(transport),
    });
    return { dead: end.promise, ports };
  };
  return one;
}
