/** A task's context for one batch of an hour, without an engine: what these tasks have no use for throws. */
import type { Clock, Json, Store, TaskContext } from '@longshore/core';
import { systemRandom } from '@longshore/core';
import { silentLog } from '@longshore/host';

export const HOUR_MS = 3_600_000;
export const START_MS: number = Date.UTC(2026, 0, 1);
export const OPERATION = 'op_test';
export const BATCH = 'b0000000';

interface Given {
  task: string;
  generation: number;
  params: Json;
  clock: Clock;
  store: Store;
  /** Of the spool. */
  path: string;
}

export function batchContext({ task, generation, params, clock, store, path }: Given): TaskContext<unknown> {
  const deps = { clock, random: systemRandom, log: silentLog, signal: new AbortController().signal };
  const unused = (): never => {
    throw new TypeError('these tasks have no use for this');
  };
  return {
    ...deps,
    params,
    operation: { id: OPERATION, kind: 'tsdb.migrate', params: {}, owner: 'tester' },
    task: { id: task, unit: 0 },
    worker: 'test',
    generation,
    plan: { startMs: START_MS, stopMs: START_MS + HOUR_MS, intervalMs: HOUR_MS, metrics: ['kilda.a'] },
    store,
    spool: () => ({ name: 'local', path }),
    progress: () => undefined,
    count: () => undefined,
    tally: () => undefined,
    note: () => undefined,
    event: async () => undefined,
    checkpoint: { load: unused, save: unused },
    resultOf: async () => ({ encoding: 'plain', queueMs: 0 }),
    report: unused,
    operationOf: unused,
    operationsOf: unused,
    show: unused,
    sample: unused,
    liveSpools: unused,
    target: (name, system) => system.connect({ name, system: system.system, address: name, settings: {}, secrets: {} }, deps),
    emit: unused,
    journal: { intent: unused, done: unused, entries: unused },
    lease: { assertHeld: unused, token: unused },
    guard: { open: unused, find: unused, close: unused, handOver: unused, replaced: unused },
    effect: unused,
    confirm: unused,
  };
}
