/** The real engine on in-memory ports, with two workers, against an OpenIO stand-in on real ports, on the real clock. */
import type { Clock, Consumer, MemoryTransport, OperationHeader, Store, Target } from '@longshore/core';
import { memoryStore, memoryTransport, seededRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';
import { openio } from '@longshore/openio';
import type { Engine, Service, Submission, WorkerSetup } from '@longshore/operations';
import { advance, createRegistry, createService, runTask, sweep } from '@longshore/operations';
import type { OpenIoOptions, OpenIoStandIn } from '@longshore/sandbox';
import { startOpenIo } from '@longshore/sandbox';
import { fastClock } from '../../support/fast-clock.ts';

/** Called around every effect of every attempt: `openio.move/force`. */
export type Around = (effect: string, when: 'before' | 'after') => Promise<void>;

export interface OpenIoFleet extends AsyncDisposable {
  io: OpenIoStandIn;
  service: Service;
  store: Store;
  transport: MemoryTransport;
  /** Of the engine and its handlers. */
  clock: Clock;
  around: Around;
  /** Aborted when the fleet is closed: what hangs by intention ends. */
  ended: AbortSignal;
  /** Where the proxies are, as parameters. */
  where: { proxies: string[]; namespace: string };
  /** Settings of the target, for what is not asked of a proxy. */
  settings: Target['settings'];
  /** Submits and resolves when the operation is over, or `until` holds. */
  run(submission: Omit<Submission, 'owner'>, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
  finished(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
}

const SWEEP_MS = 200;
const LANES = 4;

export async function startFleet({ speed = 1, ...options }: OpenIoOptions & { speed?: number } = {}): Promise<OpenIoFleet> {
  const io = await startOpenIo(options);
  const clock = fastClock(speed);
  const store = memoryStore(clock);
  const transport = memoryTransport(clock);
  const engine: Engine = {
    store,
    transport,
    registry: createRegistry([openio]),
    clock,
    random: seededRandom(1),
    log: silentLog,
  };
  const service = createService(engine);
  const consumers: Consumer[] = [
    transport.consumeRings(2, (id) => advance(engine, id)),
    transport.consumeSweeps(SWEEP_MS, () => sweep(engine)),
  ];
  const end = new AbortController();
  const fleet: OpenIoFleet = {
    ended: end.signal,
    io,
    service,
    store,
    transport,
    clock,
    around: async () => undefined,
    where: { proxies: io.proxies.map(({ url }) => url), namespace: io.cluster.namespace },
    settings: {},
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
      end.abort();
      await Promise.all(consumers.map((consumer) => consumer.stop(0)));
      await transport.close();
      await io.close();
    },
  };
  for (const worker of ['w1', 'w2']) {
    const setup: WorkerSetup = {
      ...engine,
      worker,
      spools: new Map(),
      resolveTarget: (name, system) => ({ name, system, address: name, settings: fleet.settings, secrets: {} }),
      at: (effect, when) => fleet.around(effect, when),
    };
    consumers.push(transport.consume('rebalancer', LANES, (delivery) => runTask(setup, delivery)));
  }
  return fleet;
}

/** A client's request; the body of the reply, parsed. */
export async function ask(
  fleet: Pick<OpenIoFleet, 'where'>,
  proxy: number,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`${fleet.where.proxies[proxy]}/v3.0/${fleet.where.namespace}/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: text === '' ? null : (JSON.parse(text) as unknown) };
}

/** Makes a container on these services, with one object in it. */
export async function makeContainer(fleet: Pick<OpenIoFleet, 'where' | 'io'>, name: string, hosts: string[]): Promise<void> {
  fleet.io.cluster.steering.nextLink = hosts;
  const made = await ask(fleet, 0, 'POST', `container/create?acct=acct&ref=${name}`, { properties: { colour: 'blue' } });
  if (made.status !== 201) throw new Error(`the container was not made: ${JSON.stringify(made)}`);
  const put = await ask(fleet, 0, 'POST', `content/create?acct=acct&ref=${name}&path=first`, []);
  if (put.status !== 204) throw new Error(`the object was not put: ${JSON.stringify(put)}`);
}
