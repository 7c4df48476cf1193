/** The real engine on in-memory ports, with two workers, against a stand-in of an OpenMLDB cluster that elects its leader in a real ZooKeeper. */
import type { Consumer, Json, MemoryTransport, OperationHeader, Store } from '@longshore/core';
import { memoryStore, memoryTransport, seededRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { openmldb } from '@longshore/openmldb';
import type { Engine, Service, WorkerSetup } from '@longshore/operations';
import { advance, createRegistry, createService, runTask, sweep } from '@longshore/operations';
import type { OpenmldbStandIn, RecordedCluster } from '@longshore/sandbox';
import { restore, startOpenmldb } from '@longshore/sandbox';
import { connectZooKeeper } from '@longshore/zookeeper';
import { fastClock } from './fast-clock.ts';

/** Called around every effect of every attempt: `openmldb.migrator-settle/lead from t2:1`. */
export type Around = (effect: string, when: 'before' | 'after') => Promise<void>;

export interface OpenmldbFleet extends AsyncDisposable {
  service: Service;
  store: Store;
  transport: MemoryTransport;
  cluster: OpenmldbStandIn;
  /** `openmldb://…` */
  address: string;
  around: Around;
  /** Submits and resolves when the operation is over. */
  run(kind: string, params: { [key: string]: Json }): Promise<OperationHeader>;
  finished(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
}

export interface FleetOptions {
  recorded: RecordedCluster;
  nameservers?: string[];
  tickMs?: number;
  /** Of the engine's clock; the cluster has the real one. */
  speed?: number;
}

const SWEEP_MS = 200;
const LANES = 6;
let clusters = 0;

/** `hosts`: a ZooKeeper. */
export async function startOpenmldbFleet(
  hosts: string,
  { recorded, nameservers, tickMs, speed = 1 }: FleetOptions,
): Promise<OpenmldbFleet> {
  clusters += 1;
  const root = `/openmldb-${process.pid}-${Date.now()}-${clusters}`;
  const patient = { callTimeoutMs: 60_000, sessionTimeoutMs: 30_000 };
  await using maker = connectZooKeeper(hosts, patient);
  await maker.create(root, '');
  const cluster = await startOpenmldb({
    session: () => connectZooKeeper(`${hosts}${root}`, patient),
    ...(nameservers === undefined ? {} : { nameservers }),
    ...(tickMs === undefined ? {} : { tickMs }),
  });
  await restore(cluster, recorded);
  const address = `openmldb://${hosts}${root}`;
  const clock = fastClock(speed);
  const store = memoryStore(clock);
  const transport = memoryTransport(clock);
  const engine: Engine = {
    store,
    transport,
    registry: createRegistry([openmldb]),
    clock,
    random: seededRandom(1),
    log: silentLog,
  };
  const service = createService(engine);
  const consumers: Consumer[] = [
    transport.consumeRings(2, (id) => advance(engine, id)),
    transport.consumeSweeps(SWEEP_MS, () => sweep(engine)),
  ];
  const fleet: OpenmldbFleet = {
    service,
    store,
    transport,
    cluster,
    address,
    around: async () => undefined,
    async run(kind, params) {
      const { id } = await service.submit({ owner: 'tester', kind, params });
      return fleet.finished(id);
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
      await cluster.close();
    },
  };
  for (const worker of ['w1', 'w2']) {
    const setup: WorkerSetup = {
      ...engine,
      worker,
      spools: new Map(),
      resolveTarget: (name, system) => ({ name, system, address: name, settings: {}, secrets: {} }),
      at: (effect, when) => fleet.around(effect, when),
    };
    for (const queue of ['migrator', 'rebalancer']) consumers.push(transport.consume(queue, LANES, (delivery) => runTask(setup, delivery)));
  }
  return fleet;
}
