/**
 * Removes the data of batches that were verified a while ago, after counting them once more: a sink that crashed in between has lost
 * what was still in its memory, and gets it again from the folder. Batches of an earlier dump stay where the sink lacks points of them.
 *
 * Changes: the spool; points in the sink when some were lost. Twice is harmless: a removed batch has a tombstone, and what is sent is
 * what a lookup has just found missing, when no earlier request for it can take effect any more.
 */

import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, GateClosed } from '@longshore/core';
import type { ReadyBatch, Spool } from '@longshore/spool';
import { listBatches, openForRestore, openSpool, removeVerified, restoredAt } from '@longshore/spool';
import { z } from 'zod';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import type { TimeRange } from '../model.ts';
import { namesOf } from '../plan/renaming.ts';
import { sinkFacts } from './prove-sink.ts';
import { doubtUntil } from './restore-batch.ts';
import { PATIENT, VISIBLE_MS } from './settings.ts';
import { SinkGate } from './sink-gate.ts';
import { openNamed } from './sink-names.ts';
import { SinkWriter } from './sink-writer.ts';

export interface SettleParams {
  sink: string;
  from: string;
  verify: boolean;
  settleMs: number;
  spool: string;
  /** The stage is through: wait for what is not due yet. */
  last: boolean;
}

type Context = TaskContext<SettleParams>;

/** A chunk is sent no more often than this. */
const MAX_SENDS = 4;

/** Batches settled in one go; bounds memory and the time until the next sign of life. */
const TOGETHER = 200;

export const settle: TaskDefinition<SettleParams> = defineTask({
  name: 'tsdb.settle',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({
    sink: z.string(),
    from: z.string(),
    verify: z.boolean(),
    settleMs: z.int().min(0),
    spool: z.string(),
    last: z.boolean(),
  }),
  retry: PATIENT,
  undo: { none: 'what it removes from the spool is in the sink; what it sends there the restore had sent, and the sink had lost' },

  async run(context) {
    const { params, clock, signal } = context;
    const spool = await openSpool(context.spool());
    /** Batches that are not to be counted yet: an upload may still take effect, or what it brought is not to be seen yet. Until when, ms. */
    const doubtful = new Map<string, number>();
    const kept = new Set<string>();
    for (;;) {
      signal.throwIfAborted();
      const verified = (await listBatches(spool, params.from))
        .filter(({ state, batch }) => state === 'verified' && !kept.has(batch))
        .map(({ batch }) => batch);
      const due: string[] = [];
      let soonest = Number.POSITIVE_INFINITY;
      for (const batch of verified) {
        const at = Math.max((await restoredAt(spool, params.from, batch)) + params.settleMs, doubtful.get(batch) ?? 0);
        if (at > clock.now()) soonest = Math.min(soonest, at);
        else if (due.length < TOGETHER) due.push(batch);
      }
      if (due.length > 0) {
        // Of an earlier dump the source may be gone: what lacks points in the sink may be their only copy.
        if (params.from !== context.operation.id)
          for (const batch of due) if (await lacksPoints(spool, params.from, batch)) kept.add(batch);
        const whole = due.filter((batch) => !kept.has(batch));
        if (whole.length > 0) await settleThese(context, spool, whole, doubtful);
        continue;
      }
      if (params.last && verified.length === 0 && kept.size > 0)
        context.note({
          level: 'warning',
          text: `batches of ${params.from} (${kept.size}) stay in the spool ${spool.name}: the sink does not have all of their points`,
        });
      if (!params.last || verified.length === 0) return undefined;
      const wait = Math.max(1, soonest - clock.now());
      throw new GateClosed('settle', `verified batches (${verified.length}) are kept a moment longer and then counted once more`, wait);
    }
  },
});

/** Whether the sink is not known to have all of a batch. */
async function lacksPoints(spool: Spool, from: string, name: string): Promise<boolean> {
  const opening = await openForRestore(spool, from, name);
  if (opening.state === 'removed') return false;
  await using batch = opening.batch;
  return batch.entries.some(({ chunk, points }) => points > 0 && batch.lacks(chunk));
}

