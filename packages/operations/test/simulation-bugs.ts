/** Faults planted into the ports, the kinds or the API of a simulated world, each behind its switch: what the invariants must find. */
import type { Store, Transport } from '@longshore/core';
import type { Service } from '../src/index.ts';
import { jobId } from '../src/index.ts';
import type { World } from './simulation.ts';
import { forgetful } from './simulation-bugs-fsync.ts';
import { mishandle } from './simulation-bugs-handlers.ts';
import { breakStore } from './simulation-bugs-store.ts';
import type { Handling } from './simulation-guarded.ts';

/** Every planted fault, in words. */
export const BUGS = {
  'ring-before-write': 'a worker rings before it has written its outcome, not after',
  'outcome-unchecked': 'an outcome is written whatever its generation',
  'confirm-skipped': 'what was acted is not read back',
  'lease-checked-early': 'the lease is checked when the task is taken, not before the act',
  'guard-without-limit': 'a guard is opened for a thousand times as long as it may be',
  'closing-only-recorded': 'a closing ends the guard in the record and leaves the target as it is',
  'fsync-dropped': 'the store answers, and loses its last writes when it crashes',
  'no-sweep': 'no sweep ever runs',
  'commit-without-cas': 'a commit does not compare the version',
  'claim-ignores-round': 'a job of an old round takes the task of the present one',
  'quiet-ignored': 'leases are given back at once, whatever may still take effect',
  'intent-after-act': 'the journal is written after the act',
  'before-overwritten': 'the journal keeps what was found the last time, not the first',
  'unknown-not-undone': 'what was begun and never ended is not taken back',
  'undo-oldest-first': 'what was done is taken back oldest first',
  'undo-too-early': 'what was done is taken back while it may still take effect',
  'jobs-before-commit': 'jobs are added before the decision is written',
  'pause-dropped': 'a retry is begun without its pause',
  'scopes-by-equality': 'only equal scopes conflict, not one that holds the other',
  'approval-dropped': 'what is submitted loses its approvals on the way',
  'plan-not-rechecked': 'a plan that is made again has the fingerprint of the old one',
} as const;

export type Bug = keyof typeof BUGS;
export type Bugs = ReadonlySet<Bug>;
export const NO_BUGS: Bugs = new Set();

/** Where a world lets itself be meddled with; without bugs everything is handed through. */
export interface Sabotage {
  bugs: Bugs;
  /** The store itself, below what watches it. */
  store(store: Store): Store;
  /** The ports of one process. */
  ports(store: Store, transport: Transport): { store: Store; transport: Transport };
  handling: Handling;
  service<T>(request: (service: Service) => Promise<T>): (service: Service) => Promise<T>;
}

export function sabotage(world: World, bugs: Bugs): Sabotage {
  return {
    bugs,
    store: (store) => breakStore(bugs.has('fsync-dropped') ? forgetful(world) : store, bugs),
    ports: (store, transport) => breakPorts(world, bugs, store, transport),
    handling: mishandle(bugs),
    service: (request) => (service) =>
      request(bugs.has('approval-dropped') ? { ...service, submit: (one) => service.submit({ ...one, approvals: 'none' }) } : service),
  };
}

function breakPorts(world: World, bugs: Bugs, store: Store, transport: Transport): { store: Store; transport: Transport } {
  const swallowed = new Map<string, number>();
  const swallow = (what: string): void => void swallowed.set(what, (swallowed.get(what) ?? 0) + 1);
  const isSwallowed = (what: string): boolean => {
    const left = swallowed.get(what) ?? 0;
    swallowed.set(what, Math.max(0, left - 1));
    return left > 0;
  };
  const broken: Partial<Store> = {};
  const brokenTransport: Partial<Transport> = {};
  if (bugs.has('ring-before-write')) {
    broken.finish = async (id, task, outcome) => {
      await transport.ring(id);
      await world.clock.sleep(1);
      const taken = await store.finish(id, task, outcome);
      swallow(id);
      return taken;
    };
    brokenTransport.ring = async (id, delayMs) => {
      if (delayMs !== undefined || !isSwallowed(id)) await transport.ring(id, delayMs);
    };
  }
  if (bugs.has('lease-checked-early')) broken.mayAct = async () => true;
  if (bugs.has('jobs-before-commit')) {
    const jobsOf = (id: string, tasks: { id: string; round: number; queue: string }[]) =>
      tasks.map((task) => ({
        queue: task.queue,
        job: { id: jobId(id, task.id, task.round), data: { v: 1 as const, operation: id, task: task.id, round: task.round } },
      }));
    broken.commit = async (id, change) => {
      for (const { queue, job } of jobsOf(
        id,
        (change.put ?? []).filter(({ state }) => state === 'queued'),
      )) {
        swallow(job.id);
        await transport.add(queue, [job]);
      }
      await world.clock.sleep(1);
      return store.commit(id, change);
    };
    brokenTransport.add = (queue, jobs) =>
      transport.add(
        queue,
        jobs.filter(({ id }) => !isSwallowed(id)),
      );
  }
  if (bugs.has('pause-dropped'))
    brokenTransport.add = (queue, jobs) =>
      transport.add(
        queue,
        jobs.map(({ id, data }) => ({ id, data })),
      );
  if (Object.keys(broken).length + Object.keys(brokenTransport).length === 0) return { store, transport };
  // The store is a proxy: it is asked for what is not broken.
  const mixed = new Proxy(store, {
    get: (target, method, receiver) => Reflect.get(method in broken ? broken : target, method, receiver),
  });
  return { store: mixed, transport: { ...transport, ...brokenTransport } };
}
