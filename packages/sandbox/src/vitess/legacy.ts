/**
 * vtctld and vtworker of Vitess 7 over the same cluster: commands that stream their log and end with their error. vtworker runs one command at
 * a time, keeps it until it is reset, and lets it die with its call. Master can be migrated once and not back.
 */
import { status } from '@grpc/grpc-js';
import type { Cluster } from './cluster.ts';
import type { Command, CommandServer, LogLine } from './command-server.ts';
import { CommandStatus, startCommandServer } from './command-server.ts';
import { diffRows } from './diff.ts';
import type { Reach } from './legacy-migrations.ts';
import { Migrations, overlaps } from './legacy-migrations.ts';
import { Workflow } from './streams.ts';
import type { ServedType, ShardState } from './topology.ts';

/** As jsonpb prints enums: by their numbers. */
const NUMBERS: Readonly<Record<ServedType, number>> = { PRIMARY: 1, REPLICA: 2, RDONLY: 3 };
const CLONE = 'filtered';
const RECENTLY_MS = 60_000;
const LOST = 'transport is closing';

export interface LegacyStandIn extends CommandServer {
  /** Commands that were sent, oldest first. */
  readonly asked: { program: string; args: string[] }[];
  /** Called at every place inside a command at which it can be cut: `MigrateServedTypes ks/0 master: updating destination shards`. */
  at: (step: string) => unknown;
  /** The next command of this name ends with this text, and nothing is done. */
  refuse(command: string, details: string): void;
  /** The next command of this name is done, and its connection is lost. */
  loseAnswer(command: string): void;
  /** The connection of the next command of this name is lost at once, and `land` does it all the same. */
  delay(command: string): { land(): Promise<void> };
  /** Every connection is lost: what is at work stops where it next looks. */
  disconnect(): void;
}

const line = (value: string, level: LogLine['level'] = 'INFO'): LogLine => ({ level, value });
const printed = (value: unknown): LogLine => line(`${JSON.stringify(value, undefined, '  ')}\n`, 'CONSOLE');

