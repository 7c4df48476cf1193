/**
 * vtctld and vtworker of Vitess 7 over the same cluster: commands that stream their log and end with their error. vtworker runs one command at
 * a time, keeps it until it is reset, and lets it die with its call. Master can be migrated once and not back.
 */
import { status } from '@grpc/grpc-js';
import type { Cluster } from './cluster.ts';
import type { Command, CommandServer, LogLine } from './command-server.ts';
import { CommandStatus, startCommandServer } from './command-server.ts';
import { diffRows } from './diff.ts';
import { Workflow } from './streams.ts';
import type { KeyspaceState, ServedType, ShardState } from './topology.ts';
import { rangeOf } from './topology.ts';

const TYPES: Readonly<Record<string, ServedType>> = { master: 'PRIMARY', replica: 'REPLICA', rdonly: 'RDONLY' };
/** As jsonpb prints enums: by their numbers. */
const NUMBERS: Readonly<Record<ServedType, number>> = { PRIMARY: 1, REPLICA: 2, RDONLY: 3 };
const CLONE = 'filtered';
const RECENTLY_MS = 60_000;

export interface LegacyStandIn extends CommandServer {
  /** Commands that were sent, oldest first. */
  readonly asked: { program: string; args: string[] }[];
  /** The next command of this name ends with this text, and nothing is done. */
  refuse(command: string, details: string): void;
  /** The next command of this name is done, and its connection is lost. */
  loseAnswer(command: string): void;
}

const line = (value: string, level: LogLine['level'] = 'INFO'): LogLine => ({ level, value });
const printed = (value: unknown): LogLine => line(`${JSON.stringify(value, undefined, '  ')}\n`, 'CONSOLE');

function overlaps(a: ShardState, b: ShardState): boolean {
  const [one, other] = [rangeOf(a.name), rangeOf(b.name)];
  return a !== b && one.from < other.to && other.from < one.to;
}

