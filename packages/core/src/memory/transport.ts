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

export interface MemoryTransport extends Transport {
  /** Delivers a job that is being worked on once more, as a queue does whose lock ran out. False when it is not active. */
  repeat(queue: string, id: string): boolean;
  /** Lets go on whatever has become due; call after moving a manual clock. */
  wake(): void;
}

export function memoryTransport(clock: Clock): MemoryTransport {
  const queues = new Map<string, QueueState>();
  const listeners = new Set<(operation: string) => void>();
  const rings = new Map<string, { at: number; again: boolean; active: boolean }>();
  const ringConsumers = new Set<() => void>();
  const stops = new AbortController();

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
      const known = rings.get(operation);
      const at = clock.now() + delayMs;
      if (known?.active) known.again = true;
      else if (!known) {
        rings.set(operation, { at, again: false, active: false });
        if (delayMs > 0) later(at, () => ringConsumers.forEach((wake) => void wake()));
      } else known.at = Math.min(known.at, at);
      for (const wake of ringConsumers) wake();
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
          handled = { delayMs: 1_000 };
        }
        aborts.delete(abort);
        if (state.active.get(job.id) === job) state.active.delete(job.id);
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
          await Promise.race([Promise.all(running), clock.sleep(deadlineMs, timer.signal).catch(() => undefined)]);
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
        try {
          await advance(operation);
        } catch {
          rings.get(operation)!.again = true;
        }
        const state = rings.get(operation)!;
        if (state.again) {
          state.again = false;
          state.active = false;
          state.at = clock.now();
        } else rings.delete(operation);
      };
      const pump = (): void => {
        for (const [operation, state] of rings) {
          if (!open || running.size >= concurrency) return;
          if (state.active || state.at > clock.now()) continue;
          state.active = true;
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
          await sweep();
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
      for (const wake of ringConsumers) wake();
    },
    async close() {
      stops.abort();
    },
  };
}
