/**
 * A table of a Pegasus cluster, its duplication to another cluster, and what is known of how far that is. A *decree* is the number of a
 * mutation in its partition; they only grow. *Committed* is what the source has accepted, *confirmed* what the target is known to have.
 */

/** The env by which a table's clients are denied; its values are `<how>*<what>`. */
export const DENY_KEY = 'replica.deny_client_request';
/** Writes are left without an answer: clients wait and try again. */
export const DENY_WRITES = 'timeout*write';
/** Everything is answered with an error that makes clients look up where their table is. */
export const SEND_AWAY = 'reconfig*all';

/** Where the progress of a duplication is read from, best first. */
export const PROOFS = ['decrees', 'page', 'metrics', 'counters'] as const;
export type Proof = (typeof PROOFS)[number];

/** Such servers tell how much waits, and not which decree was confirmed: what is drained is seen, not proven. */
export function isByCounters(proof: Proof): boolean {
  return proof === 'metrics' || proof === 'counters';
}

/** How far one partition is. */
export interface PartitionProgress {
  partition: number;
  ballot: number;
  /** Address of its primary; null while it has none. */
  primary: string | null;
  /** What the meta has stored as confirmed; -1: nothing yet, or not told. */
  confirmed: number;
  /** Committed by the account of the meta, as old as the last duplication sync that reached it; null where it is not told. */
  committed: number | null;
  /** By the account of the primary, now: committed and not confirmed, committed and not shipped. Null where it is not told. */
  notConfirmed: number | null;
  notShipped: number | null;
}

/** The duplication of a table as it was read. */
export interface DuplicationProgress {
  at: number;
  status: string;
  failMode: string;
  partitions: PartitionProgress[];
}

/** Mutations that wait, of one partition; null where nobody tells. */
export function pendingOf({ notShipped, committed, confirmed }: PartitionProgress): number | null {
  if (notShipped !== null) return notShipped;
  return committed === null ? null : Math.max(0, committed - Math.max(0, confirmed));
}

/** What a lease on a cluster is called. */
export function leaseTarget(cluster: string): string {
  return `pegasus:${cluster}`;
}

/** The part of a cluster that one table is. No name holds a slash, so none is a prefix of another. */
export function leaseScope(table: string): string {
  return `${table}/`;
}

/** The guard that is open while clients may not write. */
export function denialKey(table: string): string {
  return `deny-writes:${table}`;
}

/** Exactly what the original writes: blanks behind `:` and `,`, nothing escaped. */
export function proxyText(cluster: string, metas: string): string {
  return `{"cluster_name": "${cluster}", "meta_addrs": "${metas}"}`;
}
