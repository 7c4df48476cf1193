/**
 * Counts every metric in the sink once more, at the very end. What has gone since (a sink that crashed) is dumped and sent again;
 * what is there more often than it should be is named. A metric whose count is right, but which has points twice, lacks as many others:
 * its batches are looked at again, too.
 *
 * Changes: nothing by itself. Twice is harmless.
 */

import type { StageSpec, TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import type { VictoriaMetricsClient } from '../client/victoriametrics/index.ts';
import { risen, victoriaMetrics } from '../client/victoriametrics/index.ts';
import type { BatchPlan } from '../plan/batches.ts';
import { batchAt, batchCount, batchPlanOf, rangeText } from '../plan/batches.ts';
import { closedBy } from '../plan/follow.ts';
import { namesOf } from '../plan/renaming.ts';
import { sinkCounters } from './prove-sink.ts';
import { MAX_REDO, PATIENT } from './settings.ts';

export interface FinalCountParams {
  sink: string;
  redo: number;
  /** The stage that moves batches, as it was planned; absent where there is no source to dump from again. */
  move?: StageSpec | undefined;
  /** And, of a source that was followed, the one that moves its last window. */
  last?: StageSpec | undefined;
}

const stageSpec = z.custom<StageSpec>((value) => value === undefined || typeof value === 'object').optional();

export const finalCount: TaskDefinition<FinalCountParams> = defineTask({
  name: 'tsdb.final-count',
  role: 'restorer',
  params: z.strictObject({
    sink: z.string(),
    redo: z.int().min(0),
    move: stageSpec,
    last: stageSpec,
  }),
  retry: PATIENT,
  undo: { none: 'it counts, and plans what is missing; nothing outside is changed' },

  async run(context) {
    const { params, signal } = context;
    const rows = await context.report();
    const plan = countedOf(context, Object.keys(rows));
    await using sink = context.target(params.sink, victoriaMetrics);
    await sink.flush(signal);
    const names = namesOf(context.plan);
    const lacking = new Map<string, number>();
    const unsure = new Set<string>();
    for (const [at, metric] of plan.metrics.entries()) {
      signal.throwIfAborted();
      const there = names.metric(metric);
      const { restored = 0, missing = 0, extra = 0, present = 0 } = rows[names.row(metric)] ?? {};
      const expected = restored - missing + extra;
      const found = await sink.countPoints(there, plan, signal);
      context.progress(at + 1, plan.metrics.length, 'metrics');
      if (found < expected) lacking.set(metric, expected - found);
      else if (found > expected && present === 0) {
        context.tally(metric, 'extra', found - expected);
        context.note({ level: 'error', row: metric, text: `the final count finds ${found} points where ${expected} are expected` });
      } else if (found === expected && params.redo === 0 && (await sink.hasDoubled(there, plan, signal))) unsure.add(metric);
      else if (found > expected) {
        // Points that the source does not have may have been there before; from a count they cannot be told from doubled ones.
        const text = `the sink holds ${found - expected} points more than the source: others that were among the ${present} there before, or doubled ones; \`tsdb verify\` tells which`;
        context.note({ level: 'warning', row: metric, text });
      }
    }
    await tellCounters(context, sink);
    if (lacking.size + unsure.size === 0) return { output: { lacking: 0 } };
    const total = [...lacking.values()].reduce((sum, points) => sum + points, 0);
    if (!params.move || params.redo >= MAX_REDO) {
      for (const [metric, points] of lacking) {
        context.tally(metric, 'missing', points);
        context.note({ level: 'error', row: metric, text: `the final count lacks ${points} points that had been verified` });
      }
      for (const metric of unsure) {
        // How many cannot be told from here; one of each is the least.
        context.tally(metric, 'missing', 1);
        context.tally(metric, 'extra', 1);
        const text = 'the final count is right, but the sink has points twice: as many others are missing; `tsdb verify` tells which';
        context.note({ level: 'error', row: metric, text });
      }
      return { output: { lacking: total } };
    }
    const units = unitsOf(plan, (metric) => lacking.has(metric) || unsure.has(metric));
    const reasons = [
      ...(lacking.size > 0 ? [`${total} points of ${lacking.size} metrics have gone from the sink since they were verified`] : []),
      ...(unsure.size > 0 ? [`${unsure.size} metrics have points twice, and as many others not at all`] : []),
    ];
    await context.event(
      'note',
      `${reasons.join('; ')}; looking again at ${units.length} batches, from ${rangeText(batchAt(plan, units[0] ?? 0).range)} on`,
    );
    context.count('lostAfterVerify', total);
    context.emit([
      again(params.move, units, params.redo + 1),
      ...(params.last ? [again(params.last, [0], params.redo + 1)] : []),
      {
        name: `count-${params.redo + 1}`,
        title: 'count everything once more',
        concurrency: 1,
        tasks: [finalCountSpec(params, params.redo + 1)],
      },
    ]);
    return { output: { lacking: total } };
  },
});

/** The sink's counters of rows it dropped: an alarm, since others may write to it too; reading back has decided. */
async function tellCounters(context: TaskContext<FinalCountParams>, sink: VictoriaMetricsClient): Promise<void> {
  const before = await sinkCounters(context);
  for (const [reason, rows] of Object.entries(risen(before, await sink.counters(context.signal))))
    context.note({
      level: 'warning',
      text: `while this ran the sink has counted ${rows} rows as ${reason}; whether they were of this operation its counters do not say`,
    });
}

/** What is counted: the plan's metrics and window; of what was followed all metrics that came up, up to the end that was asked for. */
function countedOf({ plan: data, operation }: TaskContext<FinalCountParams>, moved: string[]): BatchPlan {
  const plan = batchPlanOf(data);
  if (plan.follow === undefined) return plan;
  return {
    ...plan,
    metrics: [...new Set([...plan.metrics, ...moved])].sort(),
    stopMs: Math.max(operation.finishAt ?? plan.stopMs, plan.startMs + 1),
  };
}

/** Units that may hold points of certain metrics; which metrics a followed window had is not kept. */
function unitsOf(plan: BatchPlan, isMeant: (metric: string) => boolean): number[] {
  if (plan.follow !== undefined) return Array.from({ length: closedBy(plan, plan.stopMs) }, (_, unit) => unit);
  return Array.from({ length: batchCount(plan) }, (_, unit) => unit).filter((unit) => batchAt(plan, unit).metrics.some(isMeant));
}

function again(move: StageSpec, only: number[], redo: number): StageSpec {
  const { endless: _endless, ...planned } = move.bulk!;
  const bulk = { ...planned, only, params: { ...(planned.params as object), redo, existing: 'fill', tally: 'none' } };
  return { ...move, name: `${move.name}-again-${redo}`, title: 'dump again what the sink has lost, and send what is missing', bulk };
}

function finalCountSpec(params: FinalCountParams, redo: number): NonNullable<StageSpec['tasks']>[number] {
  return { id: `count-${redo}`, task: 'tsdb.final-count', params: JSON.parse(JSON.stringify({ ...params, redo })), placement: 'role' };
}
