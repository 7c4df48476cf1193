/** Parameters of the kinds, as the API takes them. */
import { z } from 'zod';

export const ClusterName: z.ZodType<string> = z
  .string()
  .min(1)
  // Parameters are stored and shown.
  .refine((given) => !/^[a-z]+:\/\/[^/?#]*@/i.test(given), 'an address must not hold credentials; name a target with `secrets` instead')
  .describe('name of a configured cluster, or openmldb://zk1:2181,zk2:2181/root where addresses are allowed')
  .meta({ target: 'openmldb' });
export const Endpoint: z.ZodType<string> = z
  .string()
  .regex(/^[\w.:[\]-]{1,255}$/, 'a tablet is named by its endpoint, host:port, or by its server name')
  .describe('a tablet, as the cluster names it');
const Path = z.string().regex(/^\//, 'must be an absolute path');

/** Bounds every kind that changes something takes. */
export interface Bounds {
  concurrency: number;
  opDeadlineMs: number;
  unsettledMs: number;
  maxHoldMs: number;
  foreign: 'wait' | 'refuse';
}
const bounds = {
  concurrency: z
    .int()
    .min(1)
    .max(32)
    .default(4)
    .describe('partitions at a time; the nameserver itself runs two ops at once, as a rule: the others wait in its queues'),
  opDeadlineMs: z
    .int()
    .min(100)
    .max(86_400_000)
    .default(7_200_000)
    .describe('an op of the nameserver that has not ended by then is cancelled and told, ms'),
  unsettledMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe('how long a call of a worker that was lost may still take effect, ms: by then what came of it is read'),
  maxHoldMs: z.int().min(1_000).max(604_800_000).default(86_400_000).describe('auto_failover is off for no longer than this, ms'),
  foreign: z.enum(['wait', 'refuse']).default('wait').describe('what becomes of the operation while ops of others are in progress'),
} as const;

export interface WholeClusterParams extends Bounds {
  cluster: string;
}
export const WholeClusterParams: z.ZodType<WholeClusterParams> = z.strictObject({ cluster: ClusterName, ...bounds });

export interface ScaleInParams extends Bounds {
  cluster: string;
  endpoints: string[];
}
export const ScaleInParams: z.ZodType<ScaleInParams> = z.strictObject({
  cluster: ClusterName,
  endpoints: z.array(Endpoint).min(1, 'no endpoint specified').max(1_000).describe('the tablets to empty'),
  ...bounds,
});

export interface PreUpgradeParams extends Bounds {
  cluster: string;
  endpoint: string;
  statfile?: string | undefined;
  allowSingleReplica: boolean;
}
export const PreUpgradeParams: z.ZodType<PreUpgradeParams> = z.strictObject({
  cluster: ClusterName,
  endpoint: Endpoint,
  statfile: Path.optional().describe('file in which what was moved is noted as well, on the machine of the worker'),
  allowSingleReplica: z
    .boolean()
    .default(false)
    .describe('partitions with one replica stay where they are; they are away during the upgrade'),
  ...bounds,
});

export interface PostUpgradeParams extends Bounds {
  cluster: string;
  endpoint: string;
  statfile?: string | undefined;
  from?: string | undefined;
  tabletDeadlineMs: number;
}
export const PostUpgradeParams: z.ZodType<PostUpgradeParams> = z
  .strictObject({
    cluster: ClusterName,
    endpoint: Endpoint,
    statfile: Path.optional().describe('the file that pre-upgrade wrote'),
    from: z.string().optional().describe('the pre-upgrade, by its id, in place of a statfile'),
    tabletDeadlineMs: z.int().min(1_000).max(86_400_000).default(600_000).describe('how long the tablet is waited for, ms'),
    ...bounds,
  })
  .refine(({ statfile, from }) => (statfile === undefined) !== (from === undefined), 'name either a statfile or the pre-upgrade (from)');

export interface ShowOpStatusParams {
  cluster: string;
  db?: string | undefined;
  filter?: string | undefined;
}
export const OP_STATUSES = ['kInited', 'kDoing', 'kDone', 'kFailed', 'kCanceled'] as const;
export const ShowOpStatusParams: z.ZodType<ShowOpStatusParams> = z.strictObject({
  cluster: ClusterName,
  db: z.string().optional().describe('only of this database'),
  filter: z.enum(OP_STATUSES).optional().describe('only ops in this status'),
});

export interface ShowTableStatusParams {
  cluster: string;
  filter: string;
}
export const ShowTableStatusParams: z.ZodType<ShowTableStatusParams> = z.strictObject({
  cluster: ClusterName,
  filter: z.string().default('%').describe('pattern of the database name: % stands for anything, _ for one character'),
});
