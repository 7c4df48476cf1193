/** Which workflow a task works on, and between what. */
import { z } from 'zod';

export interface WorkflowRef {
  /** The target whose vtctld it is asked of. */
  cluster: string;
  type: 'reshard' | 'move-tables';
  workflow: string;
  /** The keyspace it writes to. */
  keyspace: string;
  sourceKeyspace: string;
  sourceShards: string[];
  targetShards: string[];
  /** Empty: all. */
  tables: string[];
}
export const WorkflowRef: z.ZodType<WorkflowRef> = z.strictObject({
  cluster: z.string(),
  type: z.enum(['reshard', 'move-tables']),
  workflow: z.string(),
  keyspace: z.string(),
  sourceKeyspace: z.string(),
  sourceShards: z.array(z.string()),
  targetShards: z.array(z.string()),
  tables: z.array(z.string()),
});

/** What turns reads and writes over. */
export interface SwitchSettings {
  /** Targets to be no further behind than this when they are switched to. */
  maxLagSeconds: number;
  /** How long writes may be stopped for the targets to catch up, inside one call. */
  switchTimeoutMs: number;
  vtgates: string[];
  /** Without a vtgate to be asked: how old a tablet must be for every vtgate to know it. */
  gateRefreshMs: number;
}
export const SwitchSettings: z.ZodType<SwitchSettings> = z.strictObject({
  maxLagSeconds: z.int().min(0),
  switchTimeoutMs: z.int().positive(),
  vtgates: z.array(z.string()),
  gateRefreshMs: z.int().min(0),
});
