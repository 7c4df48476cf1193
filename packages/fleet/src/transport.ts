/** The transport on BullMQ. Queues carry pointers to tasks; stalled deliveries are counted by us, retries are decided by the scheduler. */

import type { Consumer, Handled, Log, TaskJob, Transport } from '@longshore/core';
import type { Job } from 'bullmq';
import { DelayedError, Queue, Worker } from 'bullmq';
import type { FleetAddress } from './connection.ts';
import { connect } from './connection.ts';

export interface TransportSettings {
  /** A job whose worker has not renewed its lock for so long goes to another. Default 30 s. */
  lockMs?: number;
}

/** Rings that failed are tried again; after that the sweep takes over. */
const RING_ATTEMPTS = 20;
/** Failures of the machinery itself (the store away): the task's own failures are outcomes, not job failures. */
const JOB_ATTEMPTS = 1_000_000;
/** The same pause each time: one that doubles would put a job or a ring off for hours after a short outage, and hold its place meanwhile. */
const BACKOFF = { type: 'fixed', delay: 1_000, jitter: 0.5 };
/** BullMQ's default of one would fail a job for good at its second killed worker. */
const MAX_STALLS = 1_000_000;
const IDLE_POLL_SECONDS = 2;

/** To another worker, at once. */
const HAND_BACK: Handled = { delayMs: 0 };

const RINGS = 'advance';
const SWEEPS = 'sweep';

/** BullMQ takes no colon in an id; a task may have one in its name. */
function queueId(id: string): string {
  return id.replaceAll('%', '%25').replaceAll(':', '%3A');
}

interface Ring {
  operation: string;
}

export function bullTransport({ url, fleet }: FleetAddress, log: Log, settings: TransportSettings = {}): Transport {
  const connection = connect(url);
  const prefix = `{${fleet}}:queue`;
  const channel = `{${fleet}}:intents`;
  const lockMs = settings.lockMs ?? 30_000;
  const queues = new Map<string, Queue>();
  const listeners = new Set<(operation: string) => void>();
  let subscriber: ReturnType<typeof connect> | undefined;

  const queue = (name: string): Queue => {
    const known = queues.get(name);
    if (known) return known;
    const made = new Queue(name, { connection, prefix, skipVersionCheck: true, skipMetasUpdate: true });
    made.on('error', (error) => log.warn({ queue: name, message: error.message }, 'queue connection'));
    queues.set(name, made);
    return made;
  };

  const consumer = <T>(
    name: string,
    concurrency: number,
    work: (job: Job<T>, token: string | undefined, signal: AbortSignal) => Promise<void>,
  ): Consumer => {
    const aborts = new Map<string, AbortController>();
    let stopping = false;
    const worker = new Worker<T>(
      name,
      async (job, token) => {
        const abort = new AbortController();
        // A worker that is being closed may still be given a job that it had asked for: nothing new is begun.
        if (stopping) abort.abort(new Error('the worker stops'));
        aborts.set(job.id!, abort);
        try {
          await work(job, token, abort.signal);
        } finally {
          if (aborts.get(job.id!) === abort) aborts.delete(job.id!);
        }
      },
      {
        connection,
        prefix,
        concurrency,
        lockDuration: lockMs,
        stalledInterval: lockMs,
        maxStalledCount: MAX_STALLS,
        drainDelay: IDLE_POLL_SECONDS,
        skipVersionCheck: true,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      },
    );
    worker.on('error', (error) => log.warn({ queue: name, message: error.message }, 'worker connection'));
    worker.on('lockRenewalFailed', (jobs) => {
      for (const job of jobs) aborts.get(job)?.abort(new Error('the lock of the job was lost'));
    });
    return {
      async stop(deadlineMs) {
        stopping = true;
        const closing = worker.close();
        const timer = setTimeout(() => {
          for (const abort of aborts.values()) abort.abort(new Error('the worker stops'));
        }, deadlineMs);
        await closing;
        clearTimeout(timer);
      },
    };
  };

  return {
    async add(name, jobs) {
      if (jobs.length === 0) return;
      await queue(name).addBulk(
        jobs.map(({ id, data, delayMs = 0 }) => ({
          name: 'task',
          data,
          opts: {
            jobId: queueId(id),
            attempts: JOB_ATTEMPTS,
            backoff: BACKOFF,
            removeOnComplete: true,
            removeOnFail: true,
            ...(delayMs > 0 ? { delay: Math.ceil(delayMs) } : {}),
          },
        })),
      );
    },

    async ring(operation, delayMs = 0) {
      // A delayed ring has an id of its own: under the common one it would swallow the rings that come before it is due.
      const id = delayMs > 0 ? `${operation}.later` : operation;
      await queue(RINGS).add('advance', { operation } satisfies Ring, {
        deduplication: { id, keepLastIfActive: true },
        attempts: RING_ATTEMPTS,
        backoff: BACKOFF,
        removeOnComplete: true,
        removeOnFail: true,
        ...(delayMs > 0 ? { delay: Math.ceil(delayMs) } : {}),
      });
    },

    consume: (name, concurrency, handle) =>
      consumer<TaskJob>(name, concurrency, async (job, token, signal) => {
        const handled = signal.aborted ? HAND_BACK : await handle({ data: job.data, stalls: job.stalledCounter ?? 0, signal });
        if (handled === 'done') return;
        await job.moveToDelayed(Date.now() + Math.max(1, handled.delayMs), token);
        throw new DelayedError();
      }),

    consumeRings: (concurrency, advance) => consumer<Ring>(RINGS, concurrency, (job) => advance(job.data.operation)),

    consumeSweeps(everyMs, sweep) {
      const scheduled = queue(SWEEPS).upsertJobScheduler(
        'sweep',
        { every: everyMs },
        { name: 'sweep', opts: { removeOnComplete: true, removeOnFail: true } },
      );
      scheduled.catch((error: Error) => log.error({ message: error.message }, 'the sweep could not be scheduled'));
      return consumer(SWEEPS, 1, () => sweep());
    },

    async publish(operation) {
      await connection.publish(channel, operation);
    },
    subscribe(listener) {
      if (!subscriber) {
        subscriber = connect(url);
        subscriber.subscribe(channel).catch((error: Error) => log.warn({ message: error.message }, 'intents are not heard at once'));
        subscriber.on('message', (_channel, operation: string) => {
          for (const each of [...listeners]) each(operation);
        });
      }
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },

    async depth(name) {
      const counts = await queue(name).getJobCounts('waiting', 'prioritized', 'active', 'delayed');
      return { waiting: (counts.waiting ?? 0) + (counts.prioritized ?? 0), active: counts.active ?? 0, delayed: counts.delayed ?? 0 };
    },

    async close() {
      await Promise.all([...queues.values()].map((each) => each.close()));
      subscriber?.disconnect();
      connection.disconnect();
    },
  };
}
