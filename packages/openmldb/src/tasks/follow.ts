/**
 * Follows what a call to the nameserver has set going. The calls give no id: an op is ours when it is of this partition, has a larger id than any
 * before the call, and is of the right type. Its children are of the same partition and have larger ids still.
 */
import type { Clock } from '@longshore/core';
import type { OpenmldbClient, PartitionRef } from '../client/index.ts';
import { OpCancelled, OpFailed, OpStuck } from '../errors.ts';
import type { Op } from '../model.ts';
import { isUnfinished, partitionName } from '../model.ts';

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2_000;
/** An op is made before the call is answered: one that is not seen by then was not made, or a new leader has no memory of it. */
const UNSEEN_MS = 3_000;
/** How long a cancelled op may take to say so. */
const CANCEL_MS = 30_000;

export interface Following {
  clock: Clock;
  signal: AbortSignal;
  opDeadlineMs: number;
}

export async function lastOp(cluster: OpenmldbClient, { db, table, pid }: PartitionRef): Promise<bigint> {
  return (await cluster.ops({ db, table, pid })).at(-1)?.id ?? 0n;
}

/** Returns when all that came of the call has ended well, or nothing is known of it: then the partition itself has to be looked at. */
export async function followOp(
  cluster: OpenmldbClient,
  part: PartitionRef,
  after: bigint,
  type: string,
  following: Following,
): Promise<void> {
  const { clock, signal, opDeadlineMs } = following;
  const begun = clock.now();
  const late = lateAfter(clock, opDeadlineMs);
  let seen = false;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(MAX_PAUSE_MS, pause * 2)) {
    const newer = (await ofPartition(cluster, part)).filter(({ id }) => id > after);
    const own = newer.find((op) => op.type === type);
    const ours = own ? newer.filter(({ id }) => id >= own.id) : [];
    seen ||= ours.length > 0;
    const running = ours.find(isUnfinished);
    if (!running) {
      for (const op of ours) failed(op, part);
      if (own || seen || clock.now() - begun >= UNSEEN_MS) return;
    } else if (late(running)) await giveUp(cluster, part, running, following);
    await clock.sleep(pause, signal);
  }
}

/** Whether an op has had its time. It begins anew when the op does, and with each child: in a long queue an op is not stuck. */
function lateAfter(clock: Clock, opDeadlineMs: number): (op: Op) => boolean {
  let known = '';
  let since = 0;
  return ({ id, status }) => {
    const now = `${id} ${status}`;
    if (now !== known) since = clock.now();
    known = now;
    return clock.now() - since >= opDeadlineMs;
  };
}

/** Waits for whatever is in progress at a partition. One that does not end is cancelled where `mine` says that it is ours. */
export async function awaitQuiet(
  cluster: OpenmldbClient,
  part: PartitionRef,
  mine: (op: Op) => boolean,
  following: Following,
): Promise<Op | undefined> {
  const { clock, signal, opDeadlineMs } = following;
  const late = lateAfter(clock, opDeadlineMs);
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(MAX_PAUSE_MS, pause * 2)) {
    const running = (await ofPartition(cluster, part)).find(isUnfinished);
    if (!running) return undefined;
    if (late(running)) {
      if (!mine(running)) return running;
      await giveUp(cluster, part, running, following);
    }
    await clock.sleep(pause, signal);
  }
}

async function ofPartition(cluster: OpenmldbClient, { db, table, pid }: PartitionRef): Promise<Op[]> {
  return cluster.ops({ db, table, pid });
}

function failed(op: Op, part: PartitionRef): void {
  const told = { partition: partitionName(part), id: op.id, type: op.type, task: op.task };
  if (op.status === 'kFailed') throw OpFailed(told);
  if (op.status === 'kCanceled') throw OpCancelled(told);
}

async function giveUp(cluster: OpenmldbClient, part: PartitionRef, op: Op, { clock, signal, opDeadlineMs }: Following): Promise<never> {
  let ended = 'it was cancelled';
  try {
    await cluster.cancelOp(op.id);
    const until = clock.now() + CANCEL_MS;
    while ((await cluster.ops({ db: part.db, table: part.table, pid: part.pid })).some((one) => one.id === op.id && isUnfinished(one))) {
      if (clock.now() >= until) {
        ended = 'it was told to stop and has not';
        break;
      }
      await clock.sleep(FIRST_PAUSE_MS, signal);
    }
  } catch (error) {
    signal.throwIfAborted();
    ended = `it could not be cancelled (${error instanceof Error ? error.message : String(error)})`;
  }
  const seconds = Math.round(opDeadlineMs / 1000);
  throw OpStuck({ partition: partitionName(part), id: op.id, type: op.type, task: op.task, seconds, ended });
}
