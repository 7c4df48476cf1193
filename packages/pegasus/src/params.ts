/** Parameters of the kinds, as the API takes them. */
import { z } from 'zod';

export const ClusterTarget: z.ZodType<string> = z
  .string()
  .min(1)
  .max(2_000)
  .refine((given) => !/^[a-z]+:\/\/[^/?#]*@/i.test(given), 'an address must not hold credentials; name a target with `secrets` instead')
  .meta({ target: 'pegasus' });
export const TableName: z.ZodType<string> = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,128}$/, 'a table is named by letters, digits, _, ., : and -');
export const ClusterName: z.ZodType<string> = z.string().regex(/^[\w.-]{1,128}$/, 'a cluster is named by letters, digits, _, . and -');
export const ZooKeeperTarget: z.ZodType<string> = z
  .string()
  .min(1)
  .max(2_000)
  .refine((given) => !/^[a-z]+:\/\/[^/?#]*@/i.test(given), 'an address must not hold credentials; name a target with `secrets` instead')
  .meta({ target: 'zookeeper' });
export const ZNodePath: z.ZodType<string> = z
  .string()
  .regex(/^(\/[\w.:-]+)+$/, 'a path in ZooKeeper begins with / and does not end with one');

/** How the server's own timers are set, ms; the defaults are the server's. */
const configSyncMs = z
  .int()
  .min(10)
  .max(600_000)
  .default(30_000)
  .describe('config_sync_interval_ms of the source: a denial is in force two of these after the meta took it');
const dupSyncMs = z.int().min(10).max(600_000).default(10_000).describe('how often replicas of the source tell of their duplications, ms');
const pollMs = z.int().min(10).max(600_000).default(10_000).describe('pause between two looks at the backlog, ms');

export interface Timing {
  pollMs: number;
  configSyncMs: number;
  dupSyncMs: number;
}
const timing = { pollMs, configSyncMs, dupSyncMs };

export interface MigrateParams extends Timing {
  table: string;
  source: string;
  meta: string;
  cluster: string;
  node?: string | undefined;
  root?: string | undefined;
  threshold: number;
  rounds: number;
  maxDenialMs: number;
  denials: number;
  prepareMs: number;
  stuckMs: number;
  afterDrain?: 'keep-denied' | 'lift' | undefined;
  acceptCounters?: boolean | undefined;
}
export const MigrateParams: z.ZodType<MigrateParams> = z.strictObject({
  table: TableName.describe('the table to move; it has the same name at the target'),
  source: ClusterTarget.describe(
    'meta servers of the cluster that has it: a configured target, or host:port,host:port where addresses are allowed',
  ),
  meta: ClusterTarget.describe('meta servers of the cluster that gets it; they are written into the meta proxy as they stand here'),
  cluster: ClusterName.describe('name of the cluster that gets it, as the source servers know it ([pegasus.clusters])'),
  node: ZooKeeperTarget.optional().describe('ZooKeeper of the meta proxy; absent: the one of the source cluster'),
  root: ZNodePath.optional().describe('path of the meta proxy in ZooKeeper; absent: clients are not switched'),
  threshold: z.int().min(0).max(1_000_000_000).default(10_000).describe('mutations of this table that may wait when writes are denied'),
  rounds: z.int().min(1).max(100).default(3).describe('looks in a row that must find it so'),
  maxDenialMs: z.int().min(100).max(3_600_000).default(300_000).describe('writes are denied for no longer than this, ms'),
  denials: z.int().min(1).max(10).default(3).describe('how often writes are denied, when they did not drain in time'),
  prepareMs: z.int().min(100).max(604_800_000).default(86_400_000).describe('longest time for the copy of what is there, ms'),
  stuckMs: z.int().min(100).max(86_400_000).default(300_000).describe('a backlog that has not moved for so long is stuck, ms'),
  afterDrain: z
    .enum(['keep-denied', 'lift'])
    .optional()
    .describe('without a root: leave writes denied for you to switch by hand, or lift the denial (a rehearsal)'),
  acceptCounters: z
    .boolean()
    .optional()
    .describe('go on where the source servers tell by counters only what waits: that the table is drained is seen then, not proven'),
  ...timing,
});

export interface CleanupParams {
  table: string;
  source: string;
  cluster: string;
  dropTable: boolean;
  reserveSeconds: number;
}
export const CleanupParams: z.ZodType<CleanupParams> = z.strictObject({
  table: TableName.describe('the table that was moved'),
  source: ClusterTarget.describe('meta servers of the cluster that had it'),
  cluster: ClusterName.describe('name of the cluster that has it now'),
  dropTable: z.boolean().default(false).describe('drop the table at the source too, not only its duplication'),
  reserveSeconds: z
    .int()
    .min(0)
    .max(31_536_000)
    .default(604_800)
    .describe('for so long the source keeps the data of the dropped table, and can recall it'),
});

export interface DenialParams {
  table: string;
  source: string;
}
export const DenialParams: z.ZodType<DenialParams> = z.strictObject({
  table: TableName.describe('the table whose writes are denied'),
  source: ClusterTarget.describe('meta servers of the cluster that had it'),
});

export interface StatusParams {
  table: string;
  source: string;
  node?: string | undefined;
  root?: string | undefined;
}
export const StatusParams: z.ZodType<StatusParams> = z.strictObject({
  table: TableName,
  source: ClusterTarget.describe('meta servers of the cluster'),
  node: ZooKeeperTarget.optional().describe('ZooKeeper of the meta proxy; absent: the one of the cluster'),
  root: ZNodePath.optional().describe('path of the meta proxy in ZooKeeper; absent: it is not looked at'),
});
