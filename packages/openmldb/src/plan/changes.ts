/** From where partitions are to where they are to be. Shared by the planners. Pure. */
import type { Change, Partition, Placement, Table } from '../model.ts';
import { placementOf } from '../model.ts';

/** What is to become of a partition; undefined where it stays as it is. */
export function changeOf(table: Table, partition: Partition, goal: Placement): Change | undefined {
  const before = placementOf(partition);
  const same =
    before.leader === goal.leader &&
    before.replicas.length === goal.replicas.length &&
    before.replicas.every((endpoint) => goal.replicas.includes(endpoint));
  return same ? undefined : { db: table.db, table: table.name, tid: table.tid, pid: partition.pid, before, goal };
}

/** Counts things by tablet. */
export function countBy(keys: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** The one with the least; of several, the first. */
export function leastOf<T>(candidates: readonly T[], ...costs: ((candidate: T) => number)[]): T | undefined {
  let best: T | undefined;
  for (const candidate of candidates) {
    if (best === undefined) best = candidate;
    else if (isLess(candidate, best, costs)) best = candidate;
  }
  return best;
}

function isLess<T>(one: T, other: T, costs: readonly ((candidate: T) => number)[]): boolean {
  for (const cost of costs) {
    const difference = cost(one) - cost(other);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/**
 * Partitions in an order that keeps several queues of the nameserver at work: it puts an op into the queue of its partition's number, by
 * default even and odd.
 */
export function interleaved(changes: readonly Change[]): Change[] {
  const even = changes.filter(({ pid }) => pid % 2 === 0);
  const odd = changes.filter(({ pid }) => pid % 2 === 1);
  const mixed: Change[] = [];
  for (let at = 0; at < Math.max(even.length, odd.length); at += 1) {
    const pair = [even[at], odd[at]];
    for (const change of pair) if (change) mixed.push(change);
  }
  return mixed;
}
