/**
 * Proves that the sink keeps what it acknowledges, and counts what it already holds.
 *
 * Changes: a few points under `longshore.probe`, deleted again where the sink allows it. Twice is harmless.
 */

import type { Json, TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, GateClosed } from '@longshore/core';
import { z } from 'zod';
import type { ProbeRequest, ProbeResult, ReadBack, SinkCounters, VictoriaMetricsClient } from '../client/victoriametrics/index.ts';
import { SinkDropsData, victoriaMetrics } from '../client/victoriametrics/index.ts';
import { SinkNotEmpty } from '../errors.ts';
import type { BatchPlan } from '../plan/batches.ts';
import { batchPlanOf } from '../plan/batches.ts';
import { SinkNames } from '../plan/renaming.ts';
import { FLUSH_LAG_MS, PATIENT } from './settings.ts';
import { SinkGate } from './sink-gate.ts';

export interface SinkFacts {
  encoding: 'zstd' | 'plain';
  /** How long a request may wait in the server before it takes effect. */
  queueMs: number;
  readBack: ReadBack;
}

const facts: z.ZodType<SinkFacts> = z.object({
  encoding: z.enum(['zstd', 'plain']),
  queueMs: z.number(),
  // An operation that was begun by an older version has not proven it.
  readBack: z.enum(['native', 'native-bare', 'json']).default('json'),
});

export const PROVE_SINK = 'prove-sink';

/** What `prove-sink` of this operation has found. */
export async function sinkFacts(context: Pick<TaskContext<unknown>, 'resultOf'>): Promise<SinkFacts> {
  return facts.parse(await context.resultOf(PROVE_SINK));
}

const counters = z.object({ ignored: z.record(z.string(), z.number()), invalid: z.record(z.string(), z.number()) });

/** The sink's counters of dropped rows from before anything was sent. */
export async function sinkCounters(context: Pick<TaskContext<unknown>, 'resultOf'>): Promise<SinkCounters> {
  return { ...counters.parse(await context.resultOf(PROVE_SINK)), inserted: 0 };
}

const COUNTER_LAG_MS = 1_200;

export interface ProveSinkParams {
  sink: string;
  existing: 'refuse' | 'fill';
}

export const proveSink: TaskDefinition<ProveSinkParams> = defineTask({
  name: 'tsdb.prove-sink',
  role: 'restorer',
  params: z.strictObject({ sink: z.string(), existing: z.enum(['refuse', 'fill']) }),
  retry: PATIENT,
  undo: { none: 'it takes its probe points back itself where the sink allows deleting; elsewhere they stay under longshore.probe' },

  async run(context) {
    const { params, signal } = context;
    const plan = batchPlanOf(context.plan);
    await using sink = context.target(params.sink, victoriaMetrics);
    await letOthersEnd(context, sink);
    if (params.existing === 'fill') await context.clock.sleep(FLUSH_LAG_MS, signal);
    const held = await countHeld(sink, plan, signal, (done) => context.progress(done, plan.metrics.length, 'metrics'));
    if (params.existing === 'refuse' && held.points > 0) throw SinkNotEmpty({ sink: params.sink, ...held });
    for (const [metric, points] of held.byMetric) context.tally(metric, 'present', points);
    const probe = await probed(sink, { oldestMs: plan.startMs, newestMs: plan.stopMs - 1, signal });
    for (const warning of probe.warnings) context.note({ level: 'warning', text: warning });
    // The probe itself may raise them, and they lag by a second.
    await context.clock.sleep(COUNTER_LAG_MS, signal);
    const counters = await sink.counters(signal);
    const found: Record<string, Json> = {
      encoding: probe.encoding,
      queueMs: probe.queueMs,
      readBack: probe.readBack,
      ignored: counters.ignored,
      invalid: counters.invalid,
    };
    const readBack = probe.readBack !== 'json' ? 'in native blocks' : `as JSON lines (${probe.readBackReason ?? 'nothing else is proven'})`;
    const oldest = new Date(plan.startMs).toISOString();
    await context.event('note', `the sink keeps points of ${oldest}, reads ${probe.encoding} bodies and is read back ${readBack}`);
    return { output: found };
  },
});

/** A sink that crashes in the middle of a probe has lost points too: that it drops them is believed only when it does so again. */
async function probed(sink: VictoriaMetricsClient, request: ProbeRequest): Promise<ProbeResult> {
  try {
    return await sink.probe(request);
  } catch (error) {
    if (!SinkDropsData.is(error)) throw error;
    return sink.probe(request);
  }
}

/** What an operation that has ended left under way may still be written: counted before, it would be sent twice. */
async function letOthersEnd(context: TaskContext<ProveSinkParams>, sink: VictoriaMetricsClient): Promise<void> {
  const { store, clock, operation } = context;
  for (const { holder, untilMs } of await new SinkGate(store, clock, sink, operation.id).others()) {
    const other = holder.slice(0, holder.indexOf('/'));
    if (other === operation.id || (await context.operationOf(other))?.live) continue;
    const seconds = Math.ceil((untilMs - clock.now()) / 1000);
    throw new GateClosed(
      'sink',
      `an upload of ${other} was cut off and may still take effect; it is waited out (${seconds} s)`,
      Math.max(1, untilMs - clock.now()),
    );
  }
}

export interface Held {
  points: number;
  metrics: number;
  /** As the sink calls it. */
  example: string;
  /** As the source calls them. */
  byMetric: Map<string, number>;
}

/** What the sink holds of a plan's metrics in its window, under the names they have there. */
export async function countHeld(
  sink: VictoriaMetricsClient,
  { metrics, renaming = {}, startMs, stopMs }: Pick<BatchPlan, 'metrics' | 'renaming' | 'startMs' | 'stopMs'>,
  signal: AbortSignal,
  progress: (done: number) => void = () => undefined,
): Promise<Held> {
  const held: Held = { points: 0, metrics: 0, example: '', byMetric: new Map() };
  const names = new SinkNames(renaming);
  await sink.flush(signal);
  for (const [at, metric] of metrics.entries()) {
    const there = names.metric(metric);
    const points = await sink.countPoints(there, { startMs, stopMs }, signal);
    progress(at + 1);
    if (points === 0) continue;
    held.points += points;
    held.metrics += 1;
    held.example ||= there;
    held.byMetric.set(metric, points);
  }
  return held;
}
