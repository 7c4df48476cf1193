/**
 * A Vitess cluster in memory: keyspaces of shards with rows, who serves what, and a vtgate that sends reads and writes where the topology says.
 * Every shard keeps the changes that clients made to it in order, as its binlog; streams read them from there.
 */
import { createHash } from 'node:crypto';

export type ServedType = 'PRIMARY' | 'REPLICA' | 'RDONLY';
export const SERVED: readonly ServedType[] = ['PRIMARY', 'REPLICA', 'RDONLY'];

export interface TabletRecord {
  cell: string;
  uid: number;
  type: ServedType;
  keyspace: string;
  shard: string;
  startedAt: number;
  /** Its vttablet is dead: whoever asks it waits for ever. */
  down: boolean;
}

export interface Change {
  table: string;
  id: string;
  value: string;
  at: number;
}

export interface SourceShard {
  uid: number;
  keyspace: string;
  shard: string;
  /** None: all. */
  tables: string[];
}

/** What vtgate says when it cannot do what it was asked. */
export class QueryFailed extends Error {}

/** First byte of the keyspace id of a row, as the hash of its id. */
export function placeOf(id: string): number {
  return createHash('sha1').update(id).digest()[0] ?? 0;
}

/** `-80`, `80-`, `40-80`, `-` or `0`: bytes from, up to and not including. */
export function rangeOf(shard: string): { from: number; to: number; start: Buffer; end: Buffer } {
  const [, start = '', end = ''] = /^([0-9a-f]*)-([0-9a-f]*)$/i.exec(shard) ?? [];
  return {
    from: start === '' ? 0 : Number.parseInt(start.slice(0, 2), 16),
    to: end === '' ? 256 : Number.parseInt(end.slice(0, 2), 16),
    start: Buffer.from(start, 'hex'),
    end: Buffer.from(end, 'hex'),
  };
}

export class ShardState {
  readonly name: string;
  readonly keyspace: string;
  readonly tables: Map<string, Map<string, string>> = new Map();
  readonly binlog: Change[] = [];
  readonly tablets: TabletRecord[] = [];
  /** Its primary is meant to take writes. */
  primaryServing: boolean;
  /** Writes are refused for the time being: a switch is under way. */
  stopped = false;
  /** Tables whose writes are refused: they have been moved away. */
  readonly denied: Set<string> = new Set();
  /** Of Vitess up to 7: types whose queries the serving graph forbids here. */
  readonly disabled: Set<ServedType> = new Set();
  /** Of Vitess up to 7: its writes have left, or are about to, and the migration can only be finished. */
  frozen = false;
  /** Of Vitess up to 7: tables whose reads are refused, by type. */
  readonly deniedReads: Map<ServedType, string[]> = new Map();
  /** Of Vitess up to 7: where filtered replication brings its rows from; its primary serves nobody as long as there is something. */
  sourceShards: SourceShard[] = [];

  constructor(keyspace: string, name: string, serving: boolean) {
    this.keyspace = keyspace;
    this.name = name;
    this.primaryServing = serving;
  }

  holds(id: string): boolean {
    const { from, to } = rangeOf(this.name);
    const place = placeOf(id);
    return place >= from && place < to;
  }

  rows(table: string): Map<string, string> {
    const found = this.tables.get(table) ?? new Map<string, string>();
    this.tables.set(table, found);
    return found;
  }

  get primary(): TabletRecord | undefined {
    return this.tablets.find(({ type }) => type === 'PRIMARY');
  }
}

export class KeyspaceState {
  readonly name: string;
  readonly shards: Map<string, ShardState> = new Map();
  /** Shards that serve a type, by name. */
  readonly served: Map<ServedType, string[]> = new Map();
  sharded: boolean;
  /** Tables it knows of, with whether each has a primary vindex. */
  readonly vschema: Map<string, boolean> = new Map();
  /** Types that are served from another keyspace, as in the vertical split of old: in the serving graph, which vtgate goes by. */
  readonly servedFrom: Map<ServedType, string> = new Map();
  /** The same in the record of the keyspace, from which the graph is made. */
  readonly recordedFrom: Map<ServedType, string> = new Map();
  throttler = { enabled: true, ratio: 0, expiresAt: 0 };

  constructor(name: string, sharded: boolean) {
    this.name = name;
    this.sharded = sharded;
  }

  serving(type: ServedType): ShardState[] {
    return (this.served.get(type) ?? []).flatMap((name) => this.shards.get(name) ?? []);
  }
}

export interface KeyspaceOptions {
  /** Shards that serve everything. */
  shards: string[];
  /** Shards with tablets and a primary that serve nothing. */
  targets?: string[];
  /** Rows of each table, ids from 1. */
  tables?: Record<string, number>;
  /** Tables without a primary vindex. */
  withoutVindex?: string[];
  sharded?: boolean;
  /** Keyspace that everything is served from as long as a vertical split of old has not moved it. */
  servedFrom?: string;
  /** Whether its shards have tablets of the type RDONLY. */
  rdonly?: boolean;
}

export class Topology {
  readonly cells: string[];
  readonly keyspaces: Map<string, KeyspaceState> = new Map();
  /** `keyspace.table` or `keyspace.table@replica` to the keyspace that serves it. */
  readonly rules: Map<string, string> = new Map();
  /** Uids of the tablets vtgate knows. */
  readonly known: Set<number> = new Set();
  readonly #now: () => number;
  #uid = 100;

  constructor(cells: string[], now: () => number) {
    this.cells = cells;
    this.#now = now;
  }

