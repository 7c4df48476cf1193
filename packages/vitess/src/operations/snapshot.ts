/** Reads a keyspace for a planner. Changes nothing. */
import { NoPrimary } from '../client/errors.ts';
import type { Shard } from '../client/messages.ts';
import { aliasName } from '../client/messages.ts';
import type { VtctldClient } from '../client/vtctld.ts';
import type { ServedType } from '../model.ts';
import { SERVED_TYPES } from '../model.ts';
import type { KeyspaceSnapshot } from '../plan/snapshot.ts';

export interface SnapshotOptions {
  /** Shards whose tables are looked up: the sources; and those that are looked at for rows: the targets. Absent: the serving ones. */
  sources?: string[];
  targets?: string[];
}

export interface KeyspaceTopology {
  shards: Record<string, Shard>;
  /** Shards that serve, by type, over all cells. */
  served: Record<ServedType, string[]>;
}

/** What the topology alone says, whatever tablets are dead. Undefined when there is no such keyspace. */
export async function keyspaceTopology(client: VtctldClient, name: string): Promise<KeyspaceTopology | undefined> {
  const shards = await client.shards(name);
  if (!shards) return undefined;
  const partitions = Object.values(await client.served(name)).flatMap((cell) => cell.partitions);
  const servedBy = (type: ServedType): string[] => [
    ...new Set(
      partitions
        .filter(({ served_type }) => served_type === type)
        .flatMap((one) => one.shard_references.map((reference) => reference.name)),
    ),
  ];
  return { shards, served: { PRIMARY: servedBy('PRIMARY'), REPLICA: servedBy('REPLICA'), RDONLY: servedBy('RDONLY') } };
}

/** Undefined when there is no such keyspace. */
export async function keyspaceSnapshot(
  client: VtctldClient,
  name: string,
  { sources, targets }: SnapshotOptions,
): Promise<KeyspaceSnapshot | undefined> {
  const found = await keyspaceTopology(client, name);
  if (!found) return undefined;
  const { shards, served } = found;
  const tablets = await client.tablets(name);
  const vschema = await client.vschema(name);
  const tables = new Set<string>();
  for (const source of sources ?? served.PRIMARY) {
    const primary = shards[source]?.shard?.primary_alias;
    if (primary) for (const table of await client.tables(primary)) tables.add(table);
  }
  const filledOf = async (shard: string): Promise<string[]> => {
    const primary = shards[shard]?.shard?.primary_alias;
    if (!primary || !(targets ?? []).includes(shard)) return [];
    const filled: string[] = [];
    for (const table of await client.tables(primary)) if (await client.hasRows(primary, table)) filled.push(table);
    return filled;
  };
  const primary = Object.values(shards).find(({ shard }) => shard?.primary_alias)?.shard?.primary_alias;
  return {
    name,
    shards: await Promise.all(
      Object.values(shards).map(async ({ name: shard, shard: record }) => ({
        name: shard,
        primary: record?.primary_alias ? aliasName(record.primary_alias) : null,
        serving: record?.is_primary_serving ?? false,
        types: SERVED_TYPES.filter((type) => tablets.some((tablet) => tablet.shard === shard && tablet.type === type)),
        filled: await filledOf(shard),
      })),
    ),
    served,
    ...(vschema
      ? {
          vschema: {
            sharded: vschema.sharded,
            tables: Object.entries(vschema.tables).map(([table, { column_vindexes, type }]) => ({
              name: table,
              // Reference tables and sequences have none, and need none.
              hasVindex: column_vindexes.length > 0 || type === 'reference' || type === 'sequence',
            })),
          },
        }
      : {}),
    tables: [...tables].sort(),
    ...(await workflowsOf(client, name)),
    throttlerOn: primary ? (await client.throttler(primary)).is_enabled : false,
  };
}

/** While any shard of the keyspace has no primary vtctld tells nothing of its workflows: that is for the plan to say. */
async function workflowsOf(client: VtctldClient, keyspace: string): Promise<Pick<KeyspaceSnapshot, 'workflows' | 'unread'>> {
  try {
    const workflows = (await client.workflows(keyspace)).map(({ name, source, target }) => ({
      name,
      source: source?.keyspace ?? '',
      target: target?.keyspace ?? '',
      targetShards: target?.shards ?? [],
    }));
    return { workflows };
  } catch (error) {
    if (!NoPrimary.is(error)) throw error;
    return { workflows: [], unread: error.message };
  }
}
