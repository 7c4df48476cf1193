/**
 * The client of one cluster: its leading nameserver, found through ZooKeeper, and its tablets. Reads are repeated by themselves; changes only
 * where it is certain that nothing was done (no connection, or code 300 of a nameserver that does not lead any more).
 */
import type { Clock, Random, RetryPolicy, Target, TargetSystem } from '@longshore/core';
import { LongshoreError } from '@longshore/core';
import { retry } from '@longshore/http';
import { connectZooKeeper, type ZooKeeper } from '@longshore/zookeeper';
import type { Loaded, Op, Table } from '../model.ts';
import { partitionKey } from '../model.ts';
import type { Call } from './brpc.ts';
import { CodeError, callServer, refused, type ServerDeps } from './brpc.ts';
import { NOT_LEADER, TABLE_EXISTS } from './codes.ts';
import { clusterIdentity, Directory, type Leader, parseCluster } from './directory.ts';
import { NotLeading, OutcomeUnknown } from './errors.ts';
import type { General, TableInfo } from './wire.ts';
import { databases, followers, general, ops, settings, statuses, tables, tablets } from './wire.ts';

/** Between the lock of a new leader and the end of its recovery it answers 300 still. */
const PATIENCE: RetryPolicy = { attempts: 12, firstPauseMs: 100, maxPauseMs: 2_000 };
const AUTO_FAILOVER = 'auto_failover';

/** A partition, as calls name it. */
export interface PartitionRef {
  db: string;
  table: string;
  pid: number;
}

export interface TabletInfo {
  endpoint: string;
  healthy: boolean;
  /** `host:port` to call. */
  address: string;
}

export interface LoadRequest extends PartitionRef {
  tid: number;
  storageMode: string;
}

export class OpenmldbClient implements AsyncDisposable {
  /** The name it was asked for by. */
  readonly cluster: string;
  /** What names the cluster, whatever it is called. */
  readonly identity: string;
  readonly #directory: Directory;
  readonly #zookeeper: ZooKeeper;
  readonly #deps: ServerDeps;
  readonly #random: Random;
  #leader: Leader | undefined;
  /** Of tablets, by endpoint. */
  #addresses = new Map<string, string>();

  constructor(target: Target, { clock, random, signal }: { clock: Clock; random: Random; signal: AbortSignal }) {
    const place = parseCluster(target.address);
    this.cluster = target.name;
    this.identity = clusterIdentity(place);
    const { user, password } = target.secrets;
    const auth = user === undefined || password === undefined ? {} : { auth: { user, password } };
    this.#zookeeper = connectZooKeeper(place.ensemble, { signal, ...auth });
    this.#directory = new Directory(this.#zookeeper, place);
    // The servers' own service token: what they take from each other where no user is asked for.
    this.#deps = { clock, signal, authorization: target.secrets.authorization ?? 'sdefault' };
    this.#random = random;
  }

