/** The real engine on in-memory ports, with a table of small tasks whose behaviour a test sets and a world they change. */

import type {
  Consumer,
  Delivery,
  Finding,
  Handled,
  Json,
  KindDefinition,
  Log,
  MemoryTransport,
  OperationHeader,
  PlanDraft,
  StageSpec,
  Store,
  SystemPackage,
  TaskJob,
} from '@longshore/core';
import { defineKind, GateClosed, LongshoreError, ManualClock, memoryStore, memoryTransport, seededRandom } from '@longshore/core';
import { z } from 'zod';
import type { Engine, EngineSettings, Service, WorkerSetup } from '../src/index.ts';
import { advance, createRegistry, createService, runTask, sweep } from '../src/index.ts';
import type { Behaviour } from './engine-tasks.ts';
import { tasksOf } from './engine-tasks.ts';

export interface Harness {
  clock: ManualClock;
  store: Store;
  transport: MemoryTransport;
  service: Service;
  engine: Engine;
  worker: WorkerSetup;
  /** Names of the tasks that were begun, in order. */
  begun: string[];
  behaviours: Map<string, Behaviour>;
  /** The target: what the tasks `test.set`, `test.deny` and `test.allow` change. */
  world: Map<string, Json>;
  stages: StageSpec[];
  /** What the next planning finds of the target. */
  found: { fingerprint: Json; findings: Finding[] };
  /** Runs everything that can run, moving time along, until the operation is final (or `until` holds). */
  settle(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
  submit(mode?: 'run' | 'plan'): Promise<string>;
  stop(): Promise<void>;
}

export interface HarnessOptions {
  tolerant?: boolean;
  leases?: { target: string; scope: string }[];
  settings?: EngineSettings;
  kind?: Partial<Pick<KindDefinition, 'guarded' | 'actionMs' | 'conclude'>>;
  /** Further kinds and tasks. */
  system?: SystemPackage;
  placesOf?: (target: string) => number | undefined;
  /** The ports as workers and schedulers see them; by default as they are. */
  transport?: (real: MemoryTransport) => MemoryTransport;
  /** How a delivery and a ring are handled; by default by `runTask` and `advance`. */
  deliver?: (worker: WorkerSetup, delivery: Delivery<TaskJob>) => Promise<Handled>;
  advance?: (engine: Engine, id: string) => Promise<void>;
  /** Whether there is a sweep; without one every step must follow from a ring. */
  sweeps?: boolean;
}

const quiet: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Far more than any operation here takes; one that does not end is told with what lies in the store. */
const ROUNDS = 2_000;
const STEP_MS = 500;
const SWEEP_EVERY = 5;

export const Flaky = (retryable: boolean): LongshoreError =>
  new LongshoreError({ code: 'LSH_TEST', message: 'the test wants it so', fix: 'nothing', retryable, exitCode: 1 });

export const closed = (): GateClosed => new GateClosed('space', 'no room', 1_000);

/** Rejects with the reason when a signal is aborted; for behaviours that would run for ever. */
export const until = (signal: AbortSignal): Promise<undefined> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** Lets everything run that needs no time to pass. */
export async function turns(count = 10): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
}

export function harness(options: HarnessOptions = {}): Harness {
  const clock = new ManualClock();
  const store = memoryStore(clock);
  const transport = options.transport?.(memoryTransport(clock)) ?? memoryTransport(clock);
  const begun: string[] = [];
  const behaviours = new Map<string, Behaviour>();
  const world = new Map<string, Json>();
  const stages: StageSpec[] = [];
  const found: Harness['found'] = { fingerprint: null, findings: [] };
  const kind = defineKind({
    name: 'test.kind',
    title: 'a test',
    role: 'dumper',
    params: z.strictObject({}),
    tolerant: options.tolerant ?? false,
    columns: ['points', 'missing'],
    async plan(): Promise<PlanDraft> {
      return { summary: ['a plan'], stages, expect: {}, data: null, leases: options.leases ?? [], ...found };
    },
    expand: (_plan, _stage, index) => [
      { id: `d${index}`, task: 'test.dump', params: { name: `d${index}` }, placement: 'spool' },
      { id: `r${index}`, task: 'test.restore', params: { name: `r${index}` }, placement: 'spool', after: `d${index}` },
    ],
    conclude: ({ totals }) => ({ ok: (totals.missing ?? 0) === 0 }),
    ...options.kind,
  });
  const registry = createRegistry([
    { name: 'test', kinds: [kind], tasks: tasksOf({ begun, behaviours, world }) },
    ...(options.system ? [options.system] : []),
  ]);
  const random = seededRandom(1);
  const engine: Engine = {
    store,
    transport,
    registry,
    clock,
    random,
    log: quiet,
    ...(options.settings ? { settings: options.settings } : {}),
  };
  const service = createService(engine);
  const consumers: Consumer[] = [];
  const worker: WorkerSetup = {
    ...engine,
    worker: 'w1',
    spools: new Map([['a', { name: 'a', path: '/a' }]]),
    resolveTarget: () => ({ name: '', system: '', address: '', settings: {}, secrets: {} }),
    ...(options.placesOf ? { placesOf: options.placesOf } : {}),
  };
  const deliver = options.deliver ?? runTask;
  const advanceOne = options.advance ?? advance;
  for (const queue of ['dumper', 'dump.a', 'restore.a'])
    consumers.push(transport.consume(queue, 4, (delivery) => deliver(worker, delivery)));
  consumers.push(transport.consumeRings(2, (id) => advanceOne(engine, id)));

  return {
    clock,
    store,
    transport,
    service,
    engine,
    worker,
    begun,
    behaviours,
    world,
    stages,
    found,
    async settle(id, settled = (header) => header.endedAt !== undefined) {
      for (const role of ['dumper', 'restorer'] as const)
        await store.announce(
          { worker: role, role, host: 'h', pid: 1, startedAt: 0, seenAt: clock.now(), tasks: [], concurrency: 4, busy: 0, spools: ['a'] },
          1e12,
        );
      for (let round = 0; round < ROUNDS; round += 1) {
        await turns();
        const header = (await store.header(id))!;
        if (settled(header)) return header;
        if (options.sweeps !== false && round % SWEEP_EVERY === SWEEP_EVERY - 1) await sweep(engine);
        clock.advance(STEP_MS);
        transport.wake();
      }
      throw new Error(`the operation did not get there: ${JSON.stringify(await store.load(id))}`);
    },
    async submit(mode = 'run') {
      return (await service.submit({ kind: 'test.kind', params: {}, mode, owner: 'tester' })).id;
    },
    async stop() {
      await Promise.all(consumers.map((consumer) => consumer.stop(0)));
      await transport.close();
    },
  };
}
