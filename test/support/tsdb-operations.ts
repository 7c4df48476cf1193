/** Whole operations on time series inside this process: the real engine on in-memory ports, a real spool, servers as they are given. */
import { mkdir } from 'node:fs/promises';
import type { Consumer, Json, Log, Note, OperationHeader, StoredPlan, Tally } from '@longshore/core';
import { memoryStore, memoryTransport, systemClock, systemRandom } from '@longshore/core';
import type { Service } from '@longshore/operations';
import { advance, createRegistry, createService, runTask, sweep } from '@longshore/operations';
import { tsdb } from '@longshore/tsdb';
import { announceBoth } from './announce.ts';

export interface Ended {
  id: string;
  header: OperationHeader;
  plan: StoredPlan | undefined;
  rows: Tally;
  totals: Record<string, number>;
  notes: Note[];
}

export interface TsdbOperations extends AsyncDisposable {
  /** Submits one, and waits until it is over. `meanwhile` is done as soon as it is submitted. */
  run(
    kind: string,
    params: { [key: string]: Json },
    mode?: 'run' | 'plan',
    meanwhile?: (service: Service, id: string) => Promise<void>,
  ): Promise<Ended>;
}

export type Settings = Record<string, Json>;

const quiet: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const LOOK_MS = 10;
const PATIENCE_MS = 60_000;

/** `path`: of the spool. Targets are addresses; `settings` of those that have any, by their addresses. */
export async function tsdbOperations(path: string, settings: ReadonlyMap<string, Settings> = new Map()): Promise<TsdbOperations> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const store = memoryStore(systemClock);
  const transport = memoryTransport(systemClock);
  const engine = { store, transport, registry: createRegistry([tsdb]), clock: systemClock, random: systemRandom, log: quiet };
  const service = createService(engine);
  const worker = {
    ...engine,
    worker: 'w',
    spools: new Map([['local', { name: 'local', path }]]),
    resolveTarget: (name: string, system: string) => ({ name, system, address: name, settings: settings.get(name) ?? {}, secrets: {} }),
  };
  const consumers: Consumer[] = ['dumper', 'restorer', 'dump.local', 'restore.local'].map((queue) =>
    transport.consume(queue, 4, (delivery) => runTask(worker, delivery)),
  );
  consumers.push(transport.consumeRings(2, (id) => advance(engine, id)));
  consumers.push(transport.consumeSweeps(500, () => sweep(engine)));
  await announceBoth(store, systemClock.now(), 4);
  return {
    async run(kind, params, mode = 'run', meanwhile) {
      const { id } = await service.submit({ kind, params, mode, owner: 'tester' });
      await meanwhile?.(service, id);
      const until = systemClock.now() + PATIENCE_MS;
      for (;;) {
        const header = (await store.header(id))!;
        if (header.endedAt !== undefined || (mode === 'plan' && header.state === 'planned')) {
          const { totals } = await service.report(id);
          const { rows, notes } = await store.report(id);
          return { id, header, plan: await store.plan(id), rows, totals, notes };
        }
        if (systemClock.now() > until) throw new Error(`${kind} has not ended: ${JSON.stringify(await store.load(id))}`);
        await systemClock.sleep(LOOK_MS, new AbortController().signal);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(consumers.map((consumer) => consumer.stop(0)));
      await transport.close();
    },
  };
}
