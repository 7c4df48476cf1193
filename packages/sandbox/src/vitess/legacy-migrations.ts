/**
 * Moving what is served, as vtctld of Vitess 7 does it (`wrangler/keyspace.go`): a change of the topology after the other, under the context of the
 * call. Whose call is gone stops at the next one and leaves everything as it stands there: also what would have been undone, since undoing
 * needs the same context.
 */
import type { Cluster } from './cluster.ts';
import type { LogLine } from './command-server.ts';
import { CommandStatus } from './command-server.ts';
import type { KeyspaceState, ServedType, ShardState } from './topology.ts';
import { rangeOf } from './topology.ts';

export const TYPES: Readonly<Record<string, ServedType>> = { master: 'PRIMARY', replica: 'REPLICA', rdonly: 'RDONLY' };
/** How Vitess 7 names them in its texts. */
const TEXTS: Readonly<Record<ServedType, string>> = { PRIMARY: 'MASTER', REPLICA: 'REPLICA', RDONLY: 'RDONLY' };

/** Passes a place in a command at which it can be cut; throws where its call is gone. */
export type Reach = (step: string) => Promise<void>;

interface Migration {
  place: string;
  type: string;
  flags: ReadonlyMap<string, string>;
  reach: Reach;
}

const line = (value: string): LogLine => ({ level: 'INFO', value });

export function overlaps(a: ShardState, b: ShardState): boolean {
  const [one, other] = [rangeOf(a.name), rangeOf(b.name)];
  return a !== b && one.from < other.to && other.from < one.to;
}

