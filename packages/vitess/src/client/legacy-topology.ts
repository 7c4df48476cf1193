/** What vtctl of Vitess up to version 7 prints of the topology, read from the console lines of its commands: JSON, enums as numbers. */
import { z } from 'zod';
import type { VtctlClient } from './commands.ts';
import { CommandFailed } from './commands.ts';
import { NodeMissing, Refused } from './errors.ts';

const READ_MS = 30_000;

const TYPES: Readonly<Record<string, string>> = {
  '1': 'master',
  '2': 'replica',
  '3': 'rdonly',
  MASTER: 'master',
  PRIMARY: 'master',
  REPLICA: 'replica',
  RDONLY: 'rdonly',
};

const typeName = z.union([z.number(), z.string()]).transform((value) => TYPES[String(value)] ?? String(value));
const froms = z.array(z.object({ tablet_type: typeName.optional(), keyspace: z.string() })).nullish();
const servingGraph = z.object({
  partitions: z
    .array(
      z.object({
        served_type: typeName.optional(),
        shard_references: z.array(z.object({ name: z.string() })).nullish(),
        shard_tablet_controls: z.array(z.object({ name: z.string(), query_service_disabled: z.boolean().optional() })).nullish(),
      }),
    )
    .nullish(),
  served_from: froms,
});
const shardRecord = z.object({ is_master_serving: z.boolean().optional(), master_alias: z.unknown().optional() });
const keyspaceRecord = z.object({ served_froms: froms });
const controlledShardRecord = z.object({
  is_master_serving: z.boolean().optional(),
  source_shards: z.array(z.object({ uid: z.union([z.number(), z.string()]) })).nullish(),
  tablet_controls: z.array(z.object({ tablet_type: typeName.optional(), blacklisted_tables: z.array(z.string()).nullish() })).nullish(),
});
/** The lines a command has for the console, together. */
async function printed(server: VtctlClient, args: string[]): Promise<string> {
  let text = '';
  try {
    for await (const { level, value } of server.run(args, READ_MS)) if (level === 'CONSOLE') text += value;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const said = { what: args.join(' '), server: server.address, answer: error.message };
    throw /node doesn't exist/.test(error.message) ? NodeMissing(said) : Refused(said, { cause: error });
  }
  return text;
}

async function asJson<T>(server: VtctlClient, args: string[], shape: z.ZodType<T>): Promise<T> {
  const text = await printed(server, args);
  try {
    return shape.parse(JSON.parse(text));
  } catch (error) {
    throw Refused(
      { what: args.join(' '), server: server.address, answer: `not the JSON it prints: ${text.slice(0, 200)}` },
      { cause: error },
    );
  }
}

async function cellsOf(server: VtctlClient): Promise<string[]> {
  return (await printed(server, ['GetCellInfoNames'])).split(/\s+/).filter(Boolean);
}

/** What the serving graph of one cell says of a type. */
export interface CellServed {
  /** Shards that it sends queries to, and those of them that are forbidden to answer. */
  shards: string[];
  disabled: string[];
  /** The keyspace that serves it instead. */
  from?: string;
}

/** The serving graphs, which vtgate goes by, of these cells (all, when none are given). A cell without one is not in use. */
export async function servedInCells(server: VtctlClient, keyspace: string, type: string, cells: string[]): Promise<CellServed[]> {
  const all: CellServed[] = [];
  for (const cell of cells.length > 0 ? cells : await cellsOf(server)) {
    try {
      const graph = await asJson(server, ['GetSrvKeyspace', cell, keyspace], servingGraph);
      const own = (graph.partitions ?? []).filter(({ served_type }) => served_type === type);
      const from = (graph.served_from ?? []).find(({ tablet_type }) => tablet_type === type)?.keyspace;
      all.push({
        shards: own.flatMap(({ shard_references }) => (shard_references ?? []).map(({ name }) => name)),
        disabled: own.flatMap(({ shard_tablet_controls }) =>
          (shard_tablet_controls ?? []).filter(({ query_service_disabled }) => query_service_disabled).map(({ name }) => name),
        ),
        ...(from === undefined ? {} : { from }),
      });
    } catch (error) {
      if (!NodeMissing.is(error)) throw error;
    }
  }
  return all;
}

/** The keyspace that a type is served from instead, by the record of the keyspace from which its graphs are made. */
export async function recordedFrom(server: VtctlClient, keyspace: string, type: string): Promise<string | undefined> {
  const record = await asJson(server, ['GetKeyspace', keyspace], keyspaceRecord);
  return (record.served_froms ?? []).find(({ tablet_type }) => tablet_type === type)?.keyspace;
}

export interface ControlledShard {
  masterServing: boolean;
  /** What filtered replication brings to it, by number. */
  sourceUids: string[];
  /** Types for which tables are refused. */
  denied: string[];
}

export async function controlledShard(server: VtctlClient, keyspace: string, shard: string): Promise<ControlledShard> {
  const record = await asJson(server, ['GetShard', `${keyspace}/${shard}`], controlledShardRecord);
  return {
    masterServing: record.is_master_serving === true,
    sourceUids: (record.source_shards ?? []).map(({ uid }) => String(uid)),
    denied: (record.tablet_controls ?? [])
      .filter(({ blacklisted_tables }) => (blacklisted_tables ?? []).length > 0)
      .flatMap(({ tablet_type }) => tablet_type ?? []),
  };
}

/** Shards of a keyspace, each with whether its master takes writes; undefined when there is no such keyspace. */
export async function legacyShards(
  server: VtctlClient,
  keyspace: string,
): Promise<Record<string, { serving: boolean; hasMaster: boolean }> | undefined> {
  try {
    const shards = await asJson(server, ['FindAllShardsInKeyspace', keyspace], z.record(z.string(), shardRecord));
    return Object.fromEntries(
      Object.entries(shards).map(([name, { is_master_serving = false, master_alias }]) => [
        name,
        { serving: is_master_serving, hasMaster: master_alias != null },
      ]),
    );
  } catch (error) {
    if (NodeMissing.is(error)) return undefined;
    throw error;
  }
}