class Legacy {
  readonly asked: LegacyStandIn['asked'] = [];
  readonly refusals: Map<string, string> = new Map();
  readonly losses: Set<string> = new Set();
  readonly #cluster: Cluster;
  #job: { name: string; running: boolean; stoppedAt: number; cancel: AbortController } | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async *run({ args, program, signal }: Command): AsyncGenerator<LogLine> {
    this.asked.push({ program, args });
    const [name = '', ...rest] = args;
    const refused = this.refusals.get(name);
    if (refused !== undefined) {
      this.refusals.delete(name);
      throw new CommandStatus(refused);
    }
    yield* program === 'vtworker' ? this.#worker(name, rest, signal) : this.#vtctl(name, rest);
    if (this.losses.delete(name)) throw new CommandStatus('transport is closing', status.UNAVAILABLE);
  }

  async *#vtctl(name: string, args: string[]): AsyncGenerator<LogLine> {
    const flags = new Map(args.filter((arg) => arg.startsWith('--')).map((arg) => arg.slice(2).split('=') as [string, string]));
    const given = args.filter((arg) => !arg.startsWith('-'));
    switch (name) {
      case 'GetCellInfoNames':
        return yield line(this.#cluster.topology.cells.join('\n'), 'CONSOLE');
      case 'FindAllShardsInKeyspace':
        return yield printed(this.#shards(given[0] ?? ''));
      case 'GetSrvKeyspace':
        return yield printed(this.#served(given[1] ?? ''));
      case 'GetKeyspace': {
        const { servedFrom } = this.#cluster.topology.keyspace(given[0] ?? '');
        return yield printed({ served_froms: [...servedFrom].map(([type, keyspace]) => ({ tablet_type: NUMBERS[type], keyspace })) });
      }
      case 'CopySchemaShard':
        return yield* this.#copySchema(given[0] ?? '', given[1] ?? '', flags.get('tables'));
      case 'WaitForFilteredReplication':
        return yield* this.#waitFor(given.at(-1) ?? '');
      case 'MigrateServedTypes':
        return yield* this.#migrateTypes(given[0] ?? '', given[1] ?? '', flags);
      case 'MigrateServedFrom':
        return yield* this.#migrateFrom(given[0] ?? '', given[1] ?? '', flags);
      case 'CancelResharding':
        return yield* this.#cancel(given[0] ?? '');
      case 'RebuildKeyspaceGraph':
        return yield line(`rebuilt ${given[0]}`);
      default:
        throw new CommandStatus(`unknown command: ${name}`);
    }
  }

  #place(place: string): ShardState {
    const at = place.indexOf('/');
    return this.#cluster.topology.shard(place.slice(0, at), place.slice(at + 1));
  }

  #shards(keyspace: string): object {
    const { shards } = this.#cluster.topology.keyspace(keyspace);
    return Object.fromEntries(
      [...shards.values()].map(({ name, primary, primaryServing }) => [
        name,
        { master_alias: primary ? { cell: primary.cell, uid: primary.uid } : null, is_master_serving: primaryServing },
      ]),
    );
  }

  #served(keyspace: string): object {
    const { served } = this.#cluster.topology.keyspace(keyspace);
    return {
      partitions: [...served].map(([type, names]) => ({ served_type: NUMBERS[type], shard_references: names.map((name) => ({ name })) })),
    };
  }

  /** Streams that a clone has left running to a shard. */
  #filtered(target: ShardState): Workflow[] {
    return this.#cluster.workflows.all.filter(
      ({ name, streams }) => name.startsWith(CLONE) && streams.some((stream) => stream.target === target),
    );
  }

  async *#copySchema(from: string, to: string, tables: string | undefined): AsyncGenerator<LogLine> {
    const source = this.#place(from);
    const target = this.#place(to);
    for (const table of tables?.split(',') ?? source.tables.keys()) {
      target.rows(table);
      yield line(`copied the schema of ${table}`);
    }
  }

  async *#waitFor(place: string): AsyncGenerator<LogLine> {
    const workflows = this.#filtered(this.#place(place));
    if (workflows.length === 0) throw new CommandStatus(`shard ${place} has no source shard`);
    while (!workflows.every(({ caughtUp }) => caughtUp)) await this.#cluster.nextTick();
    yield line('Filtered replication lag has fallen below the allowed lag', 'CONSOLE');
  }

  /** Brings what is to be switched to one point: clients cannot write meanwhile. */
  async #stopAndCatchUp(workflows: Workflow[], stop: (stopped: boolean) => void): Promise<void> {
    stop(true);
    const until = this.#cluster.clock.now() + 30_000;
    while (!workflows.every(({ caughtUp }) => caughtUp)) {
      if (this.#cluster.clock.now() > until) {
        stop(false);
        throw new CommandStatus('timed out waiting for filtered replication');
      }
      await this.#cluster.nextTick();
    }
  }

  async *#migrateTypes(place: string, type: string, flags: ReadonlyMap<string, string>): AsyncGenerator<LogLine> {
    const source = this.#place(place);
    const keyspace = this.#cluster.topology.keyspace(source.keyspace);
    const servedType = TYPES[type];
    if (!servedType) throw new CommandStatus(`${type} is no type that is served`);
    const back = flags.get('reverse') === 'true';
    if (servedType === 'PRIMARY' && back) throw new CommandStatus(`cannot migrate master back to ${place}`);
    if (servedType === 'PRIMARY' && flags.has('cells')) throw new CommandStatus(`cannot specify cells for master migration on ${place}`);
    const targets = [...keyspace.shards.values()].filter((shard) => overlaps(shard, source));
    if (targets.length === 0) throw new CommandStatus(`shard ${source.name} is not involved in any overlapping shards`);
    const workflows = [...new Set(targets.flatMap((target) => this.#filtered(target)))];
    if (workflows.length === 0)
      throw new CommandStatus(
        `neither Shard '${source.name}' nor Shard '${targets[0]?.name}' have a 'SourceShards' entry. Did you successfully run vtworker SplitClone before? Or did you already migrate the MASTER type?`,
      );
    const sources = [...keyspace.shards.values()].filter((shard) => targets.some((target) => overlaps(shard, target)));
    yield line(`Finding the overlapping shards in keyspace ${keyspace.name}`);
    if (servedType !== 'PRIMARY') {
      this.#serve(keyspace, servedType, back ? sources : targets, back ? targets : sources);
      return yield line('WaitForDrain: Sleeping finished. Shutting down queryservice on old tablets now.');
    }
    const others = (['REPLICA', 'RDONLY'] as const).filter((other) =>
      sources.some(({ name }) => keyspace.served.get(other)?.includes(name)),
    );
    if (others.length > 0)
      throw new CommandStatus(
        `cannot migrate MASTER away from ${place} until everything else is migrated. Make sure that the following types are migrated first: ${others.join(', ')}`,
      );
    await this.#stopAndCatchUp(workflows, (stopped) => {
      for (const shard of sources) shard.stopped = stopped;
    });
    this.#serve(keyspace, 'PRIMARY', targets, sources);
    for (const shard of sources) shard.primaryServing = false;
    for (const shard of targets) shard.primaryServing = true;
    for (const workflow of workflows) this.#cluster.workflows.remove(workflow);
  }

  #serve(keyspace: KeyspaceState, type: ServedType, to: ShardState[], from: ShardState[]): void {
    const kept = (keyspace.served.get(type) ?? []).filter((name) => !from.some((shard) => shard.name === name));
    keyspace.served.set(type, [...new Set([...kept, ...to.map(({ name }) => name)])]);
  }

  async *#migrateFrom(place: string, type: string, flags: ReadonlyMap<string, string>): AsyncGenerator<LogLine> {
    const target = this.#place(place);
    const keyspace = this.#cluster.topology.keyspace(target.keyspace);
    const servedType = TYPES[type];
    if (!servedType) throw new CommandStatus(`${type} is no type that is served`);
    const back = flags.get('reverse') === 'true';
    if (servedType === 'PRIMARY' && back) throw new CommandStatus(`cannot migrate master back to ${place}`);
    const workflows = this.#filtered(target);
    const [workflow] = workflows;
    if (!workflow) throw new CommandStatus(`destination shard ${place} is not a vertical split target`);
    if (servedType !== 'PRIMARY') {
      if (back) keyspace.servedFrom.set(servedType, workflow.source.name);
      else keyspace.servedFrom.delete(servedType);
      return yield line(`migrated ${type}`);
    }
    await this.#stopAndCatchUp(workflows, (stopped) => {
      for (const shard of workflow.sourceShards)
        for (const table of workflow.tables) stopped ? shard.denied.add(table) : shard.denied.delete(table);
    });
    keyspace.servedFrom.delete('PRIMARY');
    for (const one of workflows) this.#cluster.workflows.remove(one);
    yield line('migrated master');
  }

  async *#cancel(place: string): AsyncGenerator<LogLine> {
    const source = this.#place(place);
    const all = this.#cluster.workflows.all.filter(
      ({ name, sourceShards, targetShards }) => name.startsWith(CLONE) && [...sourceShards, ...targetShards].includes(source),
    );
    if (all.length === 0) throw new CommandStatus(`shard ${source.name} is not involved in any overlapping shards`);
    for (const workflow of all) {
      const serving = workflow.targetShards.some(({ name, keyspace }) =>
        [...this.#cluster.topology.keyspace(keyspace).served.values()].some((names) => names.includes(name)),
      );
      if (serving && workflow.source === workflow.target)
        throw new CommandStatus(`some served types have migrated for ${place}, please undo them before canceling`);
      this.#cluster.workflows.remove(workflow);
    }
    yield line(`cancelled the resharding of ${place}`);
  }

  async *#worker(name: string, args: string[], signal: AbortSignal): AsyncGenerator<LogLine> {
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
      const place = this.#place(args.at(-1) ?? '');
      yield* /Diff$/.test(name) ? this.#diff(place) : this.#clone(name, place, flags.get('tables')?.split(','), over);
    } finally {
      job.running = false;
      job.stoppedAt = this.#cluster.clock.now();
    }
  }

  async *#clone(name: string, place: ShardState, only: string[] | undefined, over: AbortSignal): AsyncGenerator<LogLine> {
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
    while (!workflow.streams.every(({ begun, state }) => begun && state === 'Running')) {
      if (over.aborted) {
        workflows.remove(workflow);
        throw new CommandStatus('vtworker command was canceled: context canceled', status.CANCELLED);
      }
      await this.#cluster.nextTick();
    }
    yield line('the clone is through');
  }

  async *#diff(place: ShardState): AsyncGenerator<LogLine> {
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

/** Both programs on one port of 127.0.0.1. */
export async function startLegacy(cluster: Cluster): Promise<LegacyStandIn> {
  const legacy = new Legacy(cluster);
  const server = await startCommandServer({ run: (command) => legacy.run(command), clock: cluster.clock });
  return Object.assign(server, {
    asked: legacy.asked,
    refuse: (command: string, details: string) => void legacy.refusals.set(command, details),
    loseAnswer: (command: string) => void legacy.losses.add(command),
  });
}