export class Migrations {
  readonly #cluster: Cluster;
  /** Who waits last for the lock of a keyspace. */
  readonly #locks: Map<string, Promise<void>> = new Map();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  shard(place: string): ShardState {
    const at = place.indexOf('/');
    return this.#cluster.topology.shard(place.slice(0, at), place.slice(at + 1));
  }

  /** The lock of a keyspace, once it is free. */
  async lock(keyspace: string): Promise<Disposable> {
    const before = this.#locks.get(keyspace);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#locks.set(keyspace, promise);
    await before;
    return { [Symbol.dispose]: resolve };
  }

  async *types({ place, type, flags, reach }: Migration): AsyncGenerator<LogLine> {
    const shard = this.shard(place);
    const keyspace = this.#cluster.topology.keyspace(shard.keyspace);
    const { servedType, back } = this.#asked(place, type, flags);
    using _lock = await this.lock(keyspace.name);
    await reach('');
    yield line(`Finding the overlapping shards in keyspace ${keyspace.name}`);
    const { sources, targets } = this.ends(keyspace, shard);
    if (servedType === 'PRIMARY') return yield* this.#master(keyspace, sources, targets, reach);
    const [from, to] = back ? [targets, sources] : [sources, targets];
    await reach('updating shards to migrate from');
    for (const one of from) one.disabled.add(servedType);
    await reach('updating shards to migrate to');
    for (const one of to) one.disabled.delete(servedType);
    await reach('updating the serving graph');
    serve(keyspace, servedType, to, from);
    await reach('refreshing');
    yield line('WaitForDrain: Sleeping finished. Shutting down queryservice on old tablets now.');
  }

  /** Who gives and who takes among the shards that overlap with one. */
  ends(keyspace: KeyspaceState, shard: ShardState): { sources: ShardState[]; targets: ShardState[] } {
    const right = [...keyspace.shards.values()].filter((one) => overlaps(one, shard));
    if (right.length === 0) throw new CommandStatus(`shard ${shard.name} is not involved in any overlapping shards`);
    const left = [...keyspace.shards.values()].filter((one) => right.some((other) => overlaps(one, other)));
    const taking = (side: ShardState[]): boolean => side.some(({ sourceShards }) => sourceShards.length > 0);
    if (left.some(({ frozen }) => frozen)) return { sources: left, targets: right };
    if (right.some(({ frozen }) => frozen)) return { sources: right, targets: left };
    if (taking(left)) return { sources: right, targets: left };
    if (taking(right)) return { sources: left, targets: right };
    throw new CommandStatus(
      `neither Shard '${left[0]?.name}' nor Shard '${right[0]?.name}' have a 'SourceShards' entry. Did you successfully run vtworker SplitClone before? Or did you already migrate the MASTER type?`,
    );
  }

  async *#master(keyspace: KeyspaceState, sources: ShardState[], targets: ShardState[], reach: Reach): AsyncGenerator<LogLine> {
    const others = (['REPLICA', 'RDONLY'] as const).filter((other) =>
      sources.some(({ name }) => keyspace.served.get(other)?.includes(name)),
    );
    if (others.length > 0)
      throw new CommandStatus(
        `cannot migrate MASTER away from ${keyspace.name}/${sources[0]?.name} until everything else is migrated. Make sure that the following types are migrated first: ${others.join(', ')}`,
      );
    await reach('disabling query service on all source masters');
    for (const shard of sources) shard.disabled.add('PRIMARY');
    try {
      await reach('waiting for destination masters to catch up');
      await this.#caughtUp(targets, reach);
    } catch (error) {
      await reach('cancelMasterMigrateServedTypes');
      for (const shard of sources) shard.disabled.delete('PRIMARY');
      throw error;
    }
    for (const shard of sources) shard.frozen = true;
    await reach('updating destination shards');
    for (const shard of targets) {
      shard.disabled.delete('PRIMARY');
      this.removeStreams(shard);
      shard.sourceShards = [];
      shard.primaryServing = true;
      await reach(`destination ${shard.name} updated`);
    }
    serve(keyspace, 'PRIMARY', targets, sources);
    for (const shard of keyspace.shards.values()) shard.disabled.clear();
    await reach('the source masters serve no more');
    for (const shard of sources) shard.primaryServing = false;
    yield line('migrated master');
  }

  async *from({ place, type, flags, reach }: Migration): AsyncGenerator<LogLine> {
    const target = this.shard(place);
    const keyspace = this.#cluster.topology.keyspace(target.keyspace);
    const { servedType, back } = this.#asked(place, type, flags);
    using _lock = await this.lock(keyspace.name);
    await reach('');
    if (keyspace.recordedFrom.size === 0) throw new CommandStatus(`destination keyspace ${keyspace.name} is not a vertical split target`);
    const [from] = target.sourceShards;
    if (!from || from.tables.length === 0) throw new CommandStatus(`destination shard ${place} is not a vertical split target`);
    if (servedType === 'PRIMARY' && keyspace.recordedFrom.size > 1)
      throw new CommandStatus(`cannot migrate master into ${keyspace.name} until everything else is migrated`);
    if (!back && !keyspace.recordedFrom.has(servedType)) throw new CommandStatus('supplied type cannot be migrated');
    const source = this.#cluster.topology.shard(from.keyspace, from.shard);
    await reach('updating keyspace');
    if (servedType === 'PRIMARY') {
      // Not given back when it is not caught up with in time, as there.
      for (const table of from.tables) source.denied.add(table);
      await reach('waiting for destination master to catch up to source master');
      await this.#caughtUp([target], reach);
      this.removeStreams(target);
      await reach('keyspace is updated');
      keyspace.recordedFrom.delete(servedType);
      await reach('updating destination shard');
      target.sourceShards = [];
    } else {
      if (back) keyspace.recordedFrom.set(servedType, from.keyspace);
      else keyspace.recordedFrom.delete(servedType);
      await reach('updating source shard');
      if (back) source.deniedReads.delete(servedType);
      else source.deniedReads.set(servedType, from.tables);
    }
    await reach('rebuilding the serving graph');
    this.rebuild(keyspace);
    yield line(`migrated ${type}`);
  }

  rebuild(keyspace: KeyspaceState): void {
    keyspace.servedFrom.clear();
    for (const [type, from] of keyspace.recordedFrom) keyspace.servedFrom.set(type, from);
  }

  /** Ends what brings rows to a shard. */
  removeStreams(target: ShardState): void {
    const { workflows } = this.#cluster;
    for (const workflow of [...workflows.all]) {
      for (const stream of workflow.streams.filter((one) => one.target === target))
        workflow.streams.splice(workflow.streams.indexOf(stream), 1);
      if (workflow.streams.length === 0) workflows.remove(workflow);
    }
  }

  #asked(place: string, type: string, flags: ReadonlyMap<string, string>): { servedType: ServedType; back: boolean } {
    const servedType = TYPES[type];
    if (!servedType) throw new CommandStatus(`${type} is no type that is served`);
    const back = flags.get('reverse') === 'true';
    if (servedType === 'PRIMARY' && back) throw new CommandStatus(`cannot migrate ${TEXTS.PRIMARY.toLowerCase()} back to ${place}`);
    if (servedType === 'PRIMARY' && flags.has('cells')) throw new CommandStatus(`cannot specify cells for master migration on ${place}`);
    return { servedType, back };
  }

  /** Clients cannot write meanwhile. */
  async #caughtUp(targets: ShardState[], reach: Reach): Promise<void> {
    const { clock, workflows } = this.#cluster;
    const until = clock.now() + this.#cluster.settings.filteredWaitMs;
    const streams = workflows.all.flatMap((workflow) => workflow.streams.filter(({ target }) => targets.includes(target)));
    while (!streams.every(({ begun, state, position, source }) => begun && state === 'Running' && position >= source.binlog.length)) {
      if (clock.now() > until) throw new CommandStatus('timed out waiting for filtered replication');
      await this.#cluster.nextTick();
      await reach('');
    }
  }
}

function serve(keyspace: KeyspaceState, type: ServedType, to: ShardState[], from: ShardState[]): void {
  const kept = (keyspace.served.get(type) ?? []).filter((name) => !from.some((shard) => shard.name === name));
  keyspace.served.set(type, [...new Set([...kept, ...to.map(({ name }) => name)])]);
}
