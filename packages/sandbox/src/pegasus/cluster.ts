/** A cluster as it lives: its tables, its clock, and its neighbours. */
import type { Clock } from '@longshore/core';
import {
  DENY,
  type Dialect,
  type Duplication,
  type DupStatus,
  deniesWrites,
  freshShipper,
  type Partition,
  type PegasusTimes,
  pendingOf,
  type Table,
} from './state.ts';

export interface TableSpec {
  name: string;
  partitions: number;
  id?: number;
  replicaCount?: number;
  dataVersion?: string;
  /** Of each partition; 0 when absent. */
  writesPerSecond?: number;
  /** Rows of every partition; as many as decrees when absent. */
  rows?: number;
  /** Decrees that every partition has to begin with. */
  committed?: number;
  envs?: Readonly<Record<string, string>>;
}

export interface ClusterState {
  name: string;
  dialect: Dialect;
  zookeeperHosts: string;
  times: PegasusTimes;
  /** Mutations a second that each partition ships. */
  shipsPerSecond: number;
  /** Mutations that clients have written to each partition while it was copied. */
  wroteWhileCopying: number;
  /** Nothing is shipped any more, and nobody says why. */
  stuck: boolean;
  /** It answers nobody, its neighbours neither. */
  dead: boolean;
  /** The counters of duplications are there; 2.4 and 2.5 have them. */
  counters: boolean;
  /** They tell what they estimate of their rows. */
  estimates: boolean;
  /** `/replica/duplication` is there. */
  shippingPage: boolean;
  deadNodes: Set<string>;
}

interface NodeClock {
  /** Phases, so that no two nodes do anything at the same time. */
  syncAt: number;
  configSyncAt: number;
  snapshotAt: number;
  statsAt: number;
  /** The counter of pending mutations as it was last set, until it is read into a snapshot: reading sets it to 0. */
  pendingCounter: number;
  snapshot: Map<string, number>;
  /** Shipped of each partition when the last snapshot was made. */
  shippedAtSnapshot: Map<string, number>;
  snapshotMadeAt: number;
}

export class PegasusClusterState {
  readonly settings: ClusterState;
  readonly tables: Table[] = [];
  /** Clusters it may duplicate to, by name: `[pegasus.clusters]`. */
  readonly neighbours: Map<string, PegasusClusterState> = new Map();
  readonly nodes: string[] = [];
  metas: string[] = [];
  #leader = 0;
  failedShipping = 0;
  /** Called when a duplication is added, removed or changed; for tests that count. */
  readonly history: string[] = [];
  /** How freely the meta moves partitions about: lively. */
  level = 500;
  readonly #clock: Clock;
  readonly #nodeClocks = new Map<string, NodeClock>();
  #now: number;
  #advancing = false;

  constructor(settings: ClusterState, clock: Clock) {
    this.settings = settings;
    this.#clock = clock;
    this.#now = clock.now();
  }

  now(): number {
    return this.#clock.now();
  }

  /** Which of the metas leads. */
  get leader(): number {
    return this.#leader;
  }

