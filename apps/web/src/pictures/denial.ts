/** What the picture of a migration is made from. Pure. */
import type { GuardRecord, Json, Shown } from '../wire.ts';

export interface PartitionsShown {
  at: number;
  /** Since when every replica denies writes; absent while none is denied. */
  inForceAt?: number;
  /** `[partition, node, mutations that wait or null, drained]` */
  partitions: [number, string, number | null, boolean][];
}

/** The exhibit, if it has the shape that this code knows. */
export function partitionsOf({ exhibits }: Shown): PartitionsShown | undefined {
  const { partitions: shown } = exhibits;
  if (typeof shown !== 'object' || shown === null || Array.isArray(shown)) return undefined;
  const { at, inForceAt, partitions } = shown;
  if (typeof at !== 'number' || !Array.isArray(partitions)) return undefined;
  const known = partitions.map(partitionOf);
  if (!known.every((one) => one !== undefined)) return undefined;
  return { at, partitions: known, ...(typeof inForceAt === 'number' ? { inForceAt } : {}) };
}

function partitionOf(shown: Json): PartitionsShown['partitions'][number] | undefined {
  if (!Array.isArray(shown)) return undefined;
  const [partition, node, waiting, drained] = shown;
  if (typeof partition !== 'number' || typeof node !== 'string' || typeof drained !== 'boolean') return undefined;
  return waiting === null || typeof waiting === 'number' ? [partition, node, waiting, drained] : undefined;
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
