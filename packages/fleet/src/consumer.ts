/**
 * A consumer of one queue: a BullMQ worker, and somebody who sees to it that it takes jobs. After a failover a worker may take nothing
 * any more although it says that it runs; such a one is replaced, and what it still has in hand is let finish.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Consumer, Log } from '@longshore/core';
import type { Job, WorkerOptions } from 'bullmq';
import { Worker } from 'bullmq';
import type { Connection } from './connection.ts';

export interface ConsumerSettings {
  name: string;
  concurrency: number;
  connection: Connection;
  prefix: string;
  log: Log;
  lockMs: number;
  /** So long it may take nothing while there is work and it has room. Looked at four times in that time. */
  deafMs: number;
  hasWork(): Promise<boolean>;
}

export type Work<T> = (job: Job<T>, token: string | undefined, signal: AbortSignal) => Promise<void>;

/** BullMQ's default of one would fail a job for good at its second killed worker. */
const MAX_STALLS = 1_000_000;
const IDLE_POLL_SECONDS = 2;
/** After a lost connection; BullMQ's own 15 s are long beside our locks. */
const RETRY_MS = 1_000;
const LOOKS_PER_DEAF_TIME = 4;
/** A closing worker that has nothing more in hand gets so long; its connection may never tell that it has ended. */
const LAST_WORD_MS = 10_000;

/** One BullMQ worker and what it has in hand. */
interface Lane<T> {
  worker: Worker<T>;
  /** By job. */
  inHand: Map<string, AbortController>;
  /** Nothing new is begun; a job that BullMQ had asked for before may still arrive. */
  closing: boolean;
  /** Called when the last one has left the hand. */
  onIdle: () => void;
}

export function bullConsumer<T>(settings: ConsumerSettings, work: Work<T>): Consumer {
  const { name, concurrency, log, deafMs } = settings;
  /** Jobs taken so far. */
  let taken = 0;
  let restarts = 0;
  let stopping = false;
  let suspicion: { taken: number; sinceMs: number } | undefined;
  const retired = new Map<Lane<T>, Promise<void>>();

  const open = (): Lane<T> => {
    const inHand: Lane<T>['inHand'] = new Map();
    const process = async (job: Job<T>, token: string | undefined): Promise<void> => {
      const abort = new AbortController();
      if (made.closing) abort.abort(new Error('the worker stops'));
      else taken += 1;
      inHand.set(job.id!, abort);
      try {
        await work(job, token, abort.signal);
      } finally {
        if (inHand.get(job.id!) === abort) inHand.delete(job.id!);
        if (inHand.size === 0) made.onIdle();
        share();
      }
    };
    const worker = new Worker<T>(name, process, workerOptions(settings));
    worker.on('error', (error) => log.warn({ queue: name, message: error.message }, 'worker connection'));
    worker.on('lockRenewalFailed', (jobs) => {
      for (const job of jobs) inHand.get(job)?.abort(new Error('the lock of the job was lost'));
    });
    const made: Lane<T> = { worker, inHand, closing: false, onIdle: () => undefined };
    return made;
  };

  /** Waits for what the worker has in hand. One with nothing in hand is not waited for: it may be stuck at asking for more. */
  const close = async (lane: Lane<T>): Promise<void> => {
    lane.closing = true;
    const idle = new Promise<void>((resolve) => {
      lane.onIdle = resolve;
      if (lane.inHand.size === 0) resolve();
    });
    const over = new AbortController();
    const patience = async (): Promise<void> => {
      await idle;
      await wait(LAST_WORD_MS, undefined, { signal: over.signal });
      log.warn({ queue: name }, 'a worker without jobs could not be closed; it is left behind');
    };
    const outOfPatience = patience().catch((error: unknown) => {
      if (!over.signal.aborted) throw error;
    });
    await Promise.race([lane.worker.close(!stopping && lane.inHand.size === 0), outOfPatience]);
    over.abort();
  };

  let lane = open();

  /** While a replaced worker finishes what it has in hand, its successor has so many places less, but one at least. */
  const share = (): void => {
    const elsewhere = [...retired.keys()].reduce((sum, old) => sum + old.inHand.size, 0);
    lane.worker.concurrency = Math.max(1, concurrency - elsewhere);
  };

  const replace = (idleMs: number): void => {
    restarts += 1;
    const old = lane;
    log.warn({ queue: name, idleMs: Math.round(idleMs), inHand: old.inHand.size, restarts }, 'a worker took no jobs; it is replaced');
    const closed = close(old)
      .catch((error: Error) => log.warn({ queue: name, message: error.message }, 'the replaced worker was not closed cleanly'))
      .finally(() => {
        retired.delete(old);
        share();
      });
    retired.set(old, closed);
    lane = open();
    share();
  };

  const look = async (): Promise<void> => {
    const before = taken;
    const couldTake = lane.inHand.size < lane.worker.concurrency && (await settings.hasWork());
    if (stopping) return;
    if (!couldTake || taken !== before) suspicion = undefined;
    else if (suspicion?.taken !== taken) suspicion = { taken, sinceMs: performance.now() };
    else if (performance.now() - suspicion.sinceMs >= deafMs) {
      const { sinceMs } = suspicion;
      suspicion = undefined;
      replace(performance.now() - sinceMs);
    }
  };

  const ended = new AbortController();
  const watch = async (): Promise<void> => {
    const pauseMs = deafMs / LOOKS_PER_DEAF_TIME;
    while (!stopping) {
      await wait(pauseMs, undefined, { signal: ended.signal, ref: false });
      await look().catch((error: Error) => log.warn({ queue: name, message: error.message }, 'the queue could not be looked at'));
    }
  };
  watch().catch((error: unknown) => {
    if (!ended.signal.aborted) throw error;
  });

  return {
    get restarts() {
      return restarts;
    },
    async stop(deadlineMs) {
      stopping = true;
      ended.abort();
      const timer = setTimeout(() => {
        for (const each of [lane, ...retired.keys()]) for (const abort of each.inHand.values()) abort.abort(new Error('the worker stops'));
      }, deadlineMs);
      await Promise.all([close(lane), ...retired.values()]);
      clearTimeout(timer);
    },
  };
}

function workerOptions({ connection, prefix, concurrency, lockMs }: ConsumerSettings): WorkerOptions {
  return {
    connection,
    prefix,
    concurrency,
    lockDuration: lockMs,
    // A lock that ran out is seen within a fifth of its time, not after another whole one or two.
    stalledInterval: Math.max(1_000, Math.round(lockMs / 5)),
    maxStalledCount: MAX_STALLS,
    drainDelay: IDLE_POLL_SECONDS,
    runRetryDelay: RETRY_MS,
    skipVersionCheck: true,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
}
