/**
 * How far a migration of served types is, from what the topology of Vitess up to 7 says, and what finishes one that stands half-way. vtctld changes
 * one record after the other under the context of the call (`wrangler/keyspace.go` of Vitess 7): one that was cut off stays where it was. Pure.
 */
import type { CellServed, ControlledShard } from '../client/legacy-topology.ts';

/** `between`: half-way; clients may get no answer from either. */
export type MigrationPlace = 'source' | 'destination' | 'between';

export interface MigrationState {
  place: MigrationPlace;
  /** What vtctld is to be asked for, in this order, to bring it where it is to be. */
  commands: string[][];
}

/** `source`: the record of the source shard, where its writes are moved. `command`: the migration itself, which finishes one of its own. */
export function servedTypesState(
  cells: readonly CellServed[],
  shard: string,
  source: ControlledShard | undefined,
  command: string[],
): MigrationState {
  const places = new Set(
    cells.map(({ shards, disabled }): MigrationPlace => {
      if (!shards.includes(shard)) return source?.masterServing ? 'between' : 'destination';
      return disabled.includes(shard) ? 'between' : 'source';
    }),
  );
  const [place = 'source'] = places;
  return { place: places.size > 1 ? 'between' : place, commands: [command] };
}

export interface ServedFromSeen {
  keyspace: string;
  shard: string;
  type: string;
  /** By the record of the keyspace, and by the serving graphs made from it. */
  recorded: boolean;
  inGraph: boolean;
  /** The source refuses the tables of this type. */
  denied: boolean;
  /** What still brings rows to the destination, whose primary serves nobody meanwhile. */
  sourceUids: readonly string[];
}

/**
 * The record is changed before the graphs. Once it is, the migration itself is refused, and what is left of it is done command by command.
 * `reverse`: it is to go back to the source.
 */
export function servedFromState(seen: ServedFromSeen, command: string[], reverse: boolean): MigrationState {
  const { keyspace, shard, type, recorded, inGraph, denied } = seen;
  const to = `${keyspace}/${shard}`;
  const unfed = type === 'master' ? seen.sourceUids : [];
  if (recorded && inGraph && !denied) return { place: 'source', commands: [command] };
  if (recorded || reverse) return { place: recorded || inGraph ? 'between' : 'destination', commands: [command] };
  const commands = [
    ...unfed.map((uid) => ['SourceShardDelete', to, uid]),
    ...(unfed.length > 0 ? [['RefreshStateByShard', to]] : []),
    ...(inGraph ? [['RebuildKeyspaceGraph', keyspace]] : []),
  ];
  return { place: commands.length === 0 ? 'destination' : 'between', commands };
}
