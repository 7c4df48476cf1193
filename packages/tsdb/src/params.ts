/** Parameters of the kinds, as the API takes them. Times in ms since the epoch, half-open. */
import { z } from 'zod';
import { MAX_WAITING_WINDOWS } from './plan/follow.ts';
import type { Renaming } from './plan/renaming.ts';
import { renamingParams } from './plan/renaming.ts';

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

const MAX_PATTERNS = 200;
const selection = {
  prefixes: z
    .array(z.string())
    .max(MAX_PATTERNS)
    .optional()
    .describe('metrics whose name begins with one of these, instead of metricsPrefix'),
  match: z.array(z.string().min(1)).max(MAX_PATTERNS).optional().describe('only metrics whose name matches one of these; * and ? are wild'),
  exclude: z.array(z.string().min(1)).max(MAX_PATTERNS).optional().describe('no metric whose name matches one of these'),
  tags: z
    .record(z.string().min(1), z.string().min(1))
    .optional()
    .describe('only series that have these tags; a value may hold *, or be several with |'),
  estimate: z.boolean().optional().describe('the plan reads a sample of the source and says what it comes to'),
  downsample: z
    .string()
    .regex(/^\d+(ms|s|m|h|d|w|n|y)-[a-z0-9]+(-[a-z]+)?$/, 'such as 1m-avg')
    .optional()
    .describe('lets the source average points before they are moved, such as 1m-avg; absent: every point as it is'),
};

export interface SelectionParams {
  estimate?: boolean | undefined;
  prefixes?: string[] | undefined;
  match?: string[] | undefined;
  exclude?: string[] | undefined;
  tags?: Record<string, string> | undefined;
  downsample?: string | undefined;
}

export interface WindowParams extends SelectionParams {
  startMs: number;
  stopMs: number;
  metricsPrefix: string;
  intervalMs: number;
  originMs?: number | undefined;
  folders?: { prefix: string; timeZone: string; kildaFrameS?: number | undefined } | undefined;
}

const annotations = z
  .enum(['on', 'off'])
  .optional()
  .describe('whether annotations, of series and of none, go with the points, as far as the sink can hold them; absent: on');

export interface AnnotationParams {
  annotations?: 'on' | 'off' | undefined;
}

const VIA = ['auto', 'import', 'put', 'lines', 'text'] as const;
const via = z
  .enum(VIA)
  .default('auto')
  .describe(
    'how the sink is written: import (VictoriaMetrics), put (OpenTSDB, or the listener of VictoriaMetrics for it), or as it answers',
  );
const putting = {
  verifyUrl: address('victoriametrics').optional().describe('where a sink that only takes points can be asked what it holds'),
  requestBytes: z
    .int()
    .min(512)
    .max(1 << 25)
    .optional()
    .describe('size of a put request; absent: as large as the sink takes them'),
  sync: z.boolean().optional().describe('a put is answered when its points are stored'),
};

export interface SinkParams {
  sink: string;
  existing: 'refuse' | 'fill';
  verify: boolean;
  settleMs: number;
}

const spool = z.string().optional().describe('the spool to use; absent: any that has a dumper and a restorer');

export interface PutParams {
  via: (typeof VIA)[number];
  verifyUrl?: string | undefined;
  requestBytes?: number | undefined;
  sync?: boolean | undefined;
}

export type MigrateParams = WindowParams &
  AnnotationParams &
  SinkParams &
  PutParams &
  Renaming & { source: string; spool?: string | undefined };
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
  ...selection,
  annotations,
  via,
  ...putting,
  ...renamingParams,
  originMs: z.int().min(0).optional().describe('windows begin at multiples of the interval from here, ms'),
  folders: z
    .strictObject({
      prefix: z
        .string()
        .max(100)
        .regex(/^[^/\\\0]*$/, 'a name without slashes'),
      timeZone: z.string(),
      kildaFrameS: z.int().min(1).max(86_400).optional().describe('they hold the files of kilda-otsdb-dump, in frames of so many seconds'),
    })
    .optional()
    .describe('folders are named by their windows, one for each, with all metrics in it'),
});

const FOLLOW_MS = 600_000;

