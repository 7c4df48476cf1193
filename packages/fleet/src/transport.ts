/** The transport on BullMQ. Queues carry pointers to tasks; stalled deliveries are counted by us, retries are decided by the scheduler. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Consumer, Handled, Log, TaskJob, Transport } from '@longshore/core';
import type { Job } from 'bullmq';
import { DelayedError, Queue } from 'bullmq';
import type { FleetAddress } from './connection.ts';
import { connect } from './connection.ts';
import { bullConsumer } from './consumer.ts';

export interface TransportSettings {
  /** A job whose worker has not renewed its lock for so long goes to another. Default 30 s. */
  lockMs?: number;
  /** A consumer that takes nothing for so long, though it could, is replaced. Default 20 s. */
  deafMs?: number;
}

/** Rings that failed are tried again; after that the sweep takes over. */
const RING_ATTEMPTS = 20;
/** Failures of the machinery itself (the store away): the task's own failures are outcomes, not job failures. */
const JOB_ATTEMPTS = 1_000_000;
/** The same pause each time: one that doubles would put a job or a ring off for hours after a short outage, and hold its place meanwhile. */
const BACKOFF = { type: 'fixed', delay: 1_000, jitter: 0.5 };
const LOCK_MS = 30_000;
const DEAF_MS = 20_000;
/** BullMQ sorts delayed jobs by the time they are due, in ms, with twelve bits behind it for those of the same one. */
const DELAYED_SCORE_PER_MS = 0x1000;

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
  const lockMs = settings.lockMs ?? LOCK_MS;
  const deafMs = settings.deafMs ?? DEAF_MS;
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
  ): Consumer => bullConsumer({ name, concurrency, connection, prefix, log, lockMs, deafMs, hasWork: () => hasWork(queue(name)) }, work);

  /** Jobs that a worker could take now; one whose delay is over lies among the delayed until a worker looks. */
  const hasWork = async (of: Queue): Promise<boolean> => {
    const { waiting = 0, prioritized = 0 } = await of.getJobCounts('waiting', 'prioritized');
    if (waiting + prioritized > 0) return true;
    return (await connection.zcount(of.toKey('delayed'), '-inf', Date.now() * DELAYED_SCORE_PER_MS)) > 0;
  };

  /** Of operations that are about to be rung for: whatever ends in the same turn of the loop needs one ring. */
  const ringing = new Map<string, Promise<void>>();

  const sendRing = async (operation: string, delayMs: number): Promise<void> => {
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
      if (delayMs > 0) return sendRing(operation, delayMs);
      const asked = ringing.get(operation);
      if (asked) return asked;
      const sent = nextTurn().then(() => {
        ringing.delete(operation);
        return sendRing(operation, 0);
      });
      ringing.set(operation, sent);
      return sent;
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
