/** What a worker's tasks do, seen at its store: what is taken up, given back to a gate, and ended is written there and nowhere else. */
import { statfs } from 'node:fs/promises';
import type { Log, SpoolMount, Store } from '@longshore/core';
import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from 'prom-client';

/** From a look at a target to a batch that is copied for hours, in seconds. */
const BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 14_400];
/** How much the last task counts in the average of its queue. */
const NEWEST = 0.1;

export interface TaskMetrics {
  /** The store for the tasks to work with. */
  store: Store;
  /** Average seconds of the tasks of each queue, the last ones counting most. */
  secondsPerTask(): Record<string, number>;
}

export function taskMetrics(store: Store, registry: Registry): TaskMetrics {
  const registers = [registry];
  const tasks = new Counter({ name: 'longshore_tasks_total', help: 'Attempts that ended.', labelNames: ['task', 'result'], registers });
  const seconds = new Histogram({
    name: 'longshore_task_seconds',
    help: 'How long attempts took.',
    labelNames: ['task'],
    buckets: BUCKETS,
    registers,
  });
  const retries = new Counter({
    name: 'longshore_task_retries_total',
    help: 'Attempts at tasks that had failed before.',
    labelNames: ['task'],
    registers,
  });
  const lost = new Counter({
    name: 'longshore_tasks_lost_total',
    help: 'Attempts taken over from a worker that had gone silent.',
    labelNames: ['task'],
    registers,
  });
  const gates = new Counter({
    name: 'longshore_gate_waits_total',
    help: 'Times a task gave way to a closed gate.',
    labelNames: ['task', 'gate'],
    registers,
  });
  const counted = new Counter({
    name: 'longshore_task_counts_total',
    help: 'What tasks counted: points, bytes and the like, by the name they give it.',
    labelNames: ['task', 'what'],
    registers,
  });
  const running = new Map<string, { task: string; queue: string }>();
  const average = new Map<string, number>();
  const key = (id: string, task: string, generation: number): string => `${id} ${task} ${generation}`;

  return {
    secondsPerTask: () => Object.fromEntries(average),
    store: {
      ...store,
      async claim(id, task, ...rest) {
        const claimed = await store.claim(id, task, ...rest);
        if (claimed.claim !== 'yours') return claimed;
        const { task: name, queue, failures } = claimed.task;
        running.set(key(id, task, claimed.generation), { task: name, queue });
        if (failures > 0) retries.inc({ task: name });
        if (claimed.deaths > 0) lost.inc({ task: name });
        return claimed;
      },
      async shut(id, task, generation, gate, carry) {
        const known = running.get(key(id, task, generation));
        running.delete(key(id, task, generation));
        if (known && gate) gates.inc({ task: known.task, gate: gate.gate });
        return store.shut(id, task, generation, gate, carry);
      },
      async finish(id, task, outcome) {
        const written = await store.finish(id, task, outcome);
        const known = running.get(key(id, task, outcome.generation));
        running.delete(key(id, task, outcome.generation));
        if (!known) return written;
        const took = Math.max(0, outcome.endedAt - outcome.startedAt) / 1000;
        tasks.inc({ task: known.task, result: written ? outcome.result : 'superseded' });
        seconds.observe({ task: known.task }, took);
        for (const [what, by] of Object.entries(outcome.count ?? {})) if (by > 0) counted.inc({ task: known.task, what }, by);
        const before = average.get(known.queue) ?? took;
        average.set(known.queue, before + (took - before) * NEWEST);
        return written;
      },
    },
  };
}

/** Room on the disks of the spools that this process serves. A disk that cannot be asked has no sample. */
export function spoolMetrics(spools: readonly SpoolMount[], registry: Registry, log: Log): void {
  const registers = [registry];
  const bytes = new Gauge({
    name: 'longshore_spool_free_bytes',
    help: 'Bytes free on the disk of a spool.',
    labelNames: ['spool'],
    registers,
  });
  new Gauge({
    name: 'longshore_spool_free_inodes',
    help: 'Inodes free on the disk of a spool.',
    labelNames: ['spool'],
    registers,
    async collect() {
      for (const { name, path } of spools) {
        try {
          const { bavail, bsize, ffree } = await statfs(path);
          bytes.set({ spool: name }, bavail * bsize);
          this.set({ spool: name }, ffree);
        } catch (error) {
          log.warn({ err: error, spool: name }, 'the disk of a spool could not be asked for its room');
          bytes.remove({ spool: name });
          this.remove({ spool: name });
        }
      }
    },
  });
}

/** How long the scheduler's steps take, and how they end. */
export function advanceMetrics(registry: Registry): <T>(step: 'advance' | 'sweep', work: () => Promise<T>) => Promise<T> {
  const seconds = new Histogram({
    name: 'longshore_scheduler_step_seconds',
    help: 'How long the steps of the scheduler took.',
    labelNames: ['step', 'result'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers: [registry],
  });
  return async (step, work) => {
    const end = seconds.startTimer({ step });
    try {
      const done = await work();
      end({ result: 'ok' });
      return done;
    } catch (error) {
      end({ result: 'failed' });
      throw error;
    }
  };
}