class Legacy {
  readonly asked: LegacyStandIn['asked'] = [];
  readonly refusals: Map<string, string> = new Map();
  readonly losses: Set<string> = new Set();
  readonly delays: Map<string, PromiseWithResolvers<() => Promise<void>>> = new Map();
  at: LegacyStandIn['at'] = () => undefined;
  readonly #cluster: Cluster;
  readonly #migrations: Migrations;
  readonly #calls: Set<AbortController> = new Set();
  #job: { name: string; running: boolean; stoppedAt: number; cancel: AbortController } | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#migrations = new Migrations(cluster);
  }

  disconnect(): void {
    for (const call of this.#calls) call.abort();
  }

  async *run({ args, program, signal }: Command): AsyncGenerator<LogLine> {
    this.asked.push({ program, args });
    const [name = ''] = args;
    const refused = this.refusals.get(name);
    if (refused !== undefined) {
      this.refusals.delete(name);
      throw new CommandStatus(refused);
    }
    const call = new AbortController();
    const delayed = this.delays.get(name);
    if (delayed) {
      this.delays.delete(name);
      delayed.resolve(async () => {
        for await (const _line of this.#execute(program, args, call.signal));
      });
      throw new CommandStatus(LOST, status.UNAVAILABLE);
    }
    this.#calls.add(call);
    try {
      yield* this.#execute(program, args, AbortSignal.any([signal, call.signal]));
    } catch (error) {
      if (!call.signal.aborted) throw error;
    } finally {
      this.#calls.delete(call);
    }
    if (call.signal.aborted || this.losses.delete(name)) throw new CommandStatus(LOST, status.UNAVAILABLE);
  }

  #execute(program: string, [name = '', ...rest]: string[], signal: AbortSignal): AsyncGenerator<LogLine> {
    const label = [name, ...rest.filter((arg) => !arg.startsWith('-'))].join(' ');
    const reach: Reach = async (step) => {
      if (step !== '') await this.at(`${label}: ${step}`);
      if (signal.aborted) throw new CommandStatus('context canceled', status.CANCELLED);
    };
    return program === 'vtworker' ? this.#worker(name, rest, signal, reach) : this.#vtctl(name, rest, reach);
  }

  async *#vtctl(name: string, args: string[], reach: Reach): AsyncGenerator<LogLine> {
    const flags = new Map(args.filter((arg) => arg.startsWith('--')).map((arg) => arg.slice(2).split('=') as [string, string]));
    const given = args.filter((arg) => !arg.startsWith('-'));
    const [place = '', type = ''] = given;
    const { topology } = this.#cluster;
    switch (name) {
      case 'GetCellInfoNames':
        return yield line(topology.cells.join('\n'), 'CONSOLE');
      case 'FindAllShardsInKeyspace':
        return yield printed(this.#shards(place));
      case 'GetShard':
        return yield printed(this.#shardRecord(this.#migrations.shard(place)));
      case 'GetSrvKeyspace':
        return yield printed(this.#served(given[1] ?? ''));
      case 'GetKeyspace':
        return yield printed({ served_froms: froms(topology.keyspace(place).recordedFrom) });
      case 'CopySchemaShard':
        return yield* this.#copySchema(place, given[1] ?? '', flags.get('tables'), reach);
      case 'WaitForFilteredReplication':
        return yield* this.#waitFor(given.at(-1) ?? '', reach);
      case 'MigrateServedTypes':
        return yield* this.#migrations.types({ place, type, flags, reach });
      case 'MigrateServedFrom':
        return yield* this.#migrations.from({ place, type, flags, reach });
      case 'CancelResharding':
        return yield* this.#cancel(place, reach);
      case 'RebuildKeyspaceGraph':
        this.#migrations.rebuild(topology.keyspace(place));
        return yield line(`rebuilt ${place}`);
      case 'SourceShardDelete': {
        const shard = this.#migrations.shard(place);
        shard.sourceShards = shard.sourceShards.filter(({ uid }) => String(uid) !== given[1]);
        return;
      }
      case 'RefreshStateByShard':
        return;
      default:
        throw new CommandStatus(`unknown command: ${name}`);
    }
  }

  #shards(keyspace: string): object {
    const { shards } = this.#cluster.topology.keyspace(keyspace);
    return Object.fromEntries([...shards.values()].map((shard) => [shard.name, this.#shardRecord(shard)]));
  }

  #shardRecord({ primary, primaryServing, frozen, denied, deniedReads, sourceShards }: ShardState): object {
    const tables = (type: ServedType): string[] => (type === 'PRIMARY' ? [...denied] : (deniedReads.get(type) ?? []));
    const controls = (Object.keys(NUMBERS) as ServedType[]).map((type) => ({
      tablet_type: NUMBERS[type],
      blacklisted_tables: tables(type),
      frozen: frozen && type === 'PRIMARY',
    }));
    return {
      master_alias: primary ? { cell: primary.cell, uid: primary.uid } : null,
      is_master_serving: primaryServing,
      source_shards: sourceShards,
      tablet_controls: controls.filter(({ blacklisted_tables, frozen: kept }) => kept || blacklisted_tables.length > 0),
    };
  }

  #served(name: string): object {
    const keyspace = this.#cluster.topology.keyspace(name);
    return {
      partitions: [...keyspace.served].map(([type, names]) => ({
        served_type: NUMBERS[type],
        shard_references: names.map((shard) => ({ name: shard })),
        shard_tablet_controls: [...keyspace.shards.values()]
          .filter(({ disabled }) => disabled.has(type))
          .map((shard) => ({ name: shard.name, query_service_disabled: true })),
      })),
      served_from: froms(keyspace.servedFrom),
    };
  }

  /** Streams that a clone has left running to a shard. */
  #filtered(target: ShardState): Workflow[] {
    return this.#cluster.workflows.all.filter(
      ({ name, streams }) => name.startsWith(CLONE) && streams.some((stream) => stream.target === target),
    );
  }

  async *#copySchema(from: string, to: string, tables: string | undefined, reach: Reach): AsyncGenerator<LogLine> {
    const source = this.#migrations.shard(from);
    const target = this.#migrations.shard(to);
    for (const table of tables?.split(',') ?? source.tables.keys()) {
      await reach('a table');
      target.rows(table);
      yield line(`copied the schema of ${table}`);
    }
  }

  async *#waitFor(place: string, reach: Reach): AsyncGenerator<LogLine> {
    const target = this.#migrations.shard(place);
    if (target.sourceShards.length === 0) throw new CommandStatus(`shard ${place} has no source shard`);
    await reach('waiting');
    while (!this.#filtered(target).every(({ caughtUp }) => caughtUp)) {
      await this.#cluster.nextTick();
      await reach('');
    }
    yield line('Filtered replication lag has fallen below the allowed lag', 'CONSOLE');
  }

  async *#cancel(place: string, reach: Reach): AsyncGenerator<LogLine> {
    const shard = this.#migrations.shard(place);
    const keyspace = this.#cluster.topology.keyspace(shard.keyspace);
    using _lock = await this.#migrations.lock(keyspace.name);
    await reach('');
    const migrated = `some served types have migrated for ${place}, please undo them before canceling`;
    let targets = [shard];
    if (keyspace.recordedFrom.size === 0) {
      ({ targets } = this.#migrations.ends(keyspace, shard));
      if (targets.some(({ name }) => [...keyspace.served.values()].some((names) => names.includes(name))))
        throw new CommandStatus(migrated);
    } else {
      const [from] = shard.sourceShards;
      if (!from) throw new CommandStatus(`destination shard ${place} is not a vertical split target`);
      const source = this.#cluster.topology.shard(from.keyspace, from.shard);
      if (source.denied.size + source.deniedReads.size > 0) throw new CommandStatus(migrated);
    }
    for (const target of targets) {
      await reach(`ending the streams to ${target.name}`);
      this.#migrations.removeStreams(target);
      target.sourceShards = [];
    }
    yield line(`cancelled the resharding of ${place}`);
  }

  async *#worker(name: string, args: string[], signal: AbortSignal, reach: Reach): AsyncGenerator<LogLine> {
    const now = this.#cluster.clock.now();
    if (name === 'Reset') {
      if (this.#job?.running) throw new CommandStatus('worker still executing', status.FAILED_PRECONDITION);
      this.#job = undefined;
      return;
    }
    if (name === 'Cancel') {
      this.#job?.cancel.abort();
      return;
    }
    if (this.#job?.running) throw new CommandStatus(`A worker job is already in progress: ${this.#job.name}`, status.UNAVAILABLE);
    if (this.#job && now - this.#job.stoppedAt < RECENTLY_MS)
      throw new CommandStatus(
        `A worker job was recently stopped (${Math.floor((now - this.#job.stoppedAt) / 1_000)} seconds ago): ${this.#job.name}. run the 'Reset' command to clear it`,
        status.UNAVAILABLE,
      );
    const job = { name, running: true, stoppedAt: 0, cancel: new AbortController() };
    this.#job = job;
    const over = AbortSignal.any([signal, job.cancel.signal]);
    try {
      const flags = new Map(args.filter((arg) => arg.startsWith('--')).map((arg) => arg.slice(2).split('=') as [string, string]));
      const place = this.#migrations.shard(args.at(-1) ?? '');
      yield* /Diff$/.test(name) ? this.#diff(place, reach) : this.#clone(name, place, flags.get('tables')?.split(','), over, reach);
    } finally {
      job.running = false;
      job.stoppedAt = this.#cluster.clock.now();
    }
  }

  async *#clone(name: string, place: ShardState, only: string[] | undefined, over: AbortSignal, reach: Reach): AsyncGenerator<LogLine> {
    const { topology, workflows } = this.#cluster;
    const vertical = name.startsWith('Vertical');
    const from = vertical
      ? topology.keyspace(topology.keyspace(place.keyspace).servedFrom.get('PRIMARY') ?? '')
      : topology.keyspace(place.keyspace);
    const source = vertical ? topology.shard(from.name, place.name) : place;
    const targets = vertical ? [place] : [...from.shards.values()].filter((shard) => overlaps(shard, place));
    const tables = only ?? [...source.tables.keys()];
    const known = workflows.find(place.keyspace, `${CLONE} ${source.name}`);
    if (known) workflows.remove(known);
    const ends = { source: from, target: topology.keyspace(place.keyspace), sourceShards: [source], targetShards: targets };
    const workflow = new Workflow(`${CLONE} ${source.name}`, vertical ? 'MoveTables' : 'Reshard', ends, tables, { start: true });
    // A clone that was begun before finds its rows there, and corrects them.
    for (const stream of workflow.streams)
      for (const table of tables)
        for (const id of [...stream.target.rows(table).keys()])
          if (stream.source.holds(id) || vertical) stream.target.rows(table).delete(id);
    workflows.all.push(workflow);
    yield line(`cloning ${tables.join(', ')}`);
    const go = async (step: string): Promise<void> => {
      await reach(step).catch(() => undefined);
      if (!over.aborted) return;
      workflows.remove(workflow);
      throw new CommandStatus('vtworker command was canceled: context canceled', status.CANCELLED);
    };
    await go('copying');
    while (!workflow.streams.every(({ begun, state }) => begun && state === 'Running')) {
      await this.#cluster.nextTick();
      await go('');
    }
    await go('filtered replication is set up');
    for (const { id, target } of workflow.streams) {
      const from = { keyspace: source.keyspace, shard: source.name };
      const others = target.sourceShards.filter((one) => one.keyspace !== from.keyspace || one.shard !== from.shard);
      target.sourceShards = [...others, { uid: id, ...from, tables: vertical ? tables : [] }];
    }
    yield line('the clone is through');
  }

  async *#diff(place: ShardState, reach: Reach): AsyncGenerator<LogLine> {
    await reach('comparing');
    const workflows = this.#filtered(place);
    if (workflows.length === 0) throw new CommandStatus(`shard ${place.keyspace}/${place.name} has no filtered replication`);
    let different = 0;
    for (const workflow of workflows) {
      const responses = diffRows(workflow, 'legacy', true) as Record<string, { output: { rows: { values: Buffer }[] } }>;
      for (const { values } of responses[place.name]?.output.rows ?? [])
        if (!/"MismatchedRows":0,"ExtraRowsSource":0,"ExtraRowsTarget":0/.test(values.toString())) different += 1;
    }
    if (different > 0) throw new CommandStatus(`${different} tables differ`);
    yield line('no differences', 'CONSOLE');
  }
}

const froms = (map: ReadonlyMap<ServedType, string>): object[] =>
  [...map].map(([type, keyspace]) => ({ tablet_type: NUMBERS[type], keyspace }));

/** Both programs on one port of 127.0.0.1. */
export async function startLegacy(cluster: Cluster): Promise<LegacyStandIn> {
  const legacy = new Legacy(cluster);
  const server = await startCommandServer({ run: (command) => legacy.run(command), clock: cluster.clock });
  return {
    ...server,
    asked: legacy.asked,
    get at() {
      return legacy.at;
    },
    set at(told) {
      legacy.at = told;
    },
    refuse: (command, details) => void legacy.refusals.set(command, details),
    loseAnswer: (command) => void legacy.losses.add(command),
    delay(command) {
      const delayed = Promise.withResolvers<() => Promise<void>>();
      legacy.delays.set(command, delayed);
      return { land: async () => (await delayed.promise)() };
    },
    disconnect: () => legacy.disconnect(),
  };
}
