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
const partitions = z.object({
  partitions: z
    .array(z.object({ served_type: typeName.optional(), shard_references: z.array(z.object({ name: z.string() })).nullish() }))
    .nullish(),
});
const shardRecord = z.object({ is_master_serving: z.boolean().optional(), master_alias: z.unknown().optional() });
const keyspaceRecord = z.object({ served_froms: z.array(z.object({ tablet_type: typeName.optional(), keyspace: z.string() })).nullish() });

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

/** Whether a shard still serves a type in any of the cells (all, when none are given). */
export async function shardServes(server: VtctlClient, keyspace: string, shard: string, type: string, cells: string[]): Promise<boolean> {
  for (const cell of cells.length > 0 ? cells : await cellsOf(server)) {
    const served = await asJson(server, ['GetSrvKeyspace', cell, keyspace], partitions);
    const references = (served.partitions ?? [])
      .filter(({ served_type }) => served_type === type)
      .flatMap((one) => one.shard_references ?? []);
    if (references.some(({ name }) => name === shard)) return true;
  }
  return false;
}

/** Whether a keyspace still has a type served from another one, as before a vertical split has moved it. */
export async function servedFromElsewhere(server: VtctlClient, keyspace: string, type: string): Promise<boolean> {
  const record = await asJson(server, ['GetKeyspace', keyspace], keyspaceRecord);
  return (record.served_froms ?? []).some(({ tablet_type }) => tablet_type === type);
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
