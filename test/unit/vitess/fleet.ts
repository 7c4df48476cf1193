/** The real engine on in-memory ports, with two migrators, for operations on Vitess. */
import type { Clock, Consumer, MemoryTransport, OperationHeader, Store, SystemPackage, Target } from '@longshore/core';
import { memoryStore, memoryTransport, seededRandom, systemClock } from '@longshore/core';
import { silentLog } from '@longshore/host';
import type { Engine, Service, Submission, WorkerSetup } from '@longshore/operations';
import { advance, createRegistry, createService, runTask, sweep } from '@longshore/operations';
import { vitess } from '@longshore/vitess';
import type { Life } from '../../support/mortal-store.ts';
import { mortal } from '../../support/mortal-store.ts';

/** Called around every effect of every attempt: `vitess.switch-reads/switch`. */
export type Around = (effect: string, when: 'before' | 'after') => Promise<void>;

export interface VitessFleet extends AsyncDisposable {
  engine: Engine;
  service: Service;
  store: Store;
  transport: MemoryTransport;
  around: Around;
  /** Every worker dies on the spot; what they had in hand goes to others. Never resolves for whoever dies. */
  die(): Promise<never>;
  /** Submits and resolves when the operation is over, or `until` holds. */
  run(submission: Omit<Submission, 'owner'>, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
  finished(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
}

export interface FleetOptions {
  /** Addresses of targets by name; others are taken as they are. */
  targets?: Readonly<Record<string, string>>;
  /** Of every target. */
  settings?: Target['settings'];
  system?: SystemPackage;
  /** Absent: the real one. */
  clock?: Clock;
  sweepMs?: number;
}

const SWEEP_MS = 100;
const LANES = 4;

export async function startVitessFleet({
  targets = {},
  settings = {},
  system = vitess,
  clock = systemClock,
  sweepMs = SWEEP_MS,
}: FleetOptions = {}): Promise<VitessFleet> {
  const store = memoryStore(clock);
  const transport = memoryTransport(clock);
  const lives = new Set<Life>();
  const engine: Engine = {
    store,
    transport,
    registry: createRegistry([system]),
    clock,
    random: seededRandom(1),
    log: silentLog,
  };
  const service = createService(engine);
  const consumers: Consumer[] = [
    transport.consumeRings(2, (id) => advance(engine, id)),
    transport.consumeSweeps(sweepMs, () => sweep(engine)),
  ];
  const fleet: VitessFleet = {
    engine,
    service,
    store,
    transport,
    around: async () => undefined,
    async die() {
      const dying = [...lives].map((life) => life.die());
      return Promise.race(dying);
    },
    async run(submission, until) {
      const { id } = await service.submit({ owner: 'tester', ...submission });
      return fleet.finished(id, until);
    },
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
    },
  };
  const resolveTarget = (name: string, wanted: string): Target => {
    const address = targets[name] ?? targets[name.replace(/^grpc:\/\//, '')] ?? name;
    return { name, system: wanted, address, settings, secrets: {} };
  };
  for (const worker of ['w1', 'w2']) {
    const deliver: Parameters<MemoryTransport['consume']>[2] = async (delivery) => {
      const life = mortal(store);
      lives.add(life);
      const at: WorkerSetup['at'] = (effect, when) => fleet.around(effect, when);
      const setup: WorkerSetup = { ...engine, store: life.store, worker, spools: new Map(), resolveTarget, at };
      try {
        return await Promise.race([runTask(setup, delivery), life.dead]);
      } finally {
        lives.delete(life);
      }
    };
    consumers.push(transport.consume('migrator', LANES, deliver));
  }
  return fleet;
}
