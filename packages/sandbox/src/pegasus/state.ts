/**
 * What a Pegasus cluster remembers, and what goes on in it by itself: clients write, replicas learn envs late, duplications go from stage
 * to stage, progress is told late. Everything is computed from the time that has passed, so that it does not matter how often one looks.
 */

export type DupStatus = 'DS_INIT' | 'DS_PREPARE' | 'DS_APP' | 'DS_LOG' | 'DS_PAUSE' | 'DS_REMOVED';
export type Dialect = '2.4' | '2.6';

export interface PegasusTimes {
  /** How often a replica tells the meta of its duplications, and sets its counters. */
  syncMs: number;
  /** How often a replica learns the envs of its tables. */
  configSyncMs: number;
  /** How often counters are copied into the snapshot that commands read. */
  snapshotMs: number;
  /** The meta stores the progress of a partition no more often than this. */
  storeMs: number;
  /** A primary that has written nothing for so long writes an empty mutation. */
  groupCheckMs: number;
  /** Writes that were taken before a denial was learnt are committed at the latest so long after. */
  commitMs: number;
  /** How often servers renew what they estimate of their rows: 600 s until 2.5, 60 s later. */
  statsMs: number;
  /** How long the target takes to copy a checkpoint. */
  copyMs: number;
}

/** Those of real servers. */
export const REAL_TIMES: PegasusTimes = {
  syncMs: 10_000,
  configSyncMs: 30_000,
  snapshotMs: 10_000,
  storeMs: 5_000,
  groupCheckMs: 100_000,
  commitMs: 500,
  statsMs: 600_000,
  copyMs: 20_000,
};

export interface Partition {
  primary: string;
  secondaries: string[];
  ballot: number;
  committed: number;
  /** Decree of the last mutation that a client wrote; later ones are empty. */
  lastClient: number;
  /** Parts of a mutation that are not a whole one yet. */
  carry: number;
  wroteAt: number;
  /** What RocksDB counts: every mutation of a client, whether it overwrites another or not. */
  entries: number;
}

export interface Shipper {
  /** How many times its primary has told the meta since it began. */
  syncs: number;
  prepared: boolean;
  /** Everything up to this has gone to the target; -1: not begun. */
  last: number;
  /** As the meta has stored it; -1: not yet. */
  confirmed: number;
  storedAt: number;
  /** Committed, as its primary has told the meta that leads; -1: not yet. Kept in memory only. */
  told: number;
  carry: number;
}

export interface Duplication {
  id: number;
  remote: string;
  status: DupStatus;
  createdAt: number;
  checkpoint: boolean;
  failMode: 'FAIL_SLOW' | 'FAIL_SKIP' | 'FAIL_FAST';
  shippers: Shipper[];
}

export interface Table {
  id: number;
  name: string;
  status: 'AS_AVAILABLE' | 'AS_CREATING' | 'AS_DROPPED';
  envs: Map<string, string>;
  /** What each node has learnt, and since when. */
  learnt: Map<string, { envs: ReadonlyMap<string, string>; at: number }>;
  dataVersion: string;
  /** Nodes whose replicas have another one. */
  versionAt: Map<string, string>;
  replicaCount: number;
  /** What each node estimates of the rows of each partition, as of its last look; none: it has not looked since it has the table. */
  estimates: Map<string, number[]>;
  /** Estimated of each row: below 1 where compaction has removed what was overwritten. */
  estimatedShare: number;
  partitions: Partition[];
  duplications: Duplication[];
  createdAt: number;
  availableAt: number;
  /** Mutations of clients a second, of each partition, while none are denied. */
  writesPerSecond: number;
  droppedForS?: number;
}

export const DENY = 'replica.deny_client_request';

export function freshShipper(): Shipper {
  return { syncs: 0, prepared: false, last: -1, confirmed: -1, storedAt: 0, told: -1, carry: 0 };
}

/** Mutations that wait to be shipped. */
export function pendingOf(partition: Partition, shipper: Shipper | undefined): number {
  return shipper === undefined || shipper.last < 0 ? 0 : Math.max(0, partition.committed - shipper.last);
}

export function deniesWrites(value: string | undefined): boolean {
  const what = value?.split('*')[1];
  return what === 'all' || what === 'write';
}
