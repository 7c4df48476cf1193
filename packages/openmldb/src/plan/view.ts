/** One partition as it was just seen: by the nameserver, and by the tablets it lies on. */
import type { Held, Loaded, Partition, Replica } from '../model.ts';
import { partitionName } from '../model.ts';

export interface PartitionView {
  db: string;
  table: string;
  tid: number;
  partition: Partition;
  /** Endpoints of healthy tablets. */
  healthy: ReadonlySet<string>;
  /** By endpoint. What has no entry is `unknown`. */
  held: ReadonlyMap<string, Held>;
}

export function nameOf({ db, table, partition }: PartitionView): string {
  return partitionName({ db, table, pid: partition.pid });
}

export function heldBy({ held }: PartitionView, endpoint: string): Held {
  return held.get(endpoint) ?? 'unknown';
}

/** What the tablet holds, in memory and ready to serve. */
export function serving(view: PartitionView, endpoint: string): Loaded | undefined {
  const held = heldBy(view, endpoint);
  return typeof held === 'object' && !isLoading(held) ? held : undefined;
}

export function isLoading({ state }: Loaded): boolean {
  return state === 'kTableLoading' || state === 'kTableUndefined';
}

/** How far a replica is: what its tablet says counts before what the nameserver remembers. */
export function offsetOf(view: PartitionView, { endpoint, offset }: Replica): bigint | undefined {
  return serving(view, endpoint)?.offset ?? offset;
}
