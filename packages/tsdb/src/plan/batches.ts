/** How a window and a list of metrics are cut into batches. Pure: the same input gives the same cut, in the plan and in the run. */
import type { Json } from '@longshore/core';
import { z } from 'zod';
import type { TimeRange } from '../model.ts';
import type { Renaming } from './renaming.ts';
import { storedRenaming } from './renaming.ts';
import type { Selection } from './selection.ts';

/** Metrics in one batch. Few enough that a batch stays a matter of minutes, many enough that folders stay few. */
export const METRICS_PER_BATCH = 16;

/** What the plan of a moving operation keeps; all that `expand` and the tasks need. */
export interface BatchPlan {
  startMs: number;
  stopMs: number;
  intervalMs: number;
  /** Sorted names; a slice is `METRICS_PER_BATCH` of them. */
  metrics: string[];
  /** Default `METRICS_PER_BATCH`. */
  metricsPerBatch?: number | undefined;
  /** Windows begin at multiples of the interval from here, ms; default 0, so that a day is a UTC day. */
  originMs?: number | undefined;
  /** How points are asked for, where that is other than raw and for all series. */
  reading?: BatchReading | undefined;
  /** Which annotations are moved with the points; default: those of series. Global ones are with the first slice of their window. */
  annotations?: Annotated | undefined;
  /** Folders are named by their windows. */
  folders?: FolderNames | undefined;
  /** Names in the sink, where they are others. */
  renaming?: Renaming | undefined;
  /** Windows go on without an end; `metrics` and `stopMs` are then those of the planning. See `follow.ts`. */
  follow?: FollowRule | undefined;
}

/** `all`: of series and of none. */
export type Annotated = 'all' | 'series' | 'none';

export interface FollowRule {
  /** How long after its end a window is read once more. */
  graceMs: number;
  /** Which metrics are asked for, in each window anew. */
  select: Selection;
}

export interface BatchReading {
  tags?: Record<string, string> | undefined;
  downsample?: string | undefined;
}

export interface FolderNames {
  prefix: string;
  /** In which days and hours are told. */
  timeZone: string;
  /** They hold the original's own files, written in frames of so many seconds. */
  kildaFrameS?: number | undefined;
}

const schema = z.object({
  startMs: z.int(),
  stopMs: z.int(),
  intervalMs: z.int().positive(),
  metrics: z.array(z.string()),
  metricsPerBatch: z.int().positive().optional(),
  originMs: z.int().optional(),
  reading: z.object({ tags: z.record(z.string(), z.string()).optional(), downsample: z.string().optional() }).optional(),
  annotations: z.enum(['all', 'series', 'none']).optional(),
  folders: z.object({ prefix: z.string(), timeZone: z.string(), kildaFrameS: z.int().positive().optional() }).optional(),
  renaming: storedRenaming.optional(),
  follow: z
    .object({
      graceMs: z.int().min(0),
      select: z.object({ prefixes: z.array(z.string()), match: z.array(z.string()), exclude: z.array(z.string()) }),
    })
    .optional(),
});
const parsed: WeakMap<object, BatchPlan> = new WeakMap();

/** The batches' part of a stored plan; parsed once per plan object. */
export function batchPlanOf(data: Json): BatchPlan {
  const known = typeof data === 'object' && data !== null ? parsed.get(data) : undefined;
  if (known) return known;
  const plan = schema.parse(data);
  parsed.set(data as object, plan);
  return plan;
}

/** The part of a query that says how points are asked for; nothing where they are asked for raw. */
export function readingOf(data: Json): { reading?: { tags?: Record<string, string>; downsample?: string } } {
  const { reading } = batchPlanOf(data);
  if (reading === undefined) return {};
  const { tags, downsample } = reading;
  return { reading: { ...(tags === undefined ? {} : { tags }), ...(downsample === undefined ? {} : { downsample }) } };
}

/** As it is stored. */
export function planData(plan: BatchPlan): Json {
  return JSON.parse(JSON.stringify(plan)) as Json;
}

export interface Batch {
  range: TimeRange;
  metrics: string[];
  /** Annotations of no series go with it, too. */
  globals: boolean;
}

/** Windows are aligned to multiples of the interval since the epoch (a day is a UTC day), so the first and last may be shorter. */
export function windowCount({ startMs, stopMs, intervalMs, originMs = 0 }: Windows): number {
  if (stopMs <= startMs) return 0;
  return Math.floor((stopMs - 1 - originMs) / intervalMs) - Math.floor((startMs - originMs) / intervalMs) + 1;
}

type Windows = Pick<BatchPlan, 'startMs' | 'stopMs' | 'intervalMs' | 'originMs'>;

export function windowAt({ startMs, stopMs, intervalMs, originMs = 0 }: Windows, index: number): TimeRange {
  const first = originMs + (Math.floor((startMs - originMs) / intervalMs) + index) * intervalMs;
  return { startMs: Math.max(startMs, first), stopMs: Math.min(stopMs, first + intervalMs) };
}

export function sliceCount({ metrics, metricsPerBatch = METRICS_PER_BATCH }: Pick<BatchPlan, 'metrics' | 'metricsPerBatch'>): number {
  return Math.ceil(metrics.length / metricsPerBatch);
}

export function batchCount(plan: BatchPlan): number {
  return windowCount(plan) * sliceCount(plan);
}

/** Batch number `unit`: windows oldest first, all slices of a window before the next. */
export function batchAt(plan: BatchPlan, unit: number): Batch {
  const size = plan.metricsPerBatch ?? METRICS_PER_BATCH;
  const slices = sliceCount(plan);
  const slice = unit % slices;
  return {
    range: windowAt(plan, Math.floor(unit / slices)),
    metrics: plan.metrics.slice(slice * size, (slice + 1) * size),
    globals: plan.annotations === 'all' && slice === 0,
  };
}

/** The window of a batch by its name. */
export function batchRange(plan: BatchPlan, name: string): TimeRange {
  return batchAt(plan, Number(/^b(\d+)/.exec(name)?.[1] ?? 0)).range;
}

/** Folder name of a batch; sorts by age. A batch that is dumped again gets another name, since the first one has a tombstone. */
export function batchName(unit: number, redo: number): string {
  const name = `b${String(unit).padStart(7, '0')}`;
  return redo === 0 ? name : `${name}-r${redo}`;
}

/** `2023-03-08T00:00:00Z..2023-03-09T00:00:00Z`, for people. */
export function rangeText({ startMs, stopMs }: TimeRange): string {
  const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');
  return `${iso(startMs)}..${iso(stopMs)}`;
}
