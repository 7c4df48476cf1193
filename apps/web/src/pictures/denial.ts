/** What the picture of a migration is made from. Pure. */
import type { GuardRecord, Shown } from '../wire.ts';

export interface PartitionsShown {
  at: number;
  /** Since when every replica denies writes; absent while none is denied. */
  inForceAt?: number;
  /** `[partition, node, mutations that wait or null, drained]` */
  partitions: [number, string, number | null, boolean][];
}

/** The exhibit, if it has the shape that this code knows. */
export function partitionsOf({ exhibits }: Shown): PartitionsShown | undefined {
  const { partitions } = exhibits;
  const found = partitions as unknown as Partial<PartitionsShown> | undefined;
  return found && Array.isArray(found.partitions) && typeof found.at === 'number' ? (found as PartitionsShown) : undefined;
}

export interface Clock {
  /** What is so now, in a word or two. */
  phase: string;
  elapsedMs: number;
  maxMs: number;
  /** Parts of the whole, for the bar. */
  spread: number;
  used: number;
}

/** Where the clock stands. Pure. */
export function clockOf({ openedAt, maxMs, state, endedAt }: GuardRecord, inForceAt: number | undefined, now: number): Clock {
  const until = state === 'open' || state === 'handed-over' ? now : (endedAt ?? now);
  const elapsedMs = Math.max(0, until - openedAt);
  const spreadMs = inForceAt === undefined ? elapsedMs : Math.min(elapsedMs, Math.max(0, inForceAt - openedAt));
  const phase =
    state === 'replaced'
      ? 'over: the clients are at the target'
      : state === 'closed'
        ? 'over: clients may write again'
        : state === 'handed-over'
          ? 'yours: switch the clients, or lift it'
          : inForceAt === undefined || now < inForceAt
            ? 'spreading: replicas are learning of it'
            : 'in force: the table drains';
  return { phase, elapsedMs, maxMs, spread: Math.min(1, spreadMs / maxMs), used: Math.min(1, elapsedMs / maxMs) };
}
