/**
 * Runs one delivery of a task: claim → run the handler → write the outcome → ring → let the job complete.
 *
 * Twice is harmless: a second delivery of a round with an outcome only rings; a second delivery of one without is a new generation,
 * and the older one, if it still lives, can write nothing any more. Killed after the outcome and before the ring, the job comes again and rings.
 */

import type { Clock, Delivery, GateNote, Handled, Outcome, TaskJob } from '@longshore/core';
import { GateClosed } from '@longshore/core';
import { Attempt } from './attempt.ts';
import { PLAN_TASK } from './draft.ts';
import type { WorkerSetup } from './engine.ts';
import { PoisonTask } from './errors.ts';
import { takePlaces } from './places.ts';

/** Deliveries of one round lost with their worker before the task is taken for poison. */
const POISON_DEATHS = 20;
/** A job this worker does not understand is left for another for so long. */
const UNKNOWN_TASK_MS = 5_000;
/** How long the outcome is tried to be written while the store is away. */
const FINISH_PATIENCE_MS = 120_000;

export async function runTask(setup: WorkerSetup, delivery: Delivery<TaskJob>): Promise<Handled> {
  const { store, transport, registry, clock, log } = setup;
  const { v, operation: id, task: taskId, round } = delivery.data;
  if (v !== 1) {
    log.warn({ operation: id, task: taskId, version: v }, 'this job was written by a newer Longshore; leaving it to a newer worker');
    await tellNewer(setup, id, taskId, v);
    return { delayMs: UNKNOWN_TASK_MS };
  }
  const claimed = await store.claim(id, taskId, round, setup.worker, clock.now());
  if (claimed.claim === 'unwanted') return 'done';
  if (claimed.claim === 'ended') {
    await transport.ring(id);
    return 'done';
  }
  const { generation, carried, task } = claimed;
  const giveBack = async (gate: GateNote | undefined, counts: Record<string, number>): Promise<void> => {
    await store.shut(id, taskId, generation, gate, counts);
  };
  const shut = async ({ gate, message, retryMs }: GateClosed, counts: Record<string, number>): Promise<Handled> => {
    await giveBack({ gate, reason: message, since: clock.now() }, counts);
    return { delayMs: retryMs };
  };

  if (task.task !== PLAN_TASK && !registry.tasks.has(task.task)) {
    log.warn({ operation: id, task: task.task }, 'this worker does not know the task; leaving it to another');
    await giveBack(undefined, carried);
    return { delayMs: UNKNOWN_TASK_MS };
  }
  const attempt = new Attempt(setup, claimed, delivery);
  if (claimed.deaths >= POISON_DEATHS) {
    const error = PoisonTask({ task: taskId, deaths: claimed.deaths }).data;
    const letter = { id: `${id}/${taskId}/${round}`, operation: id, task: taskId, round, queue: task.queue, reason: error.message };
    await store.bury({ ...letter, at: clock.now() });
    await tell(setup, id, taskId, attempt.refused(error));
    return 'done';
  }
  const places = await takePlaces(setup, claimed);
  if (places instanceof GateClosed) return shut(places, carried);
  try {
    const ended = await attempt.run();
    if (ended === 'handed-back') {
      // With a change on its way it is not given back but lost: whoever comes next knows that something may still take effect.
      if (!attempt.isUnsettled) await giveBack(undefined, attempt.findings.counts);
      return { delayMs: 0 };
    }
    if (ended === 'superseded') return 'done';
    if (ended instanceof GateClosed) return await shut(ended, attempt.findings.counts);
    await tell(setup, id, taskId, ended);
    return 'done';
  } finally {
    await places.leave();
  }
}

/** Operations of which this process has said that it leaves their jobs alone. */
const told: WeakMap<object, Set<string>> = new WeakMap();
const TOLD_KEPT = 1_000;

/** In the operation's own log, once a process: whoever looks why nothing happens finds it there. */
async function tellNewer({ store, clock, worker }: WorkerSetup, id: string, task: string, version: number): Promise<void> {
  const known = told.get(store) ?? new Set<string>();
  told.set(store, known);
  if (known.has(id)) return;
  if (known.size >= TOLD_KEPT) known.clear();
  known.add(id);
  const text = `${worker} leaves ${task} alone: its job has version ${version}, and this Longshore knows 1; it waits for a newer worker`;
  await store.addEvent(id, { at: clock.now(), type: 'gate', text });
}

/** The outcome, then the ring: what has been done must be told, however long the store is away. */
async function tell(setup: WorkerSetup, id: string, task: string, outcome: Outcome): Promise<void> {
  await patiently(setup, () => setup.store.finish(id, task, outcome));
  await patiently(setup, () => setup.transport.ring(id));
}

async function patiently(setup: { clock: Clock }, call: () => Promise<unknown>): Promise<void> {
  const until = setup.clock.now() + FINISH_PATIENCE_MS;
  for (let pause = 100; ; pause = Math.min(5_000, pause * 2)) {
    try {
      await call();
      return;
    } catch (error) {
      if (setup.clock.now() > until) throw error;
      await setup.clock.sleep(pause);
    }
  }
}
