/** Queues in memory, with at-least-once delivery on demand (`repeat`), for simulation and tests. */
import type { Clock, Consumer, Delivery, Handled, TaskJob, Transport } from '../ports.ts';

interface Job {
  id: string;
  data: TaskJob;
  at: number;
  stalls: number;
}

interface QueueState {
  waiting: Job[];
  active: Map<string, Job>;
  consumers: Set<() => void>;
}

/** What was asked for one operation: a ring now, one later, one more after the advance that runs. */
interface Rings {
  now: boolean;
  later: number | undefined;
  active: boolean;
}

/** Pause after a handler that threw. */
const FAILED_MS = 1_000;

export interface MemoryTransport extends Transport {
  /** Delivers a job that is being worked on once more, as a queue does whose lock ran out. False when it is not active. */
  repeat(queue: string, id: string): boolean;
  /** Lets go on whatever has become due; call after moving a manual clock. */
  wake(): void;
}

export function memoryTransport(clock: Clock): MemoryTransport {
  const queues = new Map<string, QueueState>();
  const listeners = new Set<(operation: string) => void>();
  const rings = new Map<string, Rings>();
  const ringConsumers = new Set<() => void>();
  const stops = new AbortController();
  let sweeping = false;

  const queue = (name: string): QueueState => {
    const found = queues.get(name) ?? { waiting: [], active: new Map(), consumers: new Set() };
    queues.set(name, found);
    return found;
  };
  const later = (at: number, wake: () => void): void => {
    clock.sleep(Math.max(0, at - clock.now()), stops.signal).then(wake, (reason: unknown) => {
      if (!stops.signal.aborted) throw reason;
    });
  };
  const wakeRings = (): void => {
    for (const wake of [...ringConsumers]) wake();
  };
  const wakeQueue = (state: QueueState): void => {
    for (const wake of state.consumers) wake();
  };

  return {
    async add(name, jobs) {
      const state = queue(name);
      for (const { id, data, delayMs = 0 } of jobs) {
        if (state.active.has(id) || state.waiting.some((job) => job.id === id)) continue;
        const at = clock.now() + delayMs;
        state.waiting.push({ id, data: structuredClone(data), at, stalls: 0 });
        if (delayMs > 0) later(at, () => wakeQueue(state));
      }
      wakeQueue(state);
    },

    async ring(operation, delayMs = 0) {
      const asked = rings.get(operation) ?? { now: false, later: undefined, active: false };
      rings.set(operation, asked);
      if (delayMs > 0) {
        asked.later = Math.min(asked.later ?? Number.POSITIVE_INFINITY, clock.now() + delayMs);
        later(asked.later, wakeRings);
      } else asked.now = true;
      wakeRings();
    },

    consume(name, concurrency, handle) {
      const state = queue(name);
      const running = new Set<Promise<void>>();
      const aborts = new Set<AbortController>();
      let open = true;
      const work = async (job: Job): Promise<void> => {
        const abort = new AbortController();
        aborts.add(abort);
        const delivery: Delivery<TaskJob> = { data: structuredClone(job.data), stalls: job.stalls, signal: abort.signal };
        let handled: Handled;
        try {
          handled = await handle(delivery);
        } catch {
          handled = { delayMs: FAILED_MS };
        }
        aborts.delete(abort);
        // Delivered again meanwhile: what this one says of the job does not count any more.
        if (state.active.get(job.id) !== job) return;
        state.active.delete(job.id);
        if (handled !== 'done' && !state.waiting.some((other) => other.id === job.id)) {
          job.at = clock.now() + handled.delayMs;
          state.waiting.push(job);
          later(job.at, () => wakeQueue(state));
        }
      };
      const pump = (): void => {
        while (open && running.size < concurrency) {
          const at = state.waiting.findIndex((job) => job.at <= clock.now());
          const job = at < 0 ? undefined : state.waiting.splice(at, 1)[0];
          if (!job) return;
          state.active.set(job.id, job);
          const run = work(job).finally(() => {
            running.delete(run);
            pump();
          });
          running.add(run);
        }
      };
      state.consumers.add(pump);
      queueMicrotask(pump);
      return {
        async stop(deadlineMs) {
          open = false;
          state.consumers.delete(pump);
          const timer = new AbortController();
          const deadline = deadlineMs > 0 ? clock.sleep(deadlineMs, timer.signal).catch(() => undefined) : undefined;
          await Promise.race([Promise.all(running), deadline]);
          timer.abort();
          for (const abort of aborts) abort.abort(new Error('the host stops'));
          await Promise.all(running);
        },
      };
    },

    consumeRings(concurrency, advance) {
      const running = new Set<Promise<void>>();
      let open = true;
      const work = async (operation: string): Promise<void> => {
        const asked = rings.get(operation)!;
        try {
          await advance(operation);
        } catch {
          asked.later = Math.min(asked.later ?? Number.POSITIVE_INFINITY, clock.now() + FAILED_MS);
          later(asked.later, wakeRings);
        }
        asked.active = false;
        if (!asked.now && asked.later === undefined) rings.delete(operation);
      };
      const pump = (): void => {
        for (const [operation, asked] of rings) {
          if (!open || running.size >= concurrency) return;
          const due = asked.later !== undefined && asked.later <= clock.now();
          if (asked.active || !(asked.now || due)) continue;
          asked.active = true;
          asked.now = false;
          if (due) asked.later = undefined;
          const run = work(operation).finally(() => {
            running.delete(run);
            pump();
          });
          running.add(run);
        }
      };
      ringConsumers.add(pump);
      queueMicrotask(pump);
      return {
        async stop() {
          open = false;
          ringConsumers.delete(pump);
          await Promise.all(running);
        },
      };
    },

    consumeSweeps(everyMs, sweep): Consumer {
      const stop = new AbortController();
      const loop = async (): Promise<void> => {
        while (!stop.signal.aborted) {
          try {
            await clock.sleep(everyMs, stop.signal);
          } catch {
            return;
          }
          if (sweeping) continue;
          sweeping = true;
          // One that failed is not tried again: the next is on its way.
          await sweep().catch(() => undefined);
          sweeping = false;
        }
      };
      const running = loop();
      return {
        async stop() {
          stop.abort();
          await running;
        },
      };
    },

    async publish(operation) {
      for (const listener of listeners) listener(operation);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async depth(name) {
      const state = queue(name);
      const delayed = state.waiting.filter((job) => job.at > clock.now()).length;
      return { waiting: state.waiting.length - delayed, active: state.active.size, delayed };
    },
    repeat(name, id) {
      const state = queue(name);
      const job = state.active.get(id);
      if (!job) return false;
      state.waiting.unshift({ ...job, stalls: job.stalls + 1 });
      wakeQueue(state);
      return true;
    },
    wake() {
      for (const state of queues.values()) wakeQueue(state);
      wakeRings();
    },
    async close() {
      stops.abort();
    },
  };
}
