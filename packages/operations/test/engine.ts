/** The real engine on in-memory ports, with a table of small tasks whose behaviour a test sets. */

import type { Consumer, Log, MemoryTransport, OperationHeader, PlanDraft, StageSpec, Store, TaskContext, TaskEnd } from '@longshore/core';
import {
  defineKind,
  defineTask,
  GateClosed,
  LongshoreError,
  ManualClock,
  memoryStore,
  memoryTransport,
  seededRandom,
} from '@longshore/core';
import { z } from 'zod';
import type { Engine, Service } from '../src/index.ts';
import { advance, createRegistry, createService, runTask, sweep } from '../src/index.ts';

export type Behaviour = (context: TaskContext<{ name: string }>) => Promise<TaskEnd | undefined>;

export interface Harness {
  clock: ManualClock;
  store: Store;
  transport: MemoryTransport;
  service: Service;
  engine: Engine;
  /** Names of the tasks that were begun, in order. */
  begun: string[];
  behaviours: Map<string, Behaviour>;
  stages: StageSpec[];
  /** Runs everything that can run, moving time along, until the operation is final (or `until` holds). */
  settle(id: string, until?: (header: OperationHeader) => boolean): Promise<OperationHeader>;
  submit(mode?: 'run' | 'plan'): Promise<string>;
  stop(): Promise<void>;
}

const quiet: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export const Flaky = (retryable: boolean): LongshoreError =>
  new LongshoreError({ code: 'LSH_TEST', message: 'the test wants it so', fix: 'nothing', retryable, exitCode: 1 });

export const closed = (): GateClosed => new GateClosed('space', 'no room', 1_000);

export function harness(options: { tolerant?: boolean; bulkUnits?: number; leases?: { target: string; scope: string }[] } = {}): Harness {
  const clock = new ManualClock();
  const store = memoryStore(clock);
  const transport = memoryTransport(clock);
  const begun: string[] = [];
  const behaviours = new Map<string, Behaviour>();
  const stages: StageSpec[] = [];
  const task = (name: string, queue?: string) =>
    defineTask({
      name,
      role: 'dumper',
      ...(queue ? { queue } : {}),
      params: z.looseObject({ name: z.string() }),
      retry: { attempts: 3, firstPauseMs: 1_000, maxPauseMs: 4_000 },
      async run(context) {
        begun.push(context.params.name);
        return behaviours.get(context.params.name)?.(context);
      },
    });
  const kind = defineKind({
    name: 'test.kind',
    title: 'a test',
    role: 'dumper',
    params: z.strictObject({}),
    tolerant: options.tolerant ?? false,
    columns: ['points', 'missing'],
    async plan(): Promise<PlanDraft> {
      return { summary: ['a plan'], stages, expect: {}, data: null, leases: options.leases ?? [] };
    },
    expand: (_plan, _stage, index) => [
      { id: `d${index}`, task: 'test.dump', params: { name: `d${index}` }, placement: 'spool' },
      { id: `r${index}`, task: 'test.restore', params: { name: `r${index}` }, placement: 'spool', after: `d${index}` },
    ],
    conclude: ({ totals }) => ({ ok: (totals.missing ?? 0) === 0 }),
  });
  const registry = createRegistry([
    { name: 'test', kinds: [kind], tasks: [task('test.task'), task('test.dump', 'dump'), task('test.restore', 'restore')] },
  ]);
  const engine: Engine = { store, transport, registry, clock, random: seededRandom(1), log: quiet };
  const service = createService(engine);
  const spools = new Map([['a', { name: 'a', path: '/a' }]]);
  const consumers: Consumer[] = [];
  const worker = {
    ...engine,
    worker: 'w1',
    spools,
    resolveTarget: () => ({ name: '', system: '', address: '', settings: {}, secrets: {} }),
  };
  for (const queue of ['dumper', 'dump.a', 'restore.a'])
    consumers.push(transport.consume(queue, 4, (delivery) => runTask(worker, delivery)));
  consumers.push(transport.consumeRings(2, (id) => advance(engine, id)));

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    clock,
    store,
    transport,
    service,
    engine,
    begun,
    behaviours,
    stages,
    async settle(id, until = (header) => header.endedAt !== undefined) {
      for (const role of ['dumper', 'restorer'] as const)
        await store.announce(
          { worker: role, role, host: 'h', pid: 1, startedAt: 0, seenAt: clock.now(), tasks: [], concurrency: 4, busy: 0, spools: ['a'] },
          1e12,
        );
      for (let round = 0; round < 2_000; round += 1) {
        for (let turns = 0; turns < 10; turns += 1) await turn();
        const header = (await store.header(id))!;
        if (until(header)) return header;
        if (round % 5 === 4) await sweep(engine);
        clock.advance(500);
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
