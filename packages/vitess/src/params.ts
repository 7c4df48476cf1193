/** Parameters of the kinds, as the API takes them. */
import { z } from 'zod';

/** Positional in commands: must not be taken for a flag. */
const keyspace = z
  .string()
  .regex(/^[A-Za-z0-9_][\w.-]{0,199}$/, 'a keyspace is named by letters, digits, _, . and -, and does not begin with - or .');
const shards = z
  .string()
  .min(1)
  .regex(/^[^/\s]+$/, 'shards are given with commas, such as -80,80-');
const endpoint = (what: string): z.ZodString =>
  z.string().min(1).describe(`${what}: host:port, or the name of a configured target`).meta({ target: 'vitess' });

/** What is ours in an operation of the original, beside its own parameters. */
export interface LegacyOptions {
  canary: boolean;
  concurrency: number;
  preflight: boolean;
}

const legacyOptions = {
  canary: z
    .boolean()
    .default(false)
    .describe('the first shard of each phase alone, then the rest, each a stage of its own that can be approved'),
  concurrency: z.int().min(1).max(64).default(1).describe('tasks of a phase at a time; a vtworker runs one command at a time all the same'),
  preflight: z.boolean().default(true).describe('look at the topology before anything runs; the original does not'),
};

export interface HorizontalParams extends LegacyOptions {
  keyspace: string;
  source_shard_list: string;
  dest_shard_list: string;
  vtctld_endpoint: string;
  vtworker_endpoint: string;
  exclude_tables?: string;
  min_healthy_rdonly_tablets?: string;
}
export const HorizontalParams: z.ZodType<HorizontalParams> = z.strictObject({
  keyspace,
  source_shard_list: shards.describe('source shards, with commas'),
  dest_shard_list: shards.describe('destination shards, with commas'),
  vtctld_endpoint: endpoint('vtctld'),
  vtworker_endpoint: endpoint('vtworker'),
  exclude_tables: z.string().optional().describe('tables that are left out, with commas'),
  min_healthy_rdonly_tablets: z.string().optional().describe('rdonly tablets that must be left to serve while one is used'),
  ...legacyOptions,
}) as unknown as z.ZodType<HorizontalParams>;

export interface VerticalParams extends LegacyOptions {
  source_keyspace: string;
  dest_keyspace: string;
  shard_list: string;
  tables: string;
  vtctld_endpoint: string;
  vtworker_endpoint: string;
  min_healthy_rdonly_tablets?: string;
}
export const VerticalParams: z.ZodType<VerticalParams> = z.strictObject({
  source_keyspace: keyspace,
  dest_keyspace: keyspace,
  shard_list: shards.describe('shards of both keyspaces, with commas'),
  tables: z.string().min(1).describe('tables that move, with commas; /…/ is a pattern'),
  vtctld_endpoint: endpoint('vtctld'),
  vtworker_endpoint: endpoint('vtworker'),
  min_healthy_rdonly_tablets: z.string().optional().describe('rdonly tablets that must be left to serve while one is used'),
  ...legacyOptions,
}) as unknown as z.ZodType<VerticalParams>;

const cluster = z
  .string()
  .min(1)
  .refine((given) => !/^[a-z]+:\/\/[^/?#]*@/i.test(given), 'an address must not hold credentials; name a target with `secrets` instead')
  .describe('vtctld: name of a configured target, or grpc://host:port where addresses are allowed')
  .meta({ target: 'vitess' });
const name = z.string().regex(/^[A-Za-z_][\w]{0,63}$/, 'a workflow is named by letters, digits and _');
const shardNames = z
  .array(z.string().regex(/^[0-9a-fA-F-]{1,64}$/, 'a shard is named like -80, 40-80 or 0'))
  .min(1)
  .max(1_000)
  .refine((given) => new Set(given).size === given.length, 'a shard is named twice');
const tableName = z.string().regex(/^[\w$]{1,64}$/, 'a table is named by letters, digits, _ and $');

/** Longest a switch may wait: with the time vtctld is given beyond it, its call has ended when another worker may act (`ACTION_MS`). */
const MAX_SWITCH_MS = 40_000;

/** What both kinds of workflow take. */
export interface WorkflowOptions {
  cluster: string;
  workflow?: string;
  vtgates: string[];
  maxLagSeconds: number;
  switchTimeoutMs: number;
  maxStopMs: number;
  gateRefreshMs: number;
  watchMs: number;
  complete: boolean;
  load: { metric: string; limit: number } | null;
  pollMs: number;
}

const workflowOptions = {
  cluster,
  workflow: name.optional().describe('its name in Vitess; absent: one made from the operation'),
  vtgates: z
    .array(z.string())
    .default([])
    .describe('vtgates that must know the targets before traffic is switched: names of targets')
    .meta({ target: 'vitess' }),
  maxLagSeconds: z.int().min(0).max(3_600).default(30).describe('nothing is switched while the targets are further behind, s'),
  switchTimeoutMs: z
    .int()
    .min(1_000)
    .max(MAX_SWITCH_MS)
    .default(30_000)
    .describe('how long writes may wait for the targets to catch up, ms'),
  maxStopMs: z
    .int()
    .min(10_000)
    .max(3_600_000)
    .default(180_000)
    .describe('a switch of writes that stands half-way is finished by force after this, ms'),
  gateRefreshMs: z.int().min(0).max(3_600_000).default(61_000).describe('without vtgates: how old the tablets of the targets must be, ms'),
  watchMs: z.int().min(0).max(604_800_000).default(60_000).describe('how long the way back is watched before it is given up, ms'),
  complete: z.boolean().default(true).describe('delete the source at the end; otherwise the operation ends with the way back open'),
  load: z
    .strictObject({
      metric: z
        .string()
        .regex(/^[\w/]{1,64}$/)
        .default('lag'),
      limit: z.number().positive().default(5),
    })
    .nullable()
    .prefault({})
    .describe('the copying is throttled while this metric of the throttler is above its limit (lag: seconds); null: never'),
  pollMs: z.int().min(10).max(60_000).default(1_000).describe('how often it is looked how far it is, ms'),
};

export interface ReshardParams extends WorkflowOptions {
  keyspace: string;
  sourceShards: string[];
  targetShards: string[];
}
export const ReshardParams: z.ZodType<ReshardParams> = z.strictObject({
  keyspace,
  sourceShards: shardNames.describe('shards that serve now'),
  targetShards: shardNames.describe('shards that shall serve: they exist, with a primary, and serve nothing yet'),
  ...workflowOptions,
}) as unknown as z.ZodType<ReshardParams>;

export interface MoveTablesParams extends WorkflowOptions {
  sourceKeyspace: string;
  targetKeyspace: string;
  tables: string[];
}
export const MoveTablesParams: z.ZodType<MoveTablesParams> = z.strictObject({
  sourceKeyspace: keyspace,
  targetKeyspace: keyspace,
  tables: z.array(tableName).max(10_000).default([]).describe('tables that move; none: all of the keyspace'),
  ...workflowOptions,
}) as unknown as z.ZodType<MoveTablesParams>;

export interface StatusParams {
  cluster: string;
  keyspace: string;
}
export const StatusParams: z.ZodType<StatusParams> = z.strictObject({ cluster, keyspace });