async function settleThese(context: Context, spool: Spool, names: string[], doubtful: Map<string, number>): Promise<void> {
  const { params, operation, store, clock } = context;
  if (!params.verify) return removeVerified(spool, params.from, names);
  await using sink = context.target(params.sink, victoriaMetrics);
  await sink.flush(context.signal);
  await using open = new AsyncDisposableStack();
  const batches: ReadyBatch[] = [];
  for (const name of names) {
    const opening = await openNamed(context, params.from, name);
    if (opening.state === 'removed') continue;
    const batch = open.use(opening.batch);
    // What was sent once more shows up a while later; counted before that it would be sent again and again.
    const resent = batch.entries.some(({ chunk }) => batch.progress(chunk).state === 'acknowledged');
    const visible = resent ? (await restoredAt(spool, params.from, name)) + VISIBLE_MS : 0;
    const until = Math.max(doubtUntil(context, batch), visible);
    if (until > clock.now()) doubtful.set(name, until);
    else batches.push(batch);
  }
  const called = namesOf(context.plan);
  const lacking = new Set<ReadyBatch>();
  for (const { metric, range, points, of } of spans(batches)) {
    context.signal.throwIfAborted();
    if ((await sink.countPoints(called.metric(metric), range, context.signal)) < points) for (const batch of of) lacking.add(batch);
  }
  const whole = batches.filter((batch) => !lacking.has(batch)).map(({ batch }) => batch);
  if (whole.length > 0) await removeVerified(spool, params.from, whole);
  for (const batch of lacking) {
    const facts = await sinkFacts(context);
    const gate = new SinkGate(store, clock, sink, `${operation.id}/${batch.batch}`, facts.queueMs);
    await gate.enter();
    const writer = new SinkWriter(context, sink, facts);
    try {
      await mend(context, writer, batch);
    } finally {
      await gate.leave(writer.doubtUntilMs);
    }
  }
}

interface Span {
  metric: string;
  range: TimeRange;
  points: number;
  of: Set<ReadyBatch>;
}

/** Neighbouring chunks of a metric, joined, so that a thousand small batches cost few queries. */
function spans(batches: readonly ReadyBatch[]): Span[] {
  const byMetric = Map.groupBy(
    batches.flatMap((batch) => batch.entries.map((entry) => ({ batch, entry, found: foundOf(batch, entry.chunk) }))),
    ({ entry }) => entry.metric,
  );
  const joined: Span[] = [];
  for (const [metric, parts] of byMetric) {
    parts.sort((a, b) => a.entry.startMs - b.entry.startMs);
    let span: Span | undefined;
    for (const { batch, entry, found } of parts) {
      if (span?.range.stopMs === entry.startMs) {
        span.range.stopMs = entry.stopMs;
        span.points += found;
        span.of.add(batch);
        continue;
      }
      span = { metric, range: { startMs: entry.startMs, stopMs: entry.stopMs }, points: found, of: new Set([batch]) };
      joined.push(span);
    }
  }
  return joined.filter(({ points }) => points > 0);
}

/** Points that the sink must hold of a chunk: what reading back has found, or all, when it was sent once more since. */
function foundOf(batch: ReadyBatch, chunk: number): number {
  const progress = batch.progress(chunk);
  if (progress.state === 'verified') return progress.compared.points - progress.compared.missing + progress.compared.extra;
  return batch.entries[chunk]?.points ?? 0;
}

/** Sends what has been lost since, and has the batch settle anew. What is lost again and again is reported as missing. */
async function mend(context: Context, writer: SinkWriter, batch: ReadyBatch): Promise<void> {
  let lost = 0;
  for (const entry of batch.entries) {
    if (entry.points === 0) continue;
    const { comparison, missingLines = [] } = await writer.compare(batch, entry, true);
    const progress = batch.progress(entry.chunk);
    const known = progress.state === 'verified' ? progress.compared.missing : 0;
    if (comparison.missing <= known) continue;
    lost += comparison.missing - known;
    if ('sends' in progress && progress.sends < MAX_SENDS) await writer.resend(batch, entry, missingLines, comparison.missing);
    else {
      const { points, matched, missing, extra, different, precisionLost } = comparison;
      await batch.verified(new Map([[entry.chunk, { points, matched, missing, extra, different, precisionLost }]]));
      context.tally(entry.metric, 'missing', missing - known);
      context.note({
        level: 'error',
        row: entry.metric,
        text: `${missing} points were sent ${MAX_SENDS} times and are gone from the sink again (${batch.batch})`,
      });
    }
  }
  context.count('resent', lost);
  await context.event('note', `${batch.batch}: ${lost} points were gone from the sink after they had been verified; they were sent again`);
}
