/** What every part of the store's suite stands on: a store per test, and the smallest records there can be. */
import type {
  Change,
  GuardRecord,
  JournalEntry,
  LeaseGrant,
  LeaseRequest,
  OperationHeader,
  Outcome,
  Presence,
  Store,
  TaskRecord,
} from '@longshore/core';
import { afterEach, beforeEach, expect } from 'vitest';

export interface OpenStore {
  store: Store;
  /** The same data through another connection, as another process has it. */
  other: Store;
  /** Lets some time go by where the clock stands still. */
  pass(): void;
  now(): number;
  close(): Promise<void>;
}

export const T0 = 1_700_000_000_000;

export function header(id: string, more: Partial<OperationHeader> = {}): OperationHeader {
  return {
    id,
    kind: 'test.kind',
    params: { list: [], text: 'größe "x"' },
    mode: 'run',
    owner: 'tester',
    createdAt: T0,
    updatedAt: T0,
    state: 'running',
    version: 0,
    stage: 0,
    stages: [],
    counters: {},
    expect: {},
    spools: [],
    ...more,
  };
}

export function record(id: string, more: Partial<TaskRecord> = {}): TaskRecord {
  return {
    id,
    task: 'test.task',
    params: { empty: [], nothing: null, nested: { a: [1] } },
    placement: 'role',
    stage: 0,
    role: 'dumper',
    queue: 'dumper',
    state: 'queued',
    round: 1,
    failures: 0,
    ...more,
  };
}

export function outcome(generation: number, more: Partial<Outcome> = {}): Outcome {
  return { round: 1, generation, result: 'ok', startedAt: T0, endedAt: T0 + 1, ...more };
}

export function presence(worker: string, seenAt: number): Presence {
  return { worker, role: 'dumper', host: 'h', pid: 1, startedAt: seenAt, seenAt, tasks: [], concurrency: 1, busy: 0, spools: ['a'] };
}

export function guard(key: string, more: Partial<GuardRecord> = {}): GuardRecord {
  return {
    key,
    what: `writes to „${key}“ are denied`,
    target: 'cluster',
    before: { list: [], nothing: null },
    after: 'deny*write',
    openedAt: T0,
    maxMs: 60_000,
    close: { task: 'test.close', params: { list: [] } },
    state: 'open',
    ...more,
  };
}

export function entry(task: string, key: string, more: Partial<JournalEntry> = {}): JournalEntry {
  return { task, key, what: `set „${key}“`, before: { list: [] }, after: null, state: 'intent', generation: 1, at: T0, ...more };
}

export const lease = (target: string, scope = ''): LeaseRequest => ({ target, scope });

/** The store of the test that runs, and the usual steps on it; each fails the test where it is refused. */
export interface StoreBench extends Omit<OpenStore, 'close'> {
  /** Commits on what lies there now. */
  commit(id: string, change: Omit<Change, 'header'>, more?: Partial<OperationHeader>): Promise<void>;
  /** Takes fields of the header away. */
  clear(id: string, ...fields: ('intent' | 'order')[]): Promise<void>;
  operation(id: string, tasks?: TaskRecord[], more?: Partial<OperationHeader>): Promise<void>;
  claimed(id: string, task: string, round?: number, worker?: string): Promise<number>;
  granted(id: string, wanted: LeaseRequest[], now?: number): Promise<LeaseGrant>;
}

export function storeBench(open: () => Promise<OpenStore>): StoreBench {
  let opened: OpenStore;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(() => opened.close());
  const bench: StoreBench = {
    get store() {
      return opened.store;
    },
    get other() {
      return opened.other;
    },
    pass: () => opened.pass(),
    now: () => opened.now(),
    async commit(id, change, more = {}) {
      const found = (await bench.store.header(id))!;
      expect(await bench.store.commit(id, { ...change, header: { ...found, ...more } })).toBe(true);
    },
    async clear(id, ...fields) {
      const found = (await bench.store.header(id))!;
      for (const field of fields) delete found[field];
      expect(await bench.store.commit(id, { header: found })).toBe(true);
    },
    async operation(id, tasks = [], more = {}) {
      await bench.store.create(header(id, more));
      if (tasks.length > 0) await bench.commit(id, { put: tasks });
    },
    async claimed(id, task, round = 1, worker = 'w') {
      const claim = await bench.store.claim(id, task, round, worker, T0);
      if (claim.claim !== 'yours') throw new Error(`the claim of ${task} was answered ${claim.claim}`);
      return claim.generation;
    },
    async granted(id, wanted, now = T0) {
      const got = await bench.store.acquireLeases(id, wanted, now);
      if ('heldBy' in got) throw new Error(`${got.target} is held by ${got.heldBy}`);
      return got;
    },
  };
  return bench;
}
