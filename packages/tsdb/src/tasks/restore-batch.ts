/**
 * Sends one ready batch to the sink and reads it back.
 *
 * Changes: points in the sink. Twice is harmless, though the sink keeps duplicates: what is about to be sent is noted first, and a
 * chunk whose outcome is not known is looked up, after its request can no longer take effect, and only what is missing is sent.
 * A worker woken from the dead while its request is under way cannot be stopped by the sink; what it doubles is found by the
 * final count and named.
 */

import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, GateClosed } from '@longshore/core';
import type { ChunkEntry, ComparedPoints, ReadyBatch, Tombstone } from '@longshore/spool';
import { z } from 'zod';
import { SinkPushesBack, victoriaMetrics } from '../client/victoriametrics/index.ts';
import type { Comparison } from '../model.ts';
import { tellAnnotations } from './annotations.ts';
import { tellExamples } from './compare-batch.ts';
import { sinkFacts } from './prove-sink.ts';
import type { Tallies } from './settings.ts';
import { PATIENT, TALLIES, VISIBLE_MS } from './settings.ts';
import { claimSink } from './sink-claim.ts';
import { SinkGate } from './sink-gate.ts';
import { openNamed } from './sink-names.ts';
import { groupChunks, SinkWriter } from './sink-writer.ts';
import { tellRestored } from './tell-restored.ts';

export interface RestoreBatchParams {
  sink: string;
  batch: string;
  /** The operation whose folder it is. */
  from: string;
  existing: 'refuse' | 'fill';
  verify: boolean;
  redo: number;
  /** A batch that was dumped again is not counted twice in the report. */
  tally: Tallies;
}

type Context = TaskContext<RestoreBatchParams>;

/** A resend of what reading back did not find; after so many rounds it is reported as missing. */
const RESENDS = 2;

export const restoreBatch: TaskDefinition<RestoreBatchParams> = defineTask({
  name: 'tsdb.restore-batch',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({
    sink: z.string(),
    batch: z.string(),
    from: z.string(),
    existing: z.enum(['refuse', 'fill']),
    verify: z.boolean(),
    redo: z.int().min(0),
    tally: z.enum(TALLIES),
  }),
  retry: PATIENT,
  undo: { none: 'VictoriaMetrics deletes whole series only, which would take points with it that were there before' },

  async run(context) {
    const { params } = context;
    const opening = await openNamed(context, params.from, params.batch);
    if (opening.state === 'removed') {
      tellRemoved(context, opening.tombstone);
      if (params.tally !== 'none') tellAnnotations(context, opening.tombstone);
      return { output: { points: opening.tombstone.totals.points } };
    }
    await using batch = opening.batch;
    if (opening.state === 'ready' || isToBeFilled(params, batch)) {
      await claimSink(context, params.from, { sink: params.sink, via: 'import' });
      await bringIn(context, batch);
    }
    tell(context, batch);
    if (params.tally !== 'none') tellAnnotations(context, batch);
    return { output: { points: batch.totals.points } };
  },
});

/** An earlier restore has sent it all: the sink still lacked points of it and is to be filled, or whoever did that was lost on the way. */
export function isToBeFilled({ existing, verify }: { existing: 'refuse' | 'fill'; verify: boolean }, batch: ReadyBatch): boolean {
  return batch.entries.some(({ chunk, points }) => {
    const { state } = batch.progress(chunk);
    if (points === 0) return false;
    return state === 'sending' || (verify && state === 'acknowledged') || (existing === 'fill' && batch.lacks(chunk));
  });
}

/** Sends what of a batch is not known to be in the sink, when that has a place, and reads all of it back. */
export async function bringIn(context: Context, batch: ReadyBatch): Promise<void> {
  const { params, operation, store, clock } = context;
  waitOut(context, batch);
  await using sink = context.target(params.sink, victoriaMetrics);
  const facts = await sinkFacts(context);
  const gate = new SinkGate(store, clock, sink, `${operation.id}/${params.batch}`, facts.queueMs);
  await gate.enter();
  const writer = new SinkWriter(context, sink, facts);
  try {
    await restore(context, batch, writer, gate);
    await gate.wentWell();
  } catch (error) {
    if (SinkPushesBack.is(error)) await gate.pushedBack(error.data.retryAfterMs ?? PUSHED_BACK_MS);
    throw error;
  } finally {
    await gate.leave(writer.doubtUntilMs);
  }
}

const PUSHED_BACK_MS = 5_000;
const FIRST_LOOK_MS = 100;

/** When the last request of an earlier attempt for any chunk of a batch has ended at the latest, ms; 0 when there is none. */
export function doubtUntil(context: Pick<Context, 'generation'>, batch: ReadyBatch): number {
  let until = 0;
  for (const { chunk, points } of batch.entries) {
    const progress = batch.progress(chunk);
    if (points > 0 && progress.state === 'sending' && progress.generation !== context.generation) until = Math.max(until, progress.untilMs);
    if (points > 0 && progress.state === 'unknown') until = Math.max(until, progress.sinceMs + UNKNOWN_MS);
  }
  return until;
}

/** A chunk that an earlier attempt may still be writing is left alone until its request has ended. */
export function waitOut(context: Pick<Context, 'clock' | 'generation'>, batch: ReadyBatch): void {
  const now = context.clock.now();
  const until = doubtUntil(context, batch);
  if (until <= now) return;
  const seconds = Math.ceil((until - now) / 1000);
  throw new GateClosed(
    'sink',
    `an upload of ${batch.batch} was interrupted; in ${seconds} s it can no longer take effect and is looked up`,
    until - now,
  );
}

