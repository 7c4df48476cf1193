/** The real engine on in-memory ports, with two workers, between two Pegasus stand-ins, on a clock that runs fast. */
import type { Clock, Consumer, MemoryTransport, OperationHeader, Store } from '@longshore/core';
import { memoryStore, memoryTransport, seededRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import type { Engine, Service, Submission, WorkerSetup } from '@longshore/operations';
import { advance, createRegistry, createService, runTask, sweep } from '@longshore/operations';
import { pegasus } from '@longshore/pegasus';
import type { PegasusOptions, PegasusStandIn } from '@longshore/sandbox';
import { startPegasus } from '@longshore/sandbox';
import { fastClock } from './fast-clock.ts';
import { mortal } from './mortal-store.ts';

/** How many times faster than the world. */
const SPEED = 12;
const SWEEP_MS = 4_000;
const LANES = 4;

/** Called around every effect of every attempt: `pegasus.deny-writes/deny`. */
export type Around = (effect: string, when: 'before' | 'after') => Promise<void>;

export interface PegasusFleet extends AsyncDisposable {
  clock: Clock;
  store: Store;
  transport: MemoryTransport;
  service: Service;
  source: PegasusStandIn;
  target: PegasusStandIn;
  around: Around;
  /** The worker that makes this effect dies at it; nothing of it reaches the store or a target any more. Its work goes to another. */
  dieAt(effect: string, when: 'before' | 'after'): Death;
  /** As `dieAt`, but it only stands still, until it is told to go on. */
  freezeAt(effect: string, when: 'before' | 'after'): Frozen;
  submit(submission: Omit<Submission, 'owner'>): Promise<string>;
  /** Resolves when the operation is over, or `until` holds. */
  finished(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
  run(submission: Omit<Submission, 'owner'>, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
}

export interface Death {
  struck(): boolean;
}
export interface Frozen extends Death {
  thaw(): void;
}

export interface FleetOptions {
  /** For one call to a ZooKeeper that is named (`node`), ms of the world. */
  zooKeeperMs?: number;
  source?: Partial<PegasusOptions>;
  target?: Partial<PegasusOptions>;
  speed?: number;
}

/** Servers whose timers are a tenth of the real ones. */
export const TENTH = {
  syncMs: 1_000,
  configSyncMs: 3_000,
  snapshotMs: 1_000,
  storeMs: 500,
  groupCheckMs: 10_000,
  commitMs: 50,
  statsMs: 2_000,
  copyMs: 2_000,
};
/** The same, as the parameters of a migration. */
export const TENTH_PARAMS = { configSyncMs: 3_000, dupSyncMs: 1_000, pollMs: 500, stuckMs: 30_000, maxDenialMs: 200_000 };

export async function startPegasusFleet({
  source = {},
  target = {},
  speed = SPEED,
  zooKeeperMs = 600,
}: FleetOptions = {}): Promise<PegasusFleet> {
  const clock = fastClock(speed);
  const to = await startPegasus({ name: 'onebox2', times: TENTH, clock, ...target });
  const from = await startPegasus({
    name: 'onebox',
    times: TENTH,
    clock,
    tables: [{ name: 'temp', partitions: 4, committed: 100 }],
    ...source,
  });
  from.state.neighbours.set(to.state.settings.name, to.state);
  to.state.neighbours.set(from.state.settings.name, from.state);
  const store = memoryStore(clock);
  const transport = memoryTransport(clock);
  const engine: Engine = { store, transport, registry: createRegistry([pegasus]), clock, random: seededRandom(1), log: silentLog };
  const service = createService(engine);
  const consumers: Consumer[] = [
    transport.consumeRings(2, (id) => advance(engine, id)),
    transport.consumeSweeps(SWEEP_MS, () => sweep(engine)),
  ];
  const fleet: PegasusFleet = {
    clock,
    store,
    transport,
    service,
    source: from,
    target: to,
    around: async () => undefined,
    dieAt: () => ({ struck: () => false }),
    freezeAt: () => ({ struck: () => false, thaw: () => undefined }),
    submit: async (submission) => (await service.submit({ owner: 'tester', ...submission })).id,
    run: async (submission, until) => fleet.finished(await fleet.submit(submission), until),
    async finished(id, until = (header) => header.endedAt !== undefined) {
      let after: string | undefined;
      for (;;) {
        const header = await store.header(id);
        if (header && until(header)) return header;
        const events = await store.events(id, after, 500, 500);
        after = events.at(-1)?.id ?? after;
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(consumers.map((consumer) => consumer.stop(0)));
      await transport.close();
      await from.close();
      await to.close();
    },
  };
  let fate: Fate | undefined;
  const arm = (effect: string, when: 'before' | 'after', kind: Fate['kind']): Frozen => {
    const going = Promise.withResolvers<void>();
    const mine: Fate = { effect, when, kind, struck: false, going };
    fate = mine;
    return { struck: () => mine.struck, thaw: () => going.resolve() };
  };
  fleet.dieAt = (effect, when) => arm(effect, when, 'dies');
  fleet.freezeAt = (effect, when) => arm(effect, when, 'freezes');
  for (const worker of ['w1', 'w2']) {
    const deliver: Parameters<MemoryTransport['consume']>[2] = async (delivery) => {
      const life = mortal(store);
      const setup: WorkerSetup = {
        ...engine,
        store: life.store,
        worker,
        spools: new Map(),
        resolveTarget: (name, system) => ({
          name,
          system,
          address: name,
          settings: system === 'zookeeper' ? { callTimeoutMs: zooKeeperMs } : {},
          secrets: {},
        }),
        async at(effect, when) {
          await fleet.around(effect, when);
          if (fate === undefined || fate.struck || fate.effect !== effect || fate.when !== when) return;
          fate.struck = true;
          await (fate.kind === 'dies' ? life.die() : life.freeze(fate.going.promise));
        },
      };
      return Promise.race([runTask(setup, delivery), life.dead]);
    };
    consumers.push(transport.consume('migrator', LANES, deliver));
  }
  return fleet;
}

interface Fate {
  effect: string;
  when: 'before' | 'after';
  kind: 'dies' | 'freezes';
  struck: boolean;
  going: PromiseWithResolvers<void>;
}