  addKeyspace(name: string, options: KeyspaceOptions): void {
    const { shards, targets = [], tables = {}, withoutVindex = [], sharded = true, servedFrom, rdonly = true } = options;
    const keyspace = new KeyspaceState(name, sharded);
    this.keyspaces.set(name, keyspace);
    for (const shard of shards) this.#addShard(keyspace, shard, true, rdonly);
    for (const shard of targets) this.#addShard(keyspace, shard, false, rdonly);
    for (const type of SERVED) keyspace.served.set(type, [...shards]);
    if (servedFrom !== undefined)
      for (const map of [keyspace.servedFrom, keyspace.recordedFrom]) for (const type of SERVED) map.set(type, servedFrom);
    for (const [table, rows] of Object.entries(tables)) {
      keyspace.vschema.set(table, !withoutVindex.includes(table));
      for (const shard of keyspace.serving('PRIMARY')) shard.rows(table);
      for (let id = 1; id <= rows; id += 1)
        for (const shard of keyspace.serving('PRIMARY')) if (shard.holds(String(id))) shard.rows(table).set(String(id), `first ${id}`);
    }
  }

  #addShard(keyspace: KeyspaceState, name: string, serving: boolean, rdonly: boolean): void {
    const shard = new ShardState(keyspace.name, name, serving);
    keyspace.shards.set(name, shard);
    for (const type of SERVED) {
      if (type === 'RDONLY' && !rdonly) continue;
      const record = { cell: this.cells[0] ?? 'zone1', uid: this.#uid, type, keyspace: keyspace.name, shard: name };
      shard.tablets.push({ ...record, startedAt: this.#now(), down: false });
      this.#uid += 1;
    }
  }

  keyspace(name: string): KeyspaceState {
    const found = this.keyspaces.get(name);
    if (!found) throw new Error(`node doesn't exist: /vitess/global/keyspaces/${name}/Keyspace`);
    return found;
  }

  shard(keyspace: string, name: string): ShardState {
    const found = this.keyspace(keyspace).shards.get(name);
    if (!found) throw new Error(`node doesn't exist: /vitess/global/keyspaces/${keyspace}/shards/${name}/Shard`);
    return found;
  }

  tablets(): TabletRecord[] {
    return [...this.keyspaces.values()].flatMap(({ shards }) => [...shards.values()].flatMap(({ tablets }) => tablets));
  }

  tablet(alias: { uid: number } | null): TabletRecord {
    const found = this.tablets().find(({ uid }) => uid === alias?.uid);
    if (!found) throw new Error(`node doesn't exist: /vitess/zone1/tablets/zone1-${String(alias?.uid ?? 0).padStart(10, '0')}/Tablet`);
    return found;
  }

  /** vtgate reads the list of tablets anew. */
  refreshGate(): void {
    this.known.clear();
    for (const { uid, down } of this.tablets()) if (!down) this.known.add(uid);
  }

  /** The shard that vtgate would ask, whether or not it answers. */
  shardOf(keyspaceName: string, table: string, id: string, type: ServedType): ShardState | undefined {
    return this.#holder(keyspaceName, table, type)
      .serving(type)
      .find((one) => one.holds(id));
  }

  #holder(keyspaceName: string, table: string, type: ServedType): KeyspaceState {
    const suffix = type === 'PRIMARY' ? '' : `@${type.toLowerCase()}`;
    const ruled = this.rules.get(`${keyspaceName}.${table}${suffix}`) ?? keyspaceName;
    return this.keyspace(this.keyspace(ruled).servedFrom.get(type) ?? ruled);
  }

  /** The shard a query goes to, as vtgate finds it. */
  route(keyspaceName: string, table: string, id: string, type: ServedType): ShardState {
    const keyspace = this.#holder(keyspaceName, table, type);
    const shard = this.shardOf(keyspaceName, table, id, type);
    const target = `${keyspace.name}.${shard?.name ?? '?'}.${type.toLowerCase()}`;
    // Where a shard has none of its own, replicas answer for rdonly tablets too.
    const able = shard?.tablets.filter((tablet) => tablet.type === type || (type === 'RDONLY' && tablet.type === 'REPLICA')) ?? [];
    if (!shard || !able.some(({ uid, down }) => this.known.has(uid) && !down))
      throw new QueryFailed(
        `target: ${target}: no healthy tablet available for 'keyspace:"${keyspace.name}" shard:"${shard?.name ?? ''}" tablet_type:${type}'`,
      );
    if (!shard.tables.has(table))
      throw new QueryFailed(
        `target: ${target}: vttablet: Table 'vt_${keyspace.name}.${table}' doesn't exist (errno 1146) (sqlstate 42S02)`,
      );
    if (shard.disabled.has(type)) throw new QueryFailed(`target: ${target}: TabletControl.DisableQueryService set`);
    if (type === 'PRIMARY' && shard.sourceShards.length > 0)
      throw new QueryFailed(`target: ${target}: master tablet with filtered replication on`);
    if (shard.deniedReads.get(type)?.includes(table))
      throw new QueryFailed(`target: ${target}: disallowed due to rule: enforce blacklisted tables`);
    return shard;
  }

  /** A client's read; undefined when there is no such row. */
  read(keyspace: string, table: string, id: string, type: ServedType): string | undefined {
    return this.route(keyspace, table, id, type).rows(table).get(id);
  }

  /** A client's write. */
  write(keyspace: string, table: string, id: string, value: string): void {
    const shard = this.route(keyspace, table, id, 'PRIMARY');
    if (shard.stopped || !shard.primaryServing || shard.denied.has(table))
      throw new QueryFailed(`target: ${shard.keyspace}.${shard.name}.primary: disallowed due to rule: enforce denied tables`);
    shard.rows(table).set(id, value);
    shard.binlog.push({ table, id, value, at: this.#now() });
  }
}