  /** A new one knows what is stored, and of what is not only what it is told from now on. */
  set leader(at: number) {
    if (at !== this.#leader)
      for (const { duplications } of this.tables)
        for (const { shippers } of duplications) for (const shipper of shippers) shipper.told = -1;
    this.#leader = at;
  }

  addNode(address: string): void {
    const at = this.#nodeClocks.size;
    const { syncMs, configSyncMs, snapshotMs, statsMs } = this.settings.times;
    const phase = (period: number): number => this.#now + ((at * 0.37 + 0.13) % 1) * period;
    this.nodes.push(address);
    this.#nodeClocks.set(address, {
      syncAt: phase(syncMs),
      configSyncAt: phase(configSyncMs),
      snapshotAt: phase(snapshotMs),
      statsAt: phase(statsMs),
      pendingCounter: 0,
      snapshot: new Map(),
      shippedAtSnapshot: new Map(),
      snapshotMadeAt: this.#now,
    });
  }

  addTable(spec: TableSpec): Table {
    const { partitions, replicaCount = 3, committed = 1 } = spec;
    const envs = new Map(Object.entries(spec.envs ?? {}));
    const table: Table = {
      id: spec.id ?? Math.max(1, ...this.tables.map(({ id }) => id)) + 1,
      name: spec.name,
      status: 'AS_AVAILABLE',
      envs,
      learnt: new Map(this.nodes.map((node) => [node, { envs: new Map(envs), at: this.#now }])),
      dataVersion: spec.dataVersion ?? '1',
      versionAt: new Map(),
      replicaCount,
      // One that was there before has been looked at.
      estimates: new Map(this.nodes.map((node) => [node, Array.from({ length: partitions }, () => spec.rows ?? committed)])),
      estimatedShare: 1,
      partitions: Array.from({ length: partitions }, (_, index) => {
        const holders = Array.from(
          { length: Math.min(replicaCount, this.nodes.length) },
          (_one, at) => this.nodes[(index + at) % Math.min(this.nodes.length, Math.max(3, partitions))] ?? '',
        );
        return {
          primary: holders[0] ?? '',
          secondaries: [...new Set(holders.slice(1))],
          ballot: 3,
          committed,
          lastClient: committed,
          carry: 0,
          wroteAt: this.#now,
          entries: spec.rows ?? committed,
        };
      }),
      duplications: [],
      createdAt: this.#now,
      availableAt: 0,
      writesPerSecond: spec.writesPerSecond ?? 0,
    };
    this.tables.push(table);
    return table;
  }

  table(name: string): Table | undefined {
    return this.tables.find((table) => table.name === name && table.status !== 'AS_DROPPED');
  }

  alive(node: string): boolean {
    return !this.settings.dead && !this.settings.deadNodes.has(node);
  }

  movePrimary(table: Table, index: number): void {
    this.advance();
    const partition = table.partitions[index];
    const next = partition?.secondaries[0];
    if (partition === undefined || next === undefined) return;
    partition.secondaries = [...partition.secondaries.slice(1), partition.primary];
    partition.primary = next;
    partition.ballot += 1;
    // Its duplicator begins anew at what was stored.
    for (const dup of table.duplications) {
      const shipper = dup.shippers[index];
      if (shipper && shipper.confirmed >= 0) shipper.last = shipper.confirmed;
    }
  }

  /** Brings everything up to now, event after event, so that what is read is what had happened by then. */
  advance(): void {
    if (this.#advancing) return; // asked by a neighbour that is being advanced itself
    this.#advancing = true;
    const end = this.#clock.now();
    for (;;) {
      const due = Math.min(
        ...[...this.#nodeClocks.values()].map(({ syncAt, configSyncAt, snapshotAt, statsAt }) =>
          Math.min(syncAt, configSyncAt, snapshotAt, statsAt),
        ),
      );
      this.#flow(Math.min(due, end));
      if (due > end) break;
      for (const [node, clock] of this.#nodeClocks) this.#tick(node, clock, due);
    }
    this.#advancing = false;
  }

  /** Writes of clients and shipping, from the last moment to this. */
  #flow(to: number): void {
    const from = this.#now;
    if (to <= from) return;
    this.#now = to;
    const seconds = (to - from) / 1000;
    for (const table of this.tables) {
      if (table.status === 'AS_CREATING' && to >= table.availableAt) table.status = 'AS_AVAILABLE';
      if (table.status !== 'AS_AVAILABLE') continue;
      for (const [index, partition] of table.partitions.entries()) {
        this.#write(table, partition, from, to);
        for (const dup of table.duplications) this.#ship(table.name, index, dup, partition, seconds);
      }
    }
  }

  #write(table: Table, partition: Partition, from: number, to: number): void {
    const { groupCheckMs, commitMs } = this.settings.times;
    const learnt = table.learnt.get(partition.primary);
    const denied = learnt !== undefined && deniesWrites(learnt.envs.get(DENY));
    const until = denied ? Math.min(to, learnt.at + commitMs) : to;
    const seconds = Math.max(0, until - from) / 1000;
    partition.carry += table.writesPerSecond * seconds;
    const whole = Math.floor(partition.carry);
    partition.carry -= whole;
    if (whole > 0) {
      partition.committed += whole;
      partition.entries += whole;
      partition.lastClient = partition.committed;
      partition.wroteAt = until;
    } else if (to - partition.wroteAt >= groupCheckMs) {
      partition.committed += 1;
      partition.wroteAt = to;
    }
  }

  #ship(name: string, index: number, dup: Duplication, partition: Partition, seconds: number): void {
    const shipper = dup.shippers[index];
    if (shipper === undefined || dup.status !== 'DS_LOG' || shipper.last < 0) return;
    if (partition.committed <= shipper.last) return;
    const target = this.neighbours.get(dup.remote);
    if (target === undefined || target.settings.dead || this.settings.deadNodes.has(partition.primary)) {
      this.failedShipping += seconds;
      return;
    }
    if (this.settings.stuck) return;
    shipper.carry += this.settings.shipsPerSecond * seconds;
    const whole = Math.floor(shipper.carry);
    shipper.carry -= whole;
    const before = shipper.last;
    shipper.last = Math.min(partition.committed, shipper.last + whole);
    const follower = target.table(name)?.partitions[index];
    // Empty ones are no rows.
    if (follower) follower.entries += Math.max(0, Math.min(shipper.last, partition.lastClient) - before);
    if (shipper.last === partition.committed) shipper.carry = 0;
  }

  #tick(node: string, clock: NodeClock, now: number): void {
    const { syncMs, configSyncMs, snapshotMs, statsMs } = this.settings.times;
    if (clock.statsAt <= now) {
      clock.statsAt += statsMs;
      for (const table of this.tables)
        if (table.status === 'AS_AVAILABLE')
          table.estimates.set(
            node,
            table.partitions.map(({ entries }) => Math.round(entries * table.estimatedShare)),
          );
    }
    if (clock.configSyncAt <= now) {
      clock.configSyncAt += configSyncMs;
      if (this.alive(node))
        for (const table of this.tables) {
          const known = table.learnt.get(node);
          if (known === undefined || known.envs.get(DENY) !== table.envs.get(DENY))
            table.learnt.set(node, { envs: new Map(table.envs), at: now });
        }
    }
    if (clock.syncAt <= now) {
      clock.syncAt += syncMs;
      if (this.alive(node)) this.#sync(node, clock, now);
    }
    if (clock.snapshotAt <= now) {
      clock.snapshotAt += snapshotMs;
      this.#snapshot(node, clock, now);
    }
  }

  #sync(node: string, clock: NodeClock, now: number): void {
    clock.pendingCounter = 0;
    for (const table of this.tables) {
      for (const dup of table.duplications) {
        for (const [index, partition] of table.partitions.entries()) {
          const shipper = dup.shippers[index];
          if (partition.primary !== node || shipper === undefined) continue;
          shipper.syncs += 1;
          shipper.told = partition.committed;
          if (shipper.syncs === 1) shipper.last = Math.max(partition.committed, 1);
          if (shipper.syncs >= 3) shipper.prepared = true;
          if (dup.status === 'DS_LOG' && shipper.last > shipper.confirmed && now - shipper.storedAt >= this.settings.times.storeMs) {
            shipper.confirmed = shipper.last;
            shipper.storedAt = now;
          }
          clock.pendingCounter += pendingOf(partition, shipper);
        }
        this.#step(table, dup, now);
      }
    }
  }

  /** What the meta does about a duplication when it hears from replicas. */
  #step(table: Table, dup: Duplication, now: number): void {
    const target = this.neighbours.get(dup.remote);
    if (target === undefined || target.settings.dead) return;
    if (dup.status === 'DS_PREPARE' && dup.shippers.every(({ prepared }) => prepared)) {
      const there = target.table(table.name);
      const ours = there?.envs.get('duplication.master_cluster') === this.settings.name;
      if (there !== undefined && !(ours && this.settings.dialect === '2.6' && there.status === 'AS_CREATING')) return; // for ever
      if (there === undefined) target.#follow(table, this, now);
      dup.status = 'DS_APP';
    } else if (dup.status === 'DS_APP') {
      target.advance();
      const there = target.table(table.name);
      if (there?.status === 'AS_AVAILABLE' && there.partitions.length === table.partitions.length) {
        dup.status = 'DS_LOG';
        for (const partition of table.partitions) {
          partition.committed += this.settings.wroteWhileCopying;
          partition.entries += this.settings.wroteWhileCopying;
          if (this.settings.wroteWhileCopying > 0) partition.lastClient = partition.committed;
        }
      }
    }
  }

  /** Makes the table that follows one of another cluster, with the envs that one has now. */
  #follow(master: Table, cluster: PegasusClusterState, now: number): void {
    const table = this.addTable({
      name: master.name,
      partitions: master.partitions.length,
      replicaCount: master.replicaCount,
      envs: {
        ...Object.fromEntries(master.envs),
        'duplication.master_cluster': cluster.settings.name,
        'duplication.master_metas': cluster.metas.join(','),
      },
    });
    for (const [index, partition] of table.partitions.entries()) partition.entries = master.partitions[index]?.entries ?? 0;
    table.estimates.clear(); // its replicas are opened now
    table.status = 'AS_CREATING';
    table.availableAt = now + this.settings.times.copyMs;
  }

  addDuplication(table: Table, remote: string, checkpoint: boolean): Duplication {
    let id = Math.floor(this.#now / 1000);
    while (this.tables.some(({ duplications }) => duplications.some((dup) => dup.id === id))) id += 1;
    const dup: Duplication = {
      id,
      remote,
      status: checkpoint ? 'DS_PREPARE' : 'DS_LOG',
      createdAt: this.#now,
      checkpoint,
      failMode: 'FAIL_SLOW',
      shippers: table.partitions.map(freshShipper),
    };
    table.duplications.push(dup);
    this.history.push(`add ${table.name} ${remote}`);
    return dup;
  }

  setStatus(table: Table, dup: Duplication, status: DupStatus): void {
    dup.status = status;
    this.history.push(`${status} ${table.name} ${dup.remote}`);
    if (status === 'DS_REMOVED') table.duplications = table.duplications.filter((one) => one !== dup);
  }

  setEnv(table: Table, key: string, value: string | undefined): void {
    if (value === undefined) table.envs.delete(key);
    else table.envs.set(key, value);
    if (key === DENY) this.history.push(`deny ${table.name} ${value ?? 'nothing'}`);
  }

  /** Mutations of clients that the target has not got. */
  unshipped(name: string): number {
    this.advance();
    const table = this.table(name);
    const dup = table?.duplications[0];
    if (table === undefined) return 0;
    return table.partitions.reduce((sum, { lastClient }, index) => {
      const last = dup?.shippers[index]?.last ?? -1;
      return sum + Math.max(0, lastClient - last);
    }, 0);
  }

  #snapshot(node: string, clock: NodeClock, now: number): void {
    const seconds = Math.max(0.001, (now - clock.snapshotMadeAt) / 1000);
    clock.snapshotMadeAt = now;
    clock.snapshot = new Map([['replica*eon.replica_stub*dup.pending_mutations_count', clock.pendingCounter]]);
    clock.pendingCounter = 0;
    if (this.settings.estimates)
      for (const table of this.tables)
        for (const [index] of table.partitions.entries())
          if (holds(table, index, node))
            clock.snapshot.set(`replica*app.pegasus*rdb.estimate_num_keys@${table.id}.${index}`, table.estimates.get(node)?.[index] ?? 0);
    for (const table of this.tables)
      for (const dup of table.duplications)
        for (const [index, partition] of table.partitions.entries()) {
          const shipper = dup.shippers[index];
          if (partition.primary !== node || shipper === undefined) continue;
          const key = `${table.id}.${index}`;
          const before = clock.shippedAtSnapshot.get(key) ?? Math.max(0, shipper.last);
          clock.shippedAtSnapshot.set(key, Math.max(0, shipper.last));
          clock.snapshot.set(`replica*app.pegasus*dup_shipped_ops@${key}`, Math.max(0, shipper.last - before) / seconds);
          clock.snapshot.set(`replica*app.pegasus*dup_failed_shipping_ops@${key}`, this.failedShipping > 0 ? 1 : 0);
        }
  }

  counters(node: string): Map<string, number> {
    this.advance();
    return this.#nodeClocks.get(node)?.snapshot ?? new Map();
  }
}

export function holds(table: Table, index: number, node: string): boolean {
  const partition = table.partitions[index];
  return partition?.primary === node || partition?.secondaries.includes(node) === true;
}