export interface FollowParams extends Pick<SelectionParams, 'prefixes' | 'match' | 'exclude' | 'tags'>, AnnotationParams {
  source: string;
  sink: string;
  startMs: number;
  intervalMs: number;
  graceMs: number;
  metricsPrefix: string;
  existing: 'refuse' | 'fill';
  settleMs: number;
  spool?: string | undefined;
}

const { prefixes, match, exclude, tags } = selection;
/** Everything goes on until a person asks for the end, so there is no stop. */
export const FollowParams: z.ZodType<FollowParams> = z
  .strictObject({
    source: address('opentsdb'),
    sink: address('victoriametrics'),
    startMs,
    intervalMs: intervalMs.unwrap().default(FOLLOW_MS).describe('width of one window, ms: what is written arrives so much later'),
    graceMs: z
      .int()
      .min(0)
      .max(366 * DAY_MS)
      .default(FOLLOW_MS)
      .describe('a window is read once more so long after its end, ms; points that come later than that are not found'),
    metricsPrefix,
    existing,
    settleMs,
    spool,
    annotations,
    prefixes,
    match,
    exclude,
    tags,
  })
  .refine(({ intervalMs: each, graceMs }) => each * MAX_WAITING_WINDOWS >= graceMs, {
    error: `at most ${MAX_WAITING_WINDOWS} windows wait for their second reading: the interval must be at least a ${MAX_WAITING_WINDOWS}th of the grace`,
    path: ['intervalMs'],
  });

export type DumpParams = WindowParams & AnnotationParams & { source: string; spool?: string | undefined };
export const DumpParams: z.ZodType<DumpParams> = z.strictObject({
  source: address('opentsdb'),
  startMs,
  stopMs,
  metricsPrefix,
  intervalMs,
  spool,
  ...selection,
  annotations,
});

export type RestoreParams = SinkParams & PutParams & Renaming & AnnotationParams & { from: string };
export const RestoreParams: z.ZodType<RestoreParams> = z.strictObject({
  from: z
    .string()
    .regex(/^op_[a-z0-9]+$/, 'the id of a dump, such as op_7f3k')
    .describe('the operation whose dump is restored'),
  sink: address('victoriametrics'),
  existing,
  verify,
  settleMs,
  annotations,
  via,
  ...putting,
  ...renamingParams,
});

export interface VerifyParams extends SelectionParams, Renaming, AnnotationParams {
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
    ...selection,
    annotations,
    ...renamingParams,
  })
  .refine(({ source, from }) => (source === undefined) !== (from === undefined), {
    error: 'give either a source or a dump (from), not both',
    path: ['source'],
  })
  .refine(({ source, startMs: start, stopMs: stop }) => source === undefined || (start !== undefined && stop !== undefined), {
    error: 'a source is compared over a window: give startMs and stopMs',
    path: ['startMs'],
  })
  .refine(
    ({ from, startMs: start, stopMs: stop, prefixes, match, exclude, tags, downsample }) =>
      from === undefined || [start, stop, prefixes, match, exclude, tags, downsample].every((given) => given === undefined),
    { error: 'a dump is compared whole: leave out the window, and what chooses metrics or series', path: ['from'] },
  );

export interface InspectParams extends SelectionParams {
  source?: string | undefined;
  from?: string | undefined;
  folder?: string | undefined;
  startMs?: number | undefined;
  stopMs?: number | undefined;
  metricsPrefix: string;
}

/** One of: a source with a window, a dump in the spools, a folder of the kilda tools. */
export const InspectParams: z.ZodType<InspectParams> = z
  .strictObject({
    source: address('opentsdb').optional(),
    from: dumpId.optional(),
    folder: address('folder').optional(),
    startMs: startMs.optional(),
    stopMs: stopMs.optional(),
    metricsPrefix,
    ...selection,
  })
  .refine(({ source, from, folder }) => [source, from, folder].filter((one) => one !== undefined).length === 1, {
    error: 'give one of a source, a dump (from) and a folder',
    path: ['source'],
  })
  .refine(({ source, startMs: start, stopMs: stop }) => source === undefined || (start !== undefined && stop !== undefined), {
    error: 'a source is looked at over a window: give startMs and stopMs',
    path: ['startMs'],
  });
