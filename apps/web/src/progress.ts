/** How far an operation is and how fast it goes, from what the API says. Pure. */
import type { OperationHeader, StageSpec, TaskView } from './wire.ts';

export interface Progress {
  done: number;
  failed: number;
  total: number;
  /** What is counted, as the plan names it. */
  unit: 'batches' | 'metrics' | 'files' | 'tasks';
  /** 0 to 1. */
  share: number;
  /** Of time series: points in all, attempts that still run included. */
  dumped?: number;
  restored?: number;
}

function unitOf({ kind, expect }: OperationHeader): Progress['unit'] {
  const named = (['batches', 'metrics', 'files'] as const).find((one) => expect[one] !== undefined);
  return named ?? (kind.startsWith('tsdb.') ? 'batches' : 'tasks');
}

/**
 * Of an operation in batches its largest stage counts, of others every task of every stage that is known; stages that have not begun are
 * known from the plan only.
 */
export function progressOf(header: OperationHeader, tasks: readonly TaskView[] = [], plan: readonly StageSpec[] = []): Progress {
  const { stages, expect, counters } = header;
  const unit = unitOf(header);
  const inBatches = unit !== 'tasks';
  const main = stages.reduce((best, stage) => (stage.total > (best?.total ?? -1) ? stage : best), stages[0]);
  const begun = inBatches ? (main ? [main] : []) : stages;
  const counted = begun.map((stage) => {
    const spec = stage.state === 'pending' ? plan[stages.indexOf(stage)] : undefined;
    const total = Math.max(stage.total, spec?.tasks?.length ?? spec?.bulk?.only?.length ?? spec?.bulk?.count ?? 0);
    return { ...stage, total };
  });
  const sum = (key: 'done' | 'failed' | 'skipped' | 'total'): number => counted.reduce((all, stage) => all + stage[key], 0);
  const total = inBatches ? Math.max(sum('total'), expect[unit] ?? 0) : sum('total');
  // One task may go through all files.
  const inOne = inBatches && main?.total === 1 && total > 1;
  const done = inOne
    ? main.done === 1
      ? total
      : (tasks.find(({ progress }) => progress?.unit === unit)?.progress?.done ?? 0)
    : sum('done');
  // Stages that have not begun do not know their number of tasks yet.
  const unknown = inBatches ? 0 : counted.filter((stage) => stage.state === 'pending' && stage.total === 0).length;
  const weight = total > 0 ? (done + sum('failed') + sum('skipped')) / total : 0;
  const known = stages.length - unknown;
  const share = header.state === 'succeeded' ? 1 : stages.length > 0 ? (weight * known) / stages.length : 0;
  const progress: Progress = { done, failed: sum('failed'), total, unit, share: Math.min(1, share) };
  if (header.kind.startsWith('tsdb.')) {
    const running = (part: string): number =>
      tasks.reduce((all, task) => all + (task.progress?.unit === 'points' && task.task.includes(part) ? task.progress.done : 0), 0);
    progress.dumped = (counters.pointsDumped ?? 0) + running('.dump');
    progress.restored = (counters.points ?? 0) + running('.restore');
  }
  return progress;
}

export interface Sample {
  at: number;
  /** What is counted, each only growing. */
  values: number[];
  share: number;
}

/** The sample from which a speed over about `windowMs` up to the newest one is taken. */
function baseOf(samples: readonly Sample[], windowMs: number): Sample | undefined {
  const newest = samples.at(-1);
  return newest && samples.find(({ at }) => newest.at - at <= windowMs);
}

const SHORTEST_MS = 1_500;
const WINDOW_MS = 30_000;

/** A second's worth of each value, and how long the rest takes at this speed. */
export function speedOf(samples: readonly Sample[], windowMs: number = WINDOW_MS): { perSecond?: number[]; leftMs?: number } {
  const newest = samples.at(-1);
  const base = baseOf(samples, windowMs);
  if (!newest || !base || newest.at - base.at < SHORTEST_MS) return {};
  const ms = newest.at - base.at;
  const gained = newest.share - base.share;
  return {
    perSecond: newest.values.map((value, at) => Math.max(0, ((value - (base.values[at] ?? 0)) * 1000) / ms)),
    ...(gained > 0 && newest.share < 1 ? { leftMs: ((1 - newest.share) * ms) / gained } : {}),
  };
}

/** Speeds from sample to sample, each over the last few seconds, as a chart wants them: times in seconds, then one list per value. */
export function curve(samples: readonly Sample[], smoothMs: number): number[][] {
  const width = samples[0]?.values.length ?? 0;
  const columns: number[][] = Array.from({ length: width + 1 }, () => []);
  let base = 0;
  for (let at = 1; at < samples.length; at += 1) {
    const sample = samples[at]!;
    while (base < at - 1 && sample.at - samples[base]!.at > smoothMs) base += 1;
    const from = samples[base]!;
    const ms = sample.at - from.at;
    if (ms < SHORTEST_MS) continue;
    columns[0]!.push(sample.at / 1000);
    for (let value = 0; value < width; value += 1)
      columns[value + 1]!.push(Math.max(0, ((sample.values[value]! - from.values[value]!) * 1000) / ms));
  }
  return columns;
}

/** How long the tasks took that ended in each of about `buckets` equal spans, in seconds, in the middle. Spans without any are left out. */
export function secondsOver(tasks: readonly { startedAt?: number; endedAt: number }[], buckets: number): number[][] {
  const known = tasks.flatMap(({ startedAt, endedAt }) => (startedAt === undefined ? [] : [{ endedAt, ms: endedAt - startedAt }]));
  if (known.length < 2) return [[], []];
  const first = Math.min(...known.map(({ endedAt }) => endedAt));
  const last = Math.max(...known.map(({ endedAt }) => endedAt));
  const width = Math.max(1_000, Math.ceil((last - first) / buckets));
  const spans = [...Map.groupBy(known, ({ endedAt }) => Math.floor((endedAt - first) / width))].sort(([a], [b]) => a - b);
  const middle = (all: { ms: number }[]): number => all.map(({ ms }) => ms).toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
  return [spans.map(([at]) => (first + (at + 0.5) * width) / 1000), spans.map(([, all]) => middle(all) / 1000)];
}

/** How many ended in each of about `buckets` equal spans from the first to the last: times in seconds, and numbers a second. */
export function endedPerSecond(ends: readonly number[], buckets: number, now: number): number[][] {
  if (ends.length < 2) return [[], []];
  const first = Math.min(...ends);
  const width = Math.max(1_000, Math.ceil((now - first) / buckets / 1_000) * 1_000);
  // The last span is not full yet, and would show a fall that is none.
  const counts = Array.from({ length: Math.max(2, Math.floor((now - first) / width)) }, () => 0);
  for (const end of ends) {
    const at = Math.floor((end - first) / width);
    if (at < counts.length) counts[at]! += 1;
  }
  return [counts.map((_, at) => (first + (at + 0.5) * width) / 1000), counts.map((ended) => (ended * 1000) / width)];
}
