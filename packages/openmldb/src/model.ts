/**
 * An OpenMLDB cluster: *tablets* hold the *replicas* of the *partitions* of tables; one replica of each partition leads. A leading *nameserver*
 * knows who holds what and runs *ops*, its asynchronous jobs. Tablets are named by their endpoint.
 */

/** What the cluster keeps for itself; the nameserver does not list these among its databases. Always looked at first, in this order. */
export const INTERNAL_DATABASES = ['__INTERNAL_DB', '__PRE_AGG_DB', 'INFORMATION_SCHEMA'] as const;

export interface Tablet {
  endpoint: string;
  /** It serves, as far as the nameserver knows (`kHealthy`). */
  healthy: boolean;
}

export interface Replica {
  endpoint: string;
  /** Flagged as leader by the nameserver. After a change of leader that was cut short two are, and one of them is not alive. */
  leader: boolean;
  alive: boolean;
  /** Entries it is known to hold; absent when it was not reported since the nameserver started. */
  offset?: bigint;
}

/** A reign: the term a leader got, and the first offset that is its own. */
export interface Term {
  term: bigint;
  offset: bigint;
}

export interface Partition {
  pid: number;
  replicas: Replica[];
  /** Oldest first. */
  terms: Term[];
}

export interface Table {
  db: string;
  name: string;
  tid: number;
  storageMode: string;
  partitions: Partition[];
}

/** What a tablet says of one partition it has in memory. */
export interface Loaded {
  mode: 'kTableLeader' | 'kTableFollower';
  state: string;
  offset: bigint;
}

/** What is known of a replica on its tablet: `unknown` where the tablet cannot be asked. */
export type Held = Loaded | 'absent' | 'unknown';

export interface Op {
  id: bigint;
  type: string;
  db: string;
  table: string;
  pid: number;
  status: string;
  /** The task it is at, or failed at. */
  task: string;
  /** Seconds since the epoch; 0: not yet. */
  startTime: bigint;
  endTime: bigint;
  forReplicaCluster: boolean;
}

export function isUnfinished({ status }: Pick<Op, 'status'>): boolean {
  return status === 'kInited' || status === 'kDoing';
}

/** A cluster as planners see it. */
export interface ClusterSnapshot {
  tablets: Tablet[];
  tables: Table[];
  /** By endpoint and `partitionKey`; a tablet that cannot be asked has no entry. Only of those that were asked. */
  held: ReadonlyMap<string, ReadonlyMap<string, Loaded>>;
  /** Undefined: this server has no such setting. */
  autoFailover: boolean | undefined;
  /** Not finished when the snapshot was taken. */
  ops: Op[];
}

/** Who holds a partition and who leads it. */
export type Placement = {
  replicas: string[];
  leader: string | null;
};

/** One partition that is to change. */
export type Change = {
  db: string;
  table: string;
  tid: number;
  pid: number;
  before: Placement;
  goal: Placement;
};

export function partitionKey(tid: number, pid: number): string {
  return `${tid}_${pid}`;
}

/** How people name a partition. */
export function partitionName({ db, table, pid }: { db: string; table: string; pid: number }): string {
  return `${db}.${table}/${pid}`;
}

/** Whoever is flagged and alive; the flag alone where nobody is. */
export function leaderOf({ replicas }: Partition): Replica | undefined {
  return replicas.find(({ leader, alive }) => leader && alive) ?? replicas.find(({ leader }) => leader);
}

export function placementOf(partition: Partition): Placement {
  return { replicas: partition.replicas.map(({ endpoint }) => endpoint), leader: leaderOf(partition)?.endpoint ?? null };
}

/** Everything is as it should be, as far as the nameserver knows: all alive on healthy tablets, and one leads. */
export function isSound({ replicas }: Partition, healthy: ReadonlySet<string>): boolean {
  return replicas.every(({ alive, endpoint }) => alive && healthy.has(endpoint)) && replicas.filter(({ leader }) => leader).length === 1;
}
