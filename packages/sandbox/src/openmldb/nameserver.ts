/** The calls of the leading nameserver, each with its checks in the order the server makes them. */
import type { Fields, Message } from './json.ts';
import type { OpMaker, Place } from './ops.ts';
import type { ClusterState, OpState, PartitionState, TableState } from './state.ts';

const S = { type: 'string' } as const;
const N = { type: 'number' } as const;
const NEEDED_S = { type: 'string', required: true } as const;
const NEEDED_N = { type: 'number', required: true } as const;
const PARTITION: Fields = {
  pid: NEEDED_N,
  partition_meta: {
    type: 'messages',
    fields: { endpoint: NEEDED_S, is_leader: { type: 'bool', required: true }, is_alive: { type: 'bool' }, offset: N },
  },
  term_offset: { type: 'messages', fields: { term: NEEDED_N, offset: NEEDED_N } },
};
/** Queues that a call may spread its ops over. */
const MOST_QUEUES = 8;
const CONF: Fields = { key: NEEDED_S, value: NEEDED_S };

export const NAMESERVER_METHODS: Readonly<Record<string, Fields>> = {
  ShowTablet: {},
  ShowDatabase: {},
  UseDatabase: { db: S },
  ShowTable: { name: S, db: S, show_all: { type: 'bool' } },
  ConfGet: {},
  ConfSet: { conf: { type: 'message', required: true, fields: CONF } },
  ShowOPStatus: { name: S, pid: N, db: S, op_id: N },
  CancelOP: { op_id: N },
  DeleteOP: { db: S, op_id: N, status: S },
  ChangeLeader: { name: NEEDED_S, pid: NEEDED_N, candidate_leader: S, db: S },
  RecoverTable: { name: NEEDED_S, pid: NEEDED_N, endpoint: NEEDED_S, db: S },
  Migrate: { src_endpoint: NEEDED_S, name: NEEDED_S, pid: { type: 'numbers' }, des_endpoint: NEEDED_S, db: S },
  AddReplicaNS: { name: NEEDED_S, pid: NEEDED_N, endpoint: NEEDED_S, pid_group: { type: 'numbers' }, db: S },
  DelReplicaNS: { name: NEEDED_S, pid: NEEDED_N, endpoint: NEEDED_S, pid_group: { type: 'numbers' }, db: S },
  OfflineEndpoint: { endpoint: NEEDED_S, concurrency: N },
  RecoverEndpoint: { endpoint: NEEDED_S, need_restore: { type: 'bool' }, concurrency: N },
  GetTablePartition: { name: S, pid: N, db: S },
  SetTablePartition: { name: S, db: S, table_partition: { type: 'message', fields: PARTITION } },
  UpdateTableAliveStatus: { name: S, endpoint: S, pid: N, is_alive: { type: 'bool' }, db: S },
};

/** Refused while auto_failover is on. */
const BY_HAND = new Set([
  'ChangeLeader',
  'RecoverTable',
  'Migrate',
  'UpdateTableAliveStatus',
  'CancelOP',
  'OfflineEndpoint',
  'RecoverEndpoint',
  'SetTablePartition',
]);
export const CHANGES: ReadonlySet<string> = new Set([...BY_HAND, 'ConfSet', 'DeleteOP', 'AddReplicaNS', 'DelReplicaNS']);

const OK: Message = { code: 0, msg: 'ok' };

/** ShowTablet's `real_endpoint`, where servers have names. */
export type RealAddress = (endpoint: string) => string | undefined;

export class NameserverCalls {
  readonly #state: ClusterState;
  readonly #ops: OpMaker;
  readonly #real: RealAddress;

  constructor(state: ClusterState, ops: OpMaker, real: RealAddress) {
    this.#state = state;
    this.#ops = ops;
    this.#real = real;
  }

