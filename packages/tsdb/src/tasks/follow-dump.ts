/**
 * Reads a window of a source that is still written to: as soon as it has closed, and once more when the grace for late points is over.
 *
 * Changes: the spool only. Twice is harmless: see `dump-batch.ts`. When the first reading began is kept before its first query, so that every
 * attempt, and whoever comes after, agrees on whether there is a second one.
 */
import type { RetryPolicy, TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, GateClosed } from '@longshore/core';
import type { RestoreOpening } from '@longshore/spool';
import { openForRestore, openSpool } from '@longshore/spool';
import { z } from 'zod';
import type { OpenTsdbClient } from '../client/opentsdb/index.ts';
import type { TimeRange } from '../model.ts';
import type { FollowRule } from '../plan/batches.ts';
import { batchPlanOf, rangeText } from '../plan/batches.ts';
import { followedWindow, secondName, secondReadingAt } from '../plan/follow.ts';
import type { Reading } from './dump-batch.ts';
import { dumpInto } from './dump-batch.ts';
import { selectedMetrics } from './selected-metrics.ts';
import type { Tallies } from './settings.ts';
import { TALLIES, UPKEEP_MS } from './settings.ts';

/** A window is not given up while a dependency is away for a day: nobody reads it later. */
export const FOLLOWING: RetryPolicy = { attempts: 1_500, firstPauseMs: 500, maxPauseMs: 60_000 };

export interface FollowDumpParams {
  source: string;
  window: string;
  tally: Tallies;
}

type Context = TaskContext<FollowDumpParams>;

const reads: Pick<TaskDefinition<FollowDumpParams>, 'role' | 'queue' | 'params' | 'retry' | 'undo'> = {
  role: 'dumper',
  queue: 'dump',
  params: z.strictObject({ source: z.string(), window: z.string(), tally: z.enum(TALLIES) }),
  retry: FOLLOWING,
  undo: { none: 'it fills a folder in the spool, which the cleanup takes away; the source is only read' },
};

export const followDump: TaskDefinition<FollowDumpParams> = defineTask({
  name: 'tsdb.follow-dump',
  ...reads,

  async run(context) {
    const { window } = context.params;
    const range = windowOf(context, window);
    const rule = ruleOf(context);
    waitFor(context, range.stopMs, `the window ${rangeText(range)} has not closed yet`);
    const { readAtMs } = (await context.checkpoint.load<{ readAtMs: number }>()) ?? (await begin(context));
    const isLast = secondReadingAt(range, rule.graceMs, readAtMs) === undefined;
    const reading = readingOf(context, rule, range, window, isLast);
    const { points } = await dumpInto(context, { ...reading, meta: { readAtMs } });
    return { output: { points } };
  },
});

async function begin({ checkpoint, clock }: Context): Promise<{ readAtMs: number }> {
  const begun = { readAtMs: clock.now() };
  await checkpoint.save(begun);
  return begun;
}

export const followReread: TaskDefinition<FollowDumpParams> = defineTask({
  name: 'tsdb.follow-reread',
  ...reads,

  async run(context) {
    const { window } = context.params;
    const range = windowOf(context, window);
    const rule = ruleOf(context);
    const opening = await openForRestore(await openSpool(context.spool()), context.operation.id, window);
    const at = secondReadingAt(range, rule.graceMs, readAtOf(opening));
    if (opening.state !== 'removed') await opening.batch.close();
    if (at === undefined) return undefined;
    waitFor(context, at, `${rangeText(range)} is read again for late points at ${new Date(at).toISOString()}`);
    // Until what was read first is counted once more, its folder, too, may be sending points that the sink has lost.
    if (opening.state !== 'removed')
      throw new GateClosed('settle', `${rangeText(range)} is counted once more, then it is read again for late points`, UPKEEP_MS);
    const { points } = await dumpInto(context, readingOf(context, rule, range, secondName(window), true));
    return { output: { points } };
  },
});

function readingOf(context: Context, { select }: FollowRule, range: TimeRange, batch: string, tells: boolean): Reading {
  const { params: given, signal } = context;
  return {
    batch,
    range,
    // Metrics that have appeared since the window before are found here.
    async metrics(source: OpenTsdbClient) {
      if (range.stopMs <= range.startMs) return [];
      const { metrics, complete, reason = 'the source did not say why' } = await selectedMetrics(source, select, signal);
      if (!complete) context.note({ level: 'warning', row: rangeText(range), text: `the list of metrics may be incomplete: ${reason}` });
      return metrics;
    },
    globals: batchPlanOf(context.plan).annotations === 'all',
    meta: null,
    // Both readings find the same oddities; those of the later one go into the report.
    tells: tells && given.tally === 'all' ? 'problems' : 'nothing',
    keepEmpty: true,
  };
}

function waitFor({ clock }: Context, atMs: number, why: string): void {
  const leftMs = atMs - clock.now();
  if (leftMs > 0) throw new GateClosed('settle', why, leftMs);
}

export function windowOf(context: Pick<TaskContext<unknown>, 'plan' | 'operation'>, window: string): TimeRange {
  return followedWindow(batchPlanOf(context.plan), window, context.operation.finishAt);
}

export function ruleOf({ plan }: Pick<TaskContext<unknown>, 'plan'>): FollowRule {
  const { follow } = batchPlanOf(plan);
  if (follow === undefined) throw new TypeError('the plan does not say how the source is followed');
  return follow;
}

/** When the first query of a window's first reading was asked, ms. */
export function readAtOf(opening: RestoreOpening): number {
  const { meta } = opening.state === 'removed' ? opening.tombstone : opening.batch;
  return z.object({ readAtMs: z.int() }).parse(meta).readAtMs;
}