  /** What the leading nameserver registered as. */
  async leader(): Promise<string> {
    return (await this.#leading()).name;
  }

  async tablets(): Promise<TabletInfo[]> {
    const answer = await this.#ask({ method: 'ShowTablet', body: {}, answer: tablets, what: 'list the tablets' });
    const found = answer.tablets.map(({ endpoint, state, real_endpoint: real }) => ({
      endpoint,
      healthy: state === 'kHealthy',
      address: real === undefined || real === '' || real === '-' ? endpoint : real,
    }));
    this.#addresses = new Map(found.map(({ endpoint, address }) => [endpoint, address]));
    return found;
  }

  /** Those of users. */
  async databases(): Promise<string[]> {
    return (await this.#ask({ method: 'ShowDatabase', body: {}, answer: databases, what: 'list the databases' })).db;
  }

  /** Of one database, one table of it, or all there are. */
  async tables(of: { db: string; table?: string } | 'all'): Promise<TableInfo[]> {
    const body = of === 'all' ? { show_all: true } : { db: of.db, ...(of.table === undefined ? {} : { name: of.table }), show_all: false };
    const what = of === 'all' ? 'list all tables' : `list ${of.table === undefined ? 'the tables' : of.table} of ${of.db}`;
    const found = (await this.#ask({ method: 'ShowTable', body, answer: tables, what })).table_info;
    // Old tables without a database are added to every answer.
    return of === 'all' ? found : found.filter(({ db, name }) => db === of.db && (of.table === undefined || name === of.table));
  }

  /** In the order of their ids. */
  async ops(of: { db?: string; table?: string; pid?: number } = {}): Promise<Op[]> {
    const body = {
      ...(of.db === undefined ? {} : { db: of.db }),
      ...(of.table === undefined ? {} : { name: of.table }),
      ...(of.pid === undefined ? {} : { pid: of.pid }),
    };
    const answer = await this.#ask({ method: 'ShowOPStatus', body, answer: ops, what: 'list the ops' });
    return answer.op_status.map((op) => ({
      id: op.op_id,
      type: op.op_type,
      db: op.db,
      table: op.name,
      pid: op.pid,
      status: op.status,
      task: op.task_type,
      startTime: op.start_time,
      endTime: op.end_time,
      forReplicaCluster: Boolean(op.for_replica_cluster),
    }));
  }

  /** Undefined where the server has no such setting. */
  async autoFailover(): Promise<boolean | undefined> {
    const { conf } = await this.#ask({ method: 'ConfGet', body: {}, answer: settings, what: `read ${AUTO_FAILOVER}` });
    const value = conf.find(({ key }) => key === AUTO_FAILOVER)?.value;
    return value === undefined ? undefined : value.toLowerCase() === 'true';
  }

  /** What a tablet has in memory, by `partitionKey`. A partition it lacks is left out. */
  async held(endpoint: string, one?: { tid: number; pid: number }): Promise<Map<string, Loaded>> {
    const answer = await this.#askTablet(endpoint, {
      method: 'GetTableStatus',
      body: { ...one },
      answer: statuses,
      what: 'list what it holds',
    });
    return new Map(answer.all_table_status.map(({ tid, pid, mode, state, offset }) => [partitionKey(tid, pid), { mode, state, offset }]));
  }

  /** Who follows the leader at this tablet. */
  async followersOf(endpoint: string, partition: { tid: number; pid: number }): Promise<string[]> {
    const what = `list the followers of ${partitionKey(partition.tid, partition.pid)}`;
    try {
      const answer = await this.#askTablet(endpoint, { method: 'GetTableFollower', body: { ...partition }, answer: followers, what });
      return answer.follower_info.map((one) => one.endpoint);
    } catch (error) {
      if (error instanceof CodeError) return [];
      throw error;
    }
  }

  async setAutoFailover(on: boolean): Promise<void> {
    const body = { conf: { key: AUTO_FAILOVER, value: String(on) } };
    await this.#change('ConfSet', body, `set ${AUTO_FAILOVER} to ${on}`);
  }

  async changeLeader({ db, table, pid }: PartitionRef, to: string): Promise<void> {
    await this.#change('ChangeLeader', { name: table, pid, candidate_leader: to, db }, `have ${db}.${table}/${pid} led from ${to}`);
  }

  async recoverTable({ db, table, pid }: PartitionRef, endpoint: string): Promise<void> {
    await this.#change('RecoverTable', { name: table, pid, endpoint, db }, `recover ${db}.${table}/${pid} at ${endpoint}`);
  }

  async migrate({ db, table, pid }: PartitionRef, from: string, to: string): Promise<void> {
    const body = { src_endpoint: from, name: table, pid: [pid], des_endpoint: to, db };
    await this.#change('Migrate', body, `migrate ${db}.${table}/${pid} from ${from} to ${to}`);
  }

  async addReplica({ db, table, pid }: PartitionRef, endpoint: string): Promise<void> {
    await this.#change('AddReplicaNS', { name: table, pid, endpoint, db }, `add ${db}.${table}/${pid} at ${endpoint}`);
  }

  async delReplica({ db, table, pid }: PartitionRef, endpoint: string): Promise<void> {
    await this.#change('DelReplicaNS', { name: table, pid, endpoint, db }, `remove ${db}.${table}/${pid} from ${endpoint}`);
  }

  /** Without its pid, as a number, the server would mark every partition of the table. */
  async mark({ db, table, pid }: PartitionRef, endpoint: string, alive: boolean): Promise<void> {
    const body = { name: table, endpoint, pid, is_alive: alive, db };
    await this.#change('UpdateTableAliveStatus', body, `mark ${db}.${table}/${pid} at ${endpoint} as ${alive ? 'alive' : 'not alive'}`);
  }

  async cancelOp(id: bigint): Promise<void> {
    await this.#change('CancelOP', { op_id: id }, `cancel the op ${id}`);
  }

  /** At the tablet that leads a partition. One whose snapshots are not paused says that it need not. */
  async resumeSnapshots(endpoint: string, { tid, pid }: { tid: number; pid: number }): Promise<void> {
    const what = `resume the snapshots of ${partitionKey(tid, pid)}`;
    const body = { tid, pid };
    try {
      await this.#tablet(endpoint, { service: 'TabletServer', method: 'RecoverSnapshot', body, answer: general, what, changes: true });
    } catch (error) {
      if (!(error instanceof CodeError)) throw error;
      throw refused(error, what, endpoint);
    }
  }

  /** From the tablet's own files, as leader. It answers at once and loads in the background. */
  async load(endpoint: string, { db, table, tid, pid, storageMode }: LoadRequest): Promise<void> {
    // The role is said: the file beside the data may still name an older one.
    const meta = { name: table, db, tid, pid, mode: 'kTableLeader', storage_mode: storageMode };
    const what = `load ${db}.${table}/${pid}`;
    try {
      await this.#tablet(endpoint, {
        service: 'TabletServer',
        method: 'LoadTable',
        body: { table_meta: meta },
        answer: general,
        what,
        changes: true,
      });
    } catch (error) {
      if (!(error instanceof CodeError)) throw error;
      if (error.code !== TABLE_EXISTS) throw refused(error, what, endpoint);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#zookeeper[Symbol.asyncDispose]();
  }

