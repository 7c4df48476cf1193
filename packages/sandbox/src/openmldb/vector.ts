/** Cases as they are recorded: a cluster in its starting state, what befalls it, and what it looks like. */
import type { OpenmldbStandIn } from './cluster.ts';
import type { TableState } from './state.ts';

type Num = number | bigint;

export interface RecordedMeta {
  endpoint: string;
  is_leader: boolean;
  is_alive?: boolean;
  offset?: Num;
}

export interface RecordedTable {
  tid: number;
  storage_mode?: string;
  replica_num?: number;
  partitions: Record<string, RecordedMeta[]>;
  term_offset?: Record<string, { term: Num; offset: Num }[]>;
}

export interface RecordedCluster {
  tablets: Record<
    string,
    {
      state: string;
      loaded: Record<string, { mode: 'kTableLeader' | 'kTableFollower'; state?: string; offset?: Num }>;
      disk?: Record<string, Num>;
    }
  >;
  dbs: Record<string, Record<string, RecordedTable>>;
  auto_failover?: boolean;
  op_index?: number;
  op_history?: {
    op_id: number;
    op_type: string;
    db: string;
    name: string;
    pid: number;
    status: string;
    start_time?: number;
    end_time?: number;
  }[];
}

/** Puts a cluster that was just started into a recorded state. */
export async function restore(cluster: OpenmldbStandIn, recorded: RecordedCluster): Promise<void> {
  const { state } = cluster;
  for (const [endpoint, { state: health, loaded, disk }] of Object.entries(recorded.tablets)) {
    const tablet = await cluster.addTablet(endpoint);
    for (const [key, { mode, state: own, offset }] of Object.entries(loaded))
      tablet.loaded.set(key, { mode, state: own ?? 'kTableNormal', offset: BigInt(offset ?? 0) });
    for (const [key, offset] of Object.entries(disk ?? {})) tablet.disk.set(key, BigInt(offset));
    if (health !== 'kHealthy') cluster.stopTablet(endpoint);
  }
  for (const [db, tables] of Object.entries(recorded.dbs)) {
    if (!db.startsWith('__') && db !== 'INFORMATION_SCHEMA') state.databases.push(db);
    for (const [name, table] of Object.entries(tables)) state.tables.push(tableOf(db, name, table));
  }
  state.autoFailover = recorded.auto_failover ?? false;
  state.opIndex = BigInt(recorded.op_index ?? 0);
  for (const op of recorded.op_history ?? [])
    state.history.push({
      id: BigInt(op.op_id),
      type: op.op_type,
      db: op.db,
      name: op.name,
      pid: op.pid,
      status: op.status as 'kDone',
      startTime: BigInt(op.start_time ?? 0),
      endTime: BigInt(op.end_time ?? 0),
      tasks: [],
      at: 0,
      queue: 0,
    });
}

function tableOf(db: string, name: string, table: RecordedTable): TableState {
  return {
    db,
    name,
    tid: table.tid,
    storageMode: table.storage_mode ?? 'kMemory',
    replicaNum: table.replica_num ?? Math.max(0, ...Object.values(table.partitions).map((metas) => metas.length)),
    partitions: Object.entries(table.partitions).map(([pid, metas]) => ({
      pid: Number(pid),
      metas: metas.map(({ endpoint, is_leader: isLeader, is_alive: isAlive, offset }) => ({
        endpoint,
        isLeader,
        isAlive: isAlive ?? true,
        offset: offset === undefined ? undefined : BigInt(offset),
      })),
      terms: (table.term_offset?.[pid] ?? []).map(({ term, offset }) => ({ term: BigInt(term), offset: BigInt(offset) })),
    })),
  };
}

/** Who holds what, by `db.table/pid`: replicas in the order of their endpoints, and what tablets have in memory. */
export interface Holding {
  partitions: Record<string, { endpoint: string; isLeader: boolean; isAlive: boolean }[]>;
  loaded: Record<string, Record<string, string>>;
  autoFailover: boolean | undefined;
}

export function holdingOf({ state }: OpenmldbStandIn): Holding {
  return {
    partitions: Object.fromEntries(
      state.tables.flatMap(({ db, name, partitions }) =>
        partitions.map(({ pid, metas }) => [
          `${db}.${name}/${pid}`,
          metas
            .map(({ endpoint, isLeader, isAlive }) => ({ endpoint, isLeader, isAlive }))
            .sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1)),
        ]),
      ),
    ),
    loaded: Object.fromEntries(
      [...state.tablets.values()].map(({ endpoint, loaded }) => [
        endpoint,
        Object.fromEntries([...loaded].map(([key, { mode, offset }]) => [key, `${mode} ${offset}`]).sort()),
      ]),
    ),
    autoFailover: state.autoFailover,
  };
}