  call(method: string, body: Message): Message {
    if (this.#state.autoFailover && BY_HAND.has(method)) return { code: 301, msg: 'auto_failover is enabled' };
    switch (method) {
      case 'ShowTablet':
        return { ...OK, tablets: this.#tablets() };
      case 'ShowDatabase':
        return { ...OK, db: this.#state.databases };
      case 'UseDatabase':
        return this.#state.databases.includes(String(body.db)) ? OK : { code: 802, msg: 'database not found' };
      case 'ShowTable':
        return { ...OK, table_info: this.#tables(body) };
      case 'ConfGet':
        return {
          ...OK,
          conf: this.#state.autoFailover === undefined ? [] : [{ key: 'auto_failover', value: String(this.#state.autoFailover) }],
        };
      case 'ConfSet':
        return this.#confSet(body.conf as { key: string; value: string });
      case 'ShowOPStatus':
        return { ...OK, op_status: this.#opStatus(body) };
      case 'CancelOP':
        return this.#cancel(BigInt((body.op_id as number | bigint | undefined) ?? 0));
      case 'DeleteOP':
        return this.#delete(body);
      case 'ChangeLeader':
        return this.#changeLeader(body);
      case 'RecoverTable':
        return this.#recoverTable(body);
      case 'Migrate':
        return this.#migrate(body);
      case 'AddReplicaNS':
        return this.#addReplica(body);
      case 'DelReplicaNS':
        return this.#delReplica(body);
      case 'OfflineEndpoint':
      case 'RecoverEndpoint':
        return this.#wholeEndpoint(method, body);
      case 'GetTablePartition': {
        const place = this.#place(body);
        return isPlace(place) ? { ...OK, table_partition: partitionMessage(place.partition) } : place;
      }
      case 'SetTablePartition':
        return this.#setPartition(body);
      default:
        return this.#updateAlive(body);
    }
  }

  #tablets(): Message[] {
    return [...this.#state.tablets.values()].map(({ endpoint, healthy }) => ({
      endpoint,
      state: healthy ? 'kHealthy' : 'kOffline',
      age: 1_000n,
      real_endpoint: this.#real(endpoint),
    }));
  }

  #tables({ name, db, show_all: all }: Message): Message[] {
    return this.#state.tables
      .filter(
        (table) =>
          all === true || ((db === undefined || table.db === db || table.db === '') && (name === undefined || table.name === name)),
      )
      .map((table) => this.#table(table));
  }

  #table({ name, db, tid, storageMode, replicaNum, partitions }: TableState): Message {
    return {
      name,
      tid,
      partition_num: partitions.length,
      replica_num: replicaNum,
      db: db === '' ? undefined : db,
      storage_mode: storageMode === 'kMemory' ? undefined : storageMode,
      table_partition: partitions.map(partitionMessage),
    };
  }

  #confSet({ key, value }: { key: string; value: string }): Message {
    const wanted = value.toLowerCase();
    if (key !== 'auto_failover' || !['true', 'false'].includes(wanted)) return { code: 307, msg: 'invalid parameter' };
    this.#state.autoFailover = wanted === 'true';
    return OK;
  }

