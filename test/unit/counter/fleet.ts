/** The real engine on in-memory ports, with two workers, against counter services on real ports and on the real clock. */
import type { Consumer, MemoryTransport, OperationHeader, Store } from '@longshore/core';
import { memoryStore, memoryTransport, seededRandom, systemClock } from '@longshore/core';
import { counter } from '@longshore/counter';
import { silentLog } from '@longshore/host';
import type { Engine, Service, Submission, WorkerSetup } from '@longshore/operations';
import { advance, createRegistry, createService, runTask, sweep } from '@longshore/operations';
import type { CounterEffect, CounterStandIn } from '@longshore/sandbox';
import { startCounterService } from '@longshore/sandbox';

/** Called around every effect of every attempt: `counter.deny/deny`. */
export type Around = (effect: string, when: 'before' | 'after') => Promise<void>;

export interface CounterFleet extends AsyncDisposable {
  service: Service;
  store: Store;
  transport: MemoryTransport;
  /** By the name they have as targets. */
  services: Record<string, CounterStandIn>;
  around: Around;
  /** Submits and resolves when the operation is over, or `until` holds. */
  run(submission: Omit<Submission, 'owner'>, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
  finished(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
}

const SWEEP_MS = 200;
const LANES = 4;

export async function startCounterFleet(counters: Record<string, Record<string, number>>): Promise<CounterFleet> {
  const services: Record<string, CounterStandIn> = {};
  for (const [name, values] of Object.entries(counters)) services[name] = await startCounterService({ fenced: true, counters: values });
  const store = memoryStore(systemClock);
  const transport = memoryTransport(systemClock);
  const engine: Engine = {
    store,
    transport,
    registry: createRegistry([counter]),
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
  };
  const service = createService(engine);
  const consumers: Consumer[] = [
    transport.consumeRings(2, (id) => advance(engine, id)),
    transport.consumeSweeps(SWEEP_MS, () => sweep(engine)),
  ];
  const fleet: CounterFleet = {
    service,
    store,
    transport,
    services,
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
      for (const one of Object.values(services)) await one.close();
    },
  };
  for (const worker of ['w1', 'w2']) {
    const setup: WorkerSetup = {
      ...engine,
      worker,
      spools: new Map(),
      resolveTarget: (name, system) => ({ name, system, address: services[name]?.url ?? name, settings: {}, secrets: {} }),
      at: (effect, when) => fleet.around(effect, when),
    };
    for (const queue of ['migrator', 'rebalancer']) consumers.push(transport.consume(queue, LANES, (delivery) => runTask(setup, delivery)));
  }
  return fleet;
}

/** What was done to a counter, without the adds of clients: `deny op_x`, `route http://…`, `set 3`. */
export function changes({ store }: CounterStandIn, counter: string): string[] {
  return store
    .effectsOf(counter)
    .filter(({ method }) => method !== 'add')
    .map(shown);
}

function shown({ method, after }: CounterEffect): string {
  if (method === 'deny') return after === null ? 'allow' : 'deny';
  return method === 'delete' ? 'delete' : `${method} ${String(after)}`;
}
