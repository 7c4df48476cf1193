/** What an OpenMLDB cluster remembers: in ZooKeeper, in its nameservers' memory, and on its tablets. Plain data; who changes it when is elsewhere. */

export interface MetaState {
  endpoint: string;
  isLeader: boolean;
  isAlive: boolean;
  /** As the nameserver last heard. */
  offset: bigint | undefined;
}

export interface PartitionState {
  pid: number;
  metas: MetaState[];
  terms: { term: bigint; offset: bigint }[];
}

export interface TableState {
  db: string;
  name: string;
  tid: number;
  storageMode: string;
  replicaNum: number;
  partitions: PartitionState[];
}

export interface LoadedState {
  mode: 'kTableLeader' | 'kTableFollower';
  state: string;
  offset: bigint;
}

export interface TabletState {
  endpoint: string;
  /** Its process runs. */
  up: boolean;
  /** Its znode is there: `kHealthy`. */
  healthy: boolean;
  loaded: Map<string, LoadedState>;
  /** What lies in its files. */
  disk: Map<string, bigint>;
  /** Gets nothing of what leaders take, until it is let go. */
  slow?: boolean;
}

export interface OpState {
  id: bigint;
  type: string;
  db: string;
  name: string;
  pid: number;
  status: 'kInited' | 'kDoing' | 'kDone' | 'kFailed' | 'kCanceled';
  startTime: bigint;
  endTime: bigint;
  tasks: OpTask[];
  /** Which task it is at. */
  at: number;
  queue: number;
  cancelled?: true;
}

export interface OpTask {
  name: string;
  /** `wait`: not through yet; asked again at the next tick. */
  run(): 'ok' | 'fail' | 'wait';
}

export const keyOf = (tid: number, pid: number): string => `${tid}_${pid}`;

export class ClusterState {
  readonly tablets: Map<string, TabletState> = new Map();
  readonly tables: TableState[] = [];
  readonly databases: string[] = [];
  /** Ten, of which only the heads run. */
  readonly queues: OpState[][] = Array.from({ length: 10 }, () => []);
  history: OpState[] = [];
  opIndex = 0n;
  term = 1n;
  /** Undefined: this version has no such setting. */
  autoFailover: boolean | undefined = false;

  table(db: string, name: string): TableState | undefined {
    return this.tables.find((table) => table.db === db && table.name === name);
  }

  tablet(endpoint: string): TabletState | undefined {
    return this.tablets.get(endpoint);
  }

  loaded(endpoint: string, tid: number, pid: number): LoadedState | undefined {
    return this.tablets.get(endpoint)?.loaded.get(keyOf(tid, pid));
  }

  /** Alive and flagged. */
  leader({ metas }: PartitionState): MetaState | undefined {
    return metas.find(({ isLeader, isAlive }) => isLeader && isAlive);
  }

  /** Ascending by id. */
  allOps(): OpState[] {
    return [...this.history, ...this.queues.flat()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}
