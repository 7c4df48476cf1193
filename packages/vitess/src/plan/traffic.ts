/** Where reads and writes of a workflow are, from what vtctld says of it. Pure. */
import type { Shard, SrvKeyspace, SrvVSchema, TabletType, Workflow, WorkflowStatus } from '../client/messages.ts';
import type { WorkflowRef } from '../workflow-ref.ts';

export type Place = 'source' | 'target' | 'both';
/** `stopped`: the side that has them refuses them. */
export type WritesPlace = 'source' | 'target' | 'stopped';

type Cells = Readonly<Record<string, SrvKeyspace>>;

/** Shards that serve a type, over all cells; two cells that differ give both. */
function serving(cells: Cells, type: TabletType): Set<string> {
  const partitions = Object.values(cells).flatMap((cell) => cell.partitions);
  return new Set(
    partitions.filter(({ served_type }) => served_type === type).flatMap((one) => one.shard_references.map(({ name }) => name)),
  );
}

function side(found: ReadonlySet<string>, { sourceShards, targetShards }: WorkflowRef): Place {
  const source = sourceShards.some((shard) => found.has(shard));
  const target = targetShards.some((shard) => found.has(shard));
  if (source === target) return 'both';
  return source ? 'source' : 'target';
}

/**
 * Where replicas and rdonly tablets are read. For a reshard the topology that vtgate goes by decides; for tables that move, the state that vtctld
 * makes of the routing rules.
 */
export function readsAre(ref: WorkflowRef, cells: Cells, status: WorkflowStatus | undefined): Place {
  if (ref.type === 'reshard') {
    const replica = side(serving(cells, 'REPLICA'), ref);
    const rdonly = side(serving(cells, 'RDONLY'), ref);
    return replica === rdonly ? replica : 'both';
  }
  const traffic = status?.traffic_state ?? '';
  if (/^All Reads Switched/.test(traffic)) return 'target';
  return /^Reads Not Switched/.test(traffic) ? 'source' : 'both';
}

/** Where the state that vtctld makes of the routing rules has writes. */
function toldWrites(status: WorkflowStatus | undefined): WritesPlace {
  const traffic = status?.traffic_state ?? '';
  return /Writes Switched/.test(traffic) ? 'target' : /Writes Not Switched/.test(traffic) ? 'source' : 'stopped';
}

/** Where the routing rules, which vtgate goes by, send the writes of tables that move. Without a rule a table is where it came from. */
function ruledWrites({ keyspace, sourceKeyspace, tables }: WorkflowRef, routes: readonly (SrvVSchema | undefined)[]): WritesPlace {
  const places = new Set(
    routes.flatMap((route): WritesPlace[] => {
      const rules = new Map((route?.routing_rules?.rules ?? []).map(({ from_table, to_tables }) => [from_table, to_tables[0] ?? '']));
      const from = (table: string): string => `${sourceKeyspace}.${table}`;
      const own =
        tables.length > 0 ? tables.map(from) : [...rules.keys()].filter((rule) => rule.startsWith(from('')) && !rule.includes('@'));
      return own.map((rule) => (rules.get(rule)?.startsWith(`${keyspace}.`) ? 'target' : 'source'));
    }),
  );
  const [place = 'source'] = places;
  return places.size > 1 ? 'stopped' : place;
}

/** Where clients write, and whether they can. `status`: what vtctld says of the workflow, or the routing rules of every cell in its place. */
export function writesAre(
  ref: WorkflowRef,
  cells: Cells,
  status: WorkflowStatus | readonly (SrvVSchema | undefined)[] | undefined,
  shards: { source: Readonly<Record<string, Shard>>; target: Readonly<Record<string, Shard>> },
): WritesPlace {
  if (ref.type === 'reshard') {
    const place = side(serving(cells, 'PRIMARY'), ref);
    if (place === 'both') return 'stopped';
    const [own, names] = place === 'source' ? [shards.source, ref.sourceShards] : [shards.target, ref.targetShards];
    const disabled = new Set(
      Object.values(cells).flatMap(({ partitions }) =>
        partitions
          .filter(({ served_type }) => served_type === 'PRIMARY')
          .flatMap((one) => one.shard_tablet_controls.filter((control) => control.query_service_disabled).map(({ name }) => name)),
      ),
    );
    const able = names.every((name) => own[name]?.shard?.is_primary_serving === true && !disabled.has(name));
    return able ? place : 'stopped';
  }
  const place = isRoutes(status) ? ruledWrites(ref, status) : toldWrites(status);
  if (place === 'stopped') return place;
  const [own, names] = place === 'source' ? [shards.source, ref.sourceShards] : [shards.target, ref.targetShards];
  const denied = names.some((name) =>
    own[name]?.shard?.tablet_controls.some(
      ({ tablet_type, denied_tables }) =>
        tablet_type === 'PRIMARY' && denied_tables.some((table) => ref.tables.length === 0 || ref.tables.includes(table)),
    ),
  );
  return denied ? 'stopped' : place;
}

const isRoutes = (status: Parameters<typeof writesAre>[2]): status is readonly (SrvVSchema | undefined)[] => Array.isArray(status);

/** What can be seen of the traffic, in one line. */
export function trafficText(status: WorkflowStatus | undefined, reads: Place, writes: WritesPlace): string {
  return status?.traffic_state ?? `reads at the ${reads}, writes ${writes === 'stopped' ? 'stopped' : `at the ${writes}`}`;
}

/** Source shards for which nothing carries writes back. */
export function withoutWayBack(ref: WorkflowRef, reverse: Workflow | undefined): string[] {
  const streams = Object.values(reverse?.shard_streams ?? {}).flatMap((one) => one.streams);
  return ref.sourceShards.filter((shard) => !streams.some((stream) => stream.shard === shard && stream.state === 'Running'));
}