  #opStatus({ name, pid, db, op_id: id }: Message): Message[] {
    const wanted = (op: OpState): boolean =>
      (name === undefined || op.name === name) &&
      (pid === undefined || op.pid === Number(pid)) &&
      (db === undefined || op.db === db) &&
      (id === undefined || op.id === BigInt(id as number | bigint));
    return this.#state
      .allOps()
      .filter(wanted)
      .map((op) => ({
        op_id: op.id,
        op_type: op.type,
        status: op.status,
        start_time: op.startTime,
        end_time: op.endTime,
        task_type: op.status === 'kInited' ? '-' : (op.tasks[op.at]?.name ?? '-'),
        name: op.name,
        pid: op.pid,
        for_replica_cluster: 0,
        db: op.db,
      }));
  }

  #cancel(id: bigint): Message {
    const op = this.#state.queues.flat().find((one) => one.id === id);
    if (!op) return { code: 312, msg: 'op status is not kDoing or kInited' };
    op.cancelled = true;
    return OK;
  }

  /** One by its id, or all that ended so. */
  #delete({ op_id: id, status, db }: Message): Message {
    if (id === undefined && ['kDone', 'kFailed', 'kCanceled'].includes(String(status))) {
      this.#state.history = this.#state.history.filter((op) => op.status !== status || (db !== undefined && op.db !== db));
      return OK;
    }
    if (id === undefined) return { code: 307, msg: 'invalid parameter' };
    const before = this.#state.history.length;
    this.#state.history = this.#state.history.filter((op) => op.id !== BigInt(id as number | bigint));
    return this.#state.history.length < before ? OK : { code: 136, msg: 'op id does not exist' };
  }

  #place({ db, name, pid }: Message): Place | Message {
    const table = this.#state.table(String(db ?? ''), String(name));
    if (!table) return { code: 100, msg: 'table is not exist' };
    const partition = table.partitions.find((one) => one.pid === Number(pid));
    return partition ? { table, partition } : { code: 308, msg: `pid is not exist` };
  }

  #changeLeader(body: Message): Message {
    const place = this.#place(body);
    if (!isPlace(place)) return place;
    const { metas } = place.partition;
    if (metas.length === 1) return { code: 134, msg: 'table has no followers' };
    const candidate = body.candidate_leader as string | undefined;
    const leader = this.#state.leader(place.partition);
    if (leader && candidate === undefined) return { code: 309, msg: 'leader is alive' };
    const alive = metas.filter(({ isLeader, isAlive }) => !isLeader && isAlive);
    if (alive.length === 0) return { code: 310, msg: 'no alive follower' };
    const able = alive.filter(({ endpoint }) => this.#state.tablet(endpoint)?.healthy);
    const chosen = candidate === undefined || candidate === 'auto' ? undefined : candidate;
    if (chosen !== undefined && !able.some(({ endpoint }) => endpoint === chosen)) return { code: 305, msg: 'create op failed' };
    // With nobody able the server says ok and makes no op.
    if (able.length > 0) this.#ops.changeLeader(place, chosen);
    return OK;
  }

  #recoverTable(body: Message): Message {
    const endpoint = String(body.endpoint);
    const tablet = this.#state.tablet(endpoint);
    if (!tablet) return { code: 302, msg: 'endpoint is not exist' };
    if (!tablet.healthy) return { code: 303, msg: 'tablet is not healthy' };
    const place = this.#place(body);
    if (!isPlace(place)) return place;
    const meta = place.partition.metas.find((one) => one.endpoint === endpoint);
    if (!meta) return { code: 308, msg: `pid ${place.partition.pid} is not in ${endpoint}` };
    if (meta.isAlive) return { code: 311, msg: 'table is alive, need not recover' };
    // Ok even where no op could be made.
    if (place.partition.metas.length === 1 || this.#state.leader(place.partition)) this.#ops.recoverTable(place, endpoint);
    return OK;
  }

  #migrate(body: Message): Message {
    const from = String(body.src_endpoint);
    const to = String(body.des_endpoint);
    if (!this.#state.tablet(from)?.healthy) return { code: 318, msg: 'src_endpoint is not exist or not healthy' };
    if (!this.#state.tablet(to)?.healthy) return { code: 319, msg: 'des_endpoint is not exist or not healthy' };
    const places: Place[] = [];
    for (const pid of (body.pid as (number | bigint)[] | undefined) ?? []) {
      const place = this.#place({ ...body, pid });
      if (!isPlace(place)) return place;
      const problem = this.#migrateProblem(place, from, to);
      if (problem !== undefined) return { code: 320, msg: problem };
      places.push(place);
    }
    for (const place of places) this.#ops.migrate(place, from, to);
    return OK;
  }

  #migrateProblem({ table: { name }, partition }: Place, from: string, to: string): string | undefined {
    const { pid, metas } = partition;
    const leader = this.#state.leader(partition)?.endpoint;
    if (leader === undefined) return `leader endpoint is empty. name[${name}] pid[${pid}]`;
    if (leader === from) return `cannot migrate leader. name[${name}] pid[${pid}]`;
    if (!this.#state.tablet(leader)?.healthy) return `leader[${leader}] is offline. name[${name}] pid[${pid}]`;
    const alive = metas.filter(({ isAlive }) => isAlive).map(({ endpoint }) => endpoint);
    if (!alive.includes(from)) return `src_endpoint[${from}] has not partition[${pid}]. name[${name}]`;
    if (alive.includes(to)) return `partition[${pid}] is already in des_endpoint[${to}]. name[${name}]`;
    return undefined;
  }

  #addReplica(body: Message): Message {
    const endpoint = String(body.endpoint);
    if (!this.#state.tablet(endpoint)?.healthy) return { code: 303, msg: 'tablet is not healthy' };
    const place = this.#place(body);
    if (!isPlace(place)) return place;
    const { pid, metas } = place.partition;
    if (metas.some((meta) => meta.endpoint === endpoint)) return { code: 317, msg: `pid ${pid} is exist in ${endpoint}` };
    return this.#ops.addReplica(place, endpoint) ? OK : { code: 305, msg: 'create op failed' };
  }

  #delReplica(body: Message): Message {
    const endpoint = String(body.endpoint);
    const place = this.#place(body);
    if (!isPlace(place)) return place;
    if (!this.#state.tablet(endpoint)?.healthy) return { code: 303, msg: 'tablet is not healthy' };
    const meta = place.partition.metas.find((one) => one.endpoint === endpoint);
    if (!meta) return { code: 308, msg: `pid ${place.partition.pid} is not in ${endpoint}` };
    if (meta.isLeader) return { code: 102, msg: `can not del leader. pid ${place.partition.pid} endpoint ${endpoint}` };
    this.#ops.delReplica(place, endpoint);
    return OK;
  }

  #wholeEndpoint(method: string, { endpoint: given, concurrency, need_restore: restore }: Message): Message {
    const endpoint = String(given);
    const queues = concurrency === undefined ? undefined : Number(concurrency);
    if (queues !== undefined && queues > MOST_QUEUES) return { code: 307, msg: 'invalid parameter' };
    const tablet = this.#state.tablet(endpoint);
    if (!tablet) return { code: 302, msg: 'endpoint is not exist' };
    if (method === 'OfflineEndpoint') this.#ops.offlineEndpoint(endpoint, queues);
    else if (!tablet.healthy) return { code: 303, msg: 'tablet is not healthy' };
    else this.#ops.recoverEndpoint(endpoint, restore === true, queues);
    return OK;
  }

  /** What is given takes the place of what was there; nothing is done at the tablets. */
  #setPartition({ name, db, table_partition: given }: Message): Message {
    const {
      pid,
      partition_meta: metas = [],
      term_offset: terms = [],
    } = (given ?? {}) as {
      pid?: number;
      partition_meta?: { endpoint: string; is_leader: boolean; is_alive?: boolean; offset?: number | bigint }[];
      term_offset?: { term: number | bigint; offset: number | bigint }[];
    };
    const place = this.#place({ name, db, pid });
    if (!isPlace(place)) return place;
    place.partition.metas = metas.map(({ endpoint, is_leader: isLeader, is_alive: isAlive = true, offset }) => ({
      endpoint,
      isLeader,
      isAlive,
      offset: offset === undefined ? undefined : BigInt(offset),
    }));
    place.partition.terms = terms.map(({ term, offset }) => ({ term: BigInt(term), offset: BigInt(offset) }));
    return OK;
  }

  /** Without a pid, every partition of the table that is there. */
  #updateAlive({ db, name, endpoint, pid, is_alive: alive }: Message): Message {
    if (!this.#state.tablet(String(endpoint))) return { code: 302, msg: 'endpoint is not exist' };
    const table = this.#state.table(String(db ?? ''), String(name));
    if (!table) return { code: 100, msg: 'table is not exist' };
    let updated = 0;
    for (const partition of table.partitions)
      for (const meta of partition.metas) {
        if ((pid !== undefined && partition.pid !== Number(pid)) || meta.endpoint !== endpoint) continue;
        meta.isAlive = alive === true;
        updated += 1;
      }
    return updated > 0 ? OK : { code: 321, msg: 'no pid has update' };
  }
}

function partitionMessage({ pid, metas, terms }: PartitionState): Message {
  return {
    pid,
    partition_meta: metas.map(({ endpoint, isLeader, isAlive, offset }) => ({ endpoint, is_leader: isLeader, is_alive: isAlive, offset })),
    term_offset: terms,
  };
}

function isPlace(value: Place | Message): value is Place {
  return 'partition' in value;
}
