/** The real engine on in-memory ports and the real clock, with two migrators, for operations on Vitess. */
import type { Consumer, MemoryTransport, OperationHeader, Store, SystemPackage, Target } from '@longshore/core';
import { memoryStore, memoryTransport, seededRandom, systemClock } from '@longshore/core';
import { silentLog } from '@longshore/host';
import type { Engine, Service, Submission, WorkerSetup } from '@longshore/operations';
import { advance, createRegistry, createService, runTask, sweep } from '@longshore/operations';
import { vitess } from '@longshore/vitess';

/** Called around every effect of every attempt: `vitess.switch-reads/switch`. */
export type Around = (effect: string, when: 'before' | 'after') => Promise<void>;

export interface VitessFleet extends AsyncDisposable {
  engine: Engine;
  service: Service;
  store: Store;
  transport: MemoryTransport;
  around: Around;
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
}

const SWEEP_MS = 100;
const LANES = 4;

export async function startVitessFleet({ targets = {}, settings = {}, system = vitess }: FleetOptions = {}): Promise<VitessFleet> {
  const store = memoryStore(systemClock);
  const transport = memoryTransport(systemClock);
  const engine: Engine = {
    store,
    transport,
    registry: createRegistry([system]),
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
  };
  const service = createService(engine);
  const consumers: Consumer[] = [
    transport.consumeRings(2, (id) => advance(engine, id)),
    transport.consumeSweeps(SWEEP_MS, () => sweep(engine)),
  ];
  const fleet: VitessFleet = {
    engine,
    service,
    store,
    transport,
    around: async () => undefined,
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
    const setup: WorkerSetup = { ...engine, worker, spools: new Map(), resolveTarget, at: (effect, when) => fleet.around(effect, when) };
    consumers.push(transport.consume('migrator', LANES, (delivery) => runTask(setup, delivery)));
  }
  return fleet;
}
