/** Workflows: streams that copy rows from shard to shard and then follow the changes, a few at every tick, as vreplication does. */
import type { KeyspaceState, ShardState, Topology } from './topology.ts';
import { rangeOf } from './topology.ts';

export type StreamState = 'Init' | 'Stopped' | 'Copying' | 'Running' | 'Error';

export interface StreamSettings {
  /** Ticks in which a stream that was started says "Running" and has not begun (Vitess answers a create too early). */
  startTicks: number;
  copyRowsPerTick: number;
  changesPerTick: number;
  /** A stream is made to stop with an error when it would copy a row that the target has already. */
  duplicatesAreErrors: boolean;
}

let lastId = 0;

export class Stream {
  readonly id: number;
  readonly source: ShardState;
  readonly target: ShardState;
  readonly tables: string[];
  state: StreamState;
  message = '';
  /** Changes of the source that are applied; -1: it has not begun. */
  position = -1;
  rowsCopied = 0;
  throttledAt = 0;
  /** Rows still to be copied, by table. */
  readonly pending: Map<string, string[]> = new Map();
  readonly copied: Map<string, number> = new Map();
  #ticks = 0;

  constructor(source: ShardState, target: ShardState, tables: string[], start: boolean) {
    lastId += 1;
    this.id = lastId;
    this.source = source;
    this.target = target;
    this.tables = tables;
    // Looks as if it ran before it has begun.
    this.state = start ? 'Running' : 'Stopped';
  }

  get begun(): boolean {
    return this.position >= 0;
  }

  /** Oldest change that is not applied, ms ago; 0 when there is none. */
  lagMs(now: number): number {
    const next = this.begun ? this.source.binlog.slice(this.position).find((change) => this.wants(change)) : undefined;
    return next ? now - next.at : 0;
  }

  wants({ table, id }: { table: string; id: string }): boolean {
    return this.tables.includes(table) && this.target.holds(id);
  }

  /** Begins behind what the source has now, with nothing to copy: what reverse streams do. */
  follow(): void {
    this.position = this.source.binlog.length;
    this.state = 'Running';
  }

  tick(settings: StreamSettings, share: number): void {
    if (this.state === 'Stopped' || this.state === 'Error') return;
    if (this.target.primary?.down || this.source.primary?.down) return;
    if (!this.begun) {
      this.#ticks += 1;
      if (this.#ticks <= settings.startTicks) return;
      this.position = this.source.binlog.length;
      for (const table of this.tables) {
        this.target.rows(table);
        this.pending.set(
          table,
          [...(this.source.tables.get(table)?.keys() ?? [])].filter((id) => this.target.holds(id)),
        );
        this.copied.set(table, 0);
      }
      this.state = 'Copying';
      return;
    }
    if (this.state === 'Copying') this.#copy(Math.ceil(settings.copyRowsPerTick * share), settings.duplicatesAreErrors);
    else this.apply(settings.changesPerTick);
  }

  #copy(rows: number, duplicatesAreErrors: boolean): void {
    let room = rows;
    for (const [table, ids] of this.pending) {
      while (room > 0) {
        const [id] = ids;
        if (id === undefined) break;
        const there = this.target.rows(table);
        if (duplicatesAreErrors && there.has(id)) {
          this.state = 'Error';
          this.message = `terminal error: error applying event: Duplicate entry '${id}' for key '${table}.PRIMARY' (errno 1062) (sqlstate 23000)`;
          return;
        }
        ids.shift();
        there.set(id, this.source.tables.get(table)?.get(id) ?? '');
        this.copied.set(table, (this.copied.get(table) ?? 0) + 1);
        this.rowsCopied += 1;
        room -= 1;
      }
      if (ids.length === 0) this.pending.delete(table);
      if (room === 0) break;
    }
    if (this.pending.size === 0) this.state = 'Running';
  }

  /** Applies so many changes of the source. */
  apply(count: number): void {
    let left = count;
    while (left > 0 && this.position < this.source.binlog.length) {
      const change = this.source.binlog[this.position]!;
      if (this.wants(change)) this.target.rows(change.table).set(change.id, change.value);
      this.position += 1;
      left -= 1;
    }
  }
}

export type WorkflowType = 'Reshard' | 'MoveTables';

export class Workflow {
  readonly name: string;
  readonly type: WorkflowType;
  readonly source: KeyspaceState;
  readonly target: KeyspaceState;
  readonly sourceShards: ShardState[];
  readonly targetShards: ShardState[];
  readonly tables: string[];
  readonly streams: Stream[];
  frozen = false;
  /** Writes were switched, or are about to be: from here a switch can only be finished. */
  journaled = false;
  readonly diffs: Map<string, { atTick: number }> = new Map();
  /** Reverse of this workflow's name, when it is one. */
  readonly reverseOf: string | undefined;

  constructor(
    name: string,
    type: WorkflowType,
    ends: { source: KeyspaceState; target: KeyspaceState; sourceShards: ShardState[]; targetShards: ShardState[] },
    tables: string[],
    options: { start: boolean; reverseOf?: string },
  ) {
    this.name = name;
    this.type = type;
    this.source = ends.source;
    this.target = ends.target;
    this.sourceShards = ends.sourceShards;
    this.targetShards = ends.targetShards;
    this.tables = tables;
    this.reverseOf = options.reverseOf;
    this.streams = this.targetShards.flatMap((target) =>
      this.sourceShards.filter((source) => overlap(source, target)).map((source) => new Stream(source, target, tables, options.start)),
    );
  }

  get caughtUp(): boolean {
    return this.streams.every((stream) => stream.begun && stream.state === 'Running' && stream.position >= stream.source.binlog.length);
  }
}

function overlap(a: ShardState, b: ShardState): boolean {
  const one = rangeOf(a.name);
  const other = rangeOf(b.name);
  return one.from < other.to && other.from < one.to;
}

export class Workflows {
  readonly all: Workflow[] = [];
  readonly settings: StreamSettings;
  readonly topology: Topology;
  readonly #now: () => number;
  ticks = 0;

  constructor(topology: Topology, settings: StreamSettings, now: () => number) {
    this.topology = topology;
    this.settings = settings;
    this.#now = now;
  }

  find(keyspace: string, name: string): Workflow | undefined {
    return this.all.find((one) => one.target.name === keyspace && one.name === name);
  }

  get(keyspace: string, name: string): Workflow {
    const found = this.find(keyspace, name);
    if (!found)
      throw new Error(
        `failed to get workflow state for ${keyspace}.${name} workflow: no streams found in keyspace ${keyspace} for ${name}`,
      );
    return found;
  }

  remove(workflow: Workflow): void {
    this.all.splice(this.all.indexOf(workflow), 1);
  }

  tick(): void {
    this.ticks += 1;
    for (const workflow of this.all) {
      // What is frozen runs no more.
      if (workflow.frozen) continue;
      const { enabled, ratio, expiresAt } = workflow.source.throttler;
      const refused = enabled && expiresAt > this.#now() ? ratio : 0;
      for (const stream of workflow.streams) {
        if (refused > 0) stream.throttledAt = this.#now();
        stream.tick(this.settings, 1 - refused);
      }
    }
  }
}
