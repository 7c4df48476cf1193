/** Parameters of the kinds, as the API takes them. Times in ms since the epoch, half-open. */
import { z } from 'zod';

const DAY_MS = 86_400_000;

const address = (target: string): z.ZodString =>
  z
    .string()
    .min(1)
    // Parameters are stored and shown.
    .refine((given) => !/^[a-z]+:\/\/[^/?#]*@/i.test(given), 'an address must not hold credentials; name a target with `secrets` instead')
    .meta({ target })
    .describe('name of a configured target, or its URL where addresses are allowed');
const startMs = z.int().min(0).describe('first ms of the window');
const stopMs = z.int().min(1).describe('end of the window, exclusive, ms');
const metricsPrefix = z.string().default('').describe('metrics whose name begins so; empty: all');
const intervalMs = z
  .int()
  .min(1_000)
  .max(366 * DAY_MS)
  .default(DAY_MS)
  .describe('width of one batch, ms');
const existing = z
  .enum(['refuse', 'fill'])
  .default('refuse')
  .describe('what to do when the sink already holds points of the window: refuse, or send only what is missing');
const verify = z.boolean().default(true).describe('read everything back');
const settleMs = z.int().min(0).max(3_600_000).default(30_000).describe('how long verified data is kept and then counted once more, ms');

const dumpId = z
  .string()
  .regex(/^op_[a-z0-9]+$/, 'the id of a dump, such as op_7f3k')
  .describe('the operation whose dump is meant');

export interface WindowParams {
  startMs: number;
  stopMs: number;
  metricsPrefix: string;
  intervalMs: number;
}

export interface SinkParams {
  sink: string;
  existing: 'refuse' | 'fill';
  verify: boolean;
  settleMs: number;
}

const spool = z.string().optional().describe('the spool to use; absent: any that has a dumper and a restorer');

export type MigrateParams = WindowParams & SinkParams & { source: string; spool?: string | undefined };
export const MigrateParams: z.ZodType<MigrateParams> = z.strictObject({
  source: address('opentsdb'),
  sink: address('victoriametrics'),
  startMs,
  stopMs,
  metricsPrefix,
  intervalMs,
  existing,
  verify,
  settleMs,
  spool,
});

export type DumpParams = WindowParams & { source: string; spool?: string | undefined };
export const DumpParams: z.ZodType<DumpParams> = z.strictObject({
  source: address('opentsdb'),
  startMs,
  stopMs,
  metricsPrefix,
  intervalMs,
  spool,
});

export type RestoreParams = SinkParams & { from: string };
export const RestoreParams: z.ZodType<RestoreParams> = z.strictObject({
  from: z
    .string()
    .regex(/^op_[a-z0-9]+$/, 'the id of a dump, such as op_7f3k')
    .describe('the operation whose dump is restored'),
  sink: address('victoriametrics'),
  existing,
  verify,
  settleMs,
});

export interface VerifyParams {
  source?: string | undefined;
  from?: string | undefined;
  sink: string;
  startMs?: number | undefined;
  stopMs?: number | undefined;
  metricsPrefix: string;
  intervalMs: number;
}

/** Either a source with a window, or the folders of a dump. */
export const VerifyParams: z.ZodType<VerifyParams> = z
  .strictObject({
    source: address('opentsdb').optional(),
    from: dumpId.optional(),
    sink: address('victoriametrics'),
    startMs: startMs.optional(),
    stopMs: stopMs.optional(),
    metricsPrefix,
    intervalMs,
  })
  .refine(({ source, from }) => (source === undefined) !== (from === undefined), {
    error: 'give either a source or a dump (from), not both',
    path: ['source'],
  })
  .refine(({ source, startMs: start, stopMs: stop }) => source === undefined || (start !== undefined && stop !== undefined), {
    error: 'a source is compared over a window: give startMs and stopMs',
    path: ['startMs'],
  });