  async #leading(): Promise<Leader> {
    this.#leader ??= await this.#directory.leader();
    return this.#leader;
  }

  #ask<T extends General>(call: Omit<Call<T>, 'service' | 'changes'>): Promise<T> {
    return this.#nameserver({ ...call, service: 'NameServer' });
  }

  async #change(method: string, body: { [key: string]: unknown }, what: string): Promise<void> {
    await this.#nameserver({ service: 'NameServer', method, body, answer: general, what, changes: true });
  }

  /** Whoever does not lead any more, or does not answer, may have been followed by another: that is looked up before it is asked again. */
  #nameserver<T extends General>(call: Call<T>): Promise<T> {
    const once = async (): Promise<T> => {
      const leader = await this.#leading();
      try {
        return await callServer(leader.address, call, this.#deps);
      } catch (error) {
        if (error instanceof CodeError && error.code !== NOT_LEADER) throw refused(error, call.what, leader.name);
        this.#leader = undefined;
        if (error instanceof CodeError) throw NotLeading({ what: call.what, cluster: this.cluster, leader: leader.name }, { cause: error });
        throw error;
      }
    };
    return this.#patiently(call, once);
  }

  async #askTablet<T extends General>(endpoint: string, call: Omit<Call<T>, 'service' | 'changes'>): Promise<T> {
    return this.#tablet(endpoint, { ...call, service: 'TabletServer' });
  }

  async #tablet<T extends General>(endpoint: string, call: Call<T>): Promise<T> {
    if (!this.#addresses.has(endpoint)) await this.tablets();
    const address = this.#addresses.get(endpoint) ?? (await this.#directory.address(endpoint));
    const policy: RetryPolicy = { attempts: 3, firstPauseMs: 100, maxPauseMs: 1_000 };
    return this.#patiently(call, () => callServer(address, call, this.#deps), policy);
  }

  #patiently<T extends General>(call: Call<T>, once: () => Promise<T>, policy = PATIENCE): Promise<T> {
    const { clock, signal } = this.#deps;
    let unknown: unknown;
    // An unknown outcome is retryable, but not from here: it has to be looked at first.
    const guarded = async (): Promise<T | undefined> => {
      try {
        return await once();
      } catch (error) {
        if (!call.changes || !isUnknown(error)) throw error;
        unknown = error;
        return undefined;
      }
    };
    return retry(policy, clock, this.#random, guarded, { signal }).then((answer) => {
      if (answer === undefined) throw unknown;
      return answer;
    });
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof LongshoreError && OutcomeUnknown.is(error);
}

/** A table as planners see it. */
export function tableOf({ db, name, tid, storage_mode: storageMode, table_partition: partitions }: TableInfo): Table {
  return {
    db,
    name,
    tid,
    storageMode,
    partitions: partitions.map(({ pid, partition_meta: metas, term_offset: terms }) => ({
      pid,
      replicas: metas.map(({ endpoint, is_leader: leader, is_alive: alive, offset }) => ({
        endpoint,
        leader,
        alive,
        ...(offset === undefined ? {} : { offset }),
      })),
      terms: terms.map(({ term, offset }) => ({ term, offset })),
    })),
  };
}

export const openmldbCluster: TargetSystem<OpenmldbClient> = {
  system: 'openmldb',
  connect: (target, deps) => new OpenmldbClient(target, deps),
};