/** With the restore log damaged nothing is known of deadlines: longer than any request and the sink's queue together. */
const UNKNOWN_MS = 150_000;

async function restore(context: Context, batch: ReadyBatch, writer: SinkWriter, gate: SinkGate): Promise<void> {
  const { params, signal } = context;

  const open = batch.entries.filter(
    ({ chunk, points }) =>
      points > 0 &&
      (['unsent', 'sending', 'unknown'].includes(batch.progress(chunk).state) || (params.existing === 'fill' && batch.lacks(chunk))),
  );
  const fresh = params.existing === 'fill' ? [] : open.filter(({ chunk }) => batch.progress(chunk).state === 'unsent');
  const doubtful = open.filter((entry) => !fresh.includes(entry));
  let done = batch.entries.filter((entry) => !open.includes(entry)).reduce((sum, { points }) => sum + points, 0);
  const advance = (points: number): void => {
    done += points;
    context.progress(done, batch.totals.points, 'points');
  };

  for (const group of groupChunks(fresh)) {
    signal.throwIfAborted();
    await writer.send(batch, group);
    await gate.renew();
    advance(group.reduce((sum, { points }) => sum + points, 0));
  }
  if (doubtful.length > 0) await writer.sink.flush(signal);
  for (const entry of doubtful) {
    signal.throwIfAborted();
    await writer.fill(batch, entry);
    await gate.renew();
    advance(entry.points);
  }
  if (params.verify) await readBack(context, batch, writer, gate);
  await batch.markVerified({ readBack: params.verify });
}

/**
 * Compares every chunk with the sink. Rows show up a while after they were acknowledged, a flush or not (1.79.5: a flush returns while
 * rows another one has taken up are still on their way), so what is missing is looked for again and again before it counts as lost;
 * only then is it sent once more, since a sink that crashed has lost what it had acknowledged.
 */
async function readBack(context: Context, batch: ReadyBatch, writer: SinkWriter, gate: SinkGate): Promise<void> {
  const { signal, clock } = context;
  let open = batch.entries.filter(({ chunk, points }) => points > 0 && batch.progress(chunk).state !== 'verified');
  let since = clock.now();
  let pauseMs = FIRST_LOOK_MS;
  let resends = 0;
  while (open.length > 0) {
    const patienceOver = clock.now() - since > VISIBLE_MS;
    await writer.sink.flush(signal);
    const lacking: typeof open = [];
    const known = patienceOver ? undefined : await writer.confirm(batch, open, () => gate.renew());
    await recordConfirmed(
      context,
      batch,
      open.filter(({ chunk }) => known?.get(chunk)?.verdict === 'confirmed'),
    );
    for (const entry of open) {
      signal.throwIfAborted();
      const { verdict, settled } = known?.get(entry.chunk) ?? {};
      if (verdict === 'incomplete') lacking.push(entry);
      if (verdict === 'confirmed' || verdict === 'incomplete') continue;
      const compared = patienceOver ? await writer.compare(batch, entry, true) : await writer.look(batch, entry, settled);
      await gate.renew();
      if (compared === undefined) {
        lacking.push(entry);
        continue;
      }
      const { comparison, missingLines = [] } = compared;
      if (comparison.missing === 0 || (patienceOver && resends >= RESENDS)) {
        await record(context, batch, entry, comparison);
        continue;
      }
      lacking.push(entry);
      if (!patienceOver) continue;
      await context.event(
        'note',
        `${entry.metric}: the sink has acknowledged ${comparison.missing} points that it does not have; sending them again`,
      );
      context.count('resent', comparison.missing);
      await writer.resend(batch, entry, missingLines, comparison.missing);
    }
    open = lacking;
    if (open.length === 0) return;
    if (patienceOver) {
      resends += 1;
      since = clock.now();
      pauseMs = FIRST_LOOK_MS;
    }
    await clock.sleep(pauseMs, signal);
    pauseMs = Math.min(1_000, pauseMs * 2);
  }
}

/** Every point of these chunks was found once, with exactly its value, and nothing else. */
async function recordConfirmed(context: Context, batch: ReadyBatch, entries: readonly ChunkEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const exact = { missing: 0, extra: 0, different: 0, precisionLost: 0 };
  await batch.verified(new Map(entries.map(({ chunk, points }) => [chunk, { points, matched: points, ...exact }])));
  for (const { points } of entries) context.count('pointsVerified', points);
}

async function record(context: Context, batch: ReadyBatch, entry: ChunkEntry, comparison: Comparison): Promise<void> {
  const { points, matched, missing, extra, different, precisionLost } = comparison;
  await batch.verified(new Map([[entry.chunk, { points, matched, missing, extra, different, precisionLost }]]));
  context.count('pointsVerified', matched + precisionLost);
  tellExamples(context, entry.metric, comparison.examples);
}

/** The report of a batch is what its own log says, so that it is the same whichever attempt tells it. */
function tell(context: Context, batch: ReadyBatch): void {
  for (const { metric, chunk, points } of batch.entries) {
    const progress = batch.progress(chunk);
    tellOnce(context, metric, points, progress.state === 'verified' ? progress.compared : undefined);
  }
}

/** An earlier attempt has done it all and was lost before it could tell; its folder has been put away meanwhile. */
function tellRemoved(context: Context, tombstone: Tombstone): void {
  for (const { metric, points, compared } of tombstone.metrics) tellOnce(context, metric, points, compared);
}

function tellOnce(context: Context, metric: string, points: number, compared: ComparedPoints | undefined): void {
  if (context.params.tally !== 'none' && points > 0) tellRestored(context, metric, points, compared);
}
