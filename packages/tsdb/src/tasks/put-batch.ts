/**
 * Sends one ready batch over `/api/put` and reads it back where that can be done: from OpenTSDB itself, or, for VictoriaMetrics'
 * listener, from its query port when that is known.
 *
 * Changes: points in the sink. Twice is harmless for OpenTSDB, which keeps one value for one time. VictoriaMetrics keeps both: a chunk
 * whose outcome is not known is looked up where there is a query port, and named in the report where there is none.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import type { ChunkEntry, ComparedPoints, ReadyBatch, Tombstone } from '@longshore/spool';
import { openForRestore, openSpool } from '@longshore/spool';
import { z } from 'zod';
import type { OpenTsdbClient } from '../client/opentsdb/index.ts';
import { openTsdb, openTsdbSink, putObjects } from '../client/opentsdb/index.ts';
import { compareWithOpenTsdb } from '../client/opentsdb/read-back.ts';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import type { Comparison } from '../model.ts';
import { tellExamples } from './compare-batch.ts';
import { putFacts } from './prove-put.ts';
import { PutWriter } from './put-writer.ts';
import type { Tallies } from './settings.ts';
import { PATIENT, TALLIES, VISIBLE_MS } from './settings.ts';

export interface PutBatchParams {
  sink: string;
  /** VictoriaMetrics behind a listener that only takes points. */
  verifyUrl?: string | undefined;
  batch: string;
  from: string;
  verify: boolean;
  requestBytes?: number | undefined;
  sync: boolean;
  tally: Tallies;
}

type Context = TaskContext<PutBatchParams>;

const FIRST_LOOK_MS = 250;
const MAX_REJECTED_NOTES = 10;

export const putBatch: TaskDefinition<PutBatchParams> = defineTask({
  name: 'tsdb.put-batch',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({
    sink: z.string(),
    verifyUrl: z.string().optional(),
    batch: z.string(),
    from: z.string(),
    verify: z.boolean(),
    requestBytes: z.int().positive().optional(),
    sync: z.boolean(),
    tally: z.enum(TALLIES),
  }),
  retry: PATIENT,
  undo: { none: 'neither OpenTSDB, as it is set up by default, nor VictoriaMetrics takes single points back' },

  async run(context) {
    const { params } = context;
    const opening = await openForRestore(await openSpool(context.spool()), params.from, params.batch);
    if (opening.state === 'removed') {
      tellRemoved(context, opening.tombstone);
      return { output: { points: opening.tombstone.totals.points } };
    }
    await using batch = opening.batch;
    if (opening.state === 'ready') {
      await send(context, batch);
      const read = params.verify && (await readBack(context, batch));
      await batch.markVerified({ readBack: read });
    }
    for (const { metric, chunk, points } of batch.entries) {
      const progress = batch.progress(chunk);
      tell(context, metric, points, progress.state === 'verified' ? progress.compared : undefined);
    }
    return { output: { points: batch.totals.points } };
  },
});

async function send(context: Context, batch: ReadyBatch): Promise<void> {
  const { params, signal, generation } = context;
  await using sink = context.target(params.sink, openTsdbSink);
  const facts = await putFacts(context);
  const writer = new PutWriter(
    sink,
    {
      sync: params.sync,
      exact: facts.serves === 'opentsdb',
      ...(params.requestBytes === undefined ? {} : { bodyBytes: params.requestBytes }),
    },
    context,
    facts.bodyBytes,
  );
  let done = 0;
  for (const { chunk, metric, points } of batch.entries) {
    signal.throwIfAborted();
    const { state } = batch.progress(chunk);
    done += points;
    if (points === 0 || state === 'acknowledged' || state === 'verified') continue;
    if (state !== 'unsent' && facts.serves !== 'opentsdb')
      context.note({
        level: 'warning',
        row: metric,
        text: `an upload of ${points} points of ${batch.batch} was interrupted and is sent again; the sink may keep part of it twice`,
      });
    await batch.sending([chunk], generation, context.clock.now() + sink.settings.deadlineMs);
    const rejected = await writer.send(putObjects(await batch.readLines(chunk)));
    if (rejected.length > 0) {
      context.tally(metric, 'unsendable', rejected.length);
      for (const { reason, point } of rejected.slice(0, MAX_REJECTED_NOTES))
        context.note({ level: 'error', row: metric, text: `the sink refuses a point: ${reason} (${point.slice(0, 300)})` });
    }
    await batch.acknowledged(chunk, generation);
    context.count('points', points - rejected.length);
    context.progress(done, batch.totals.points, 'points');
  }
  const { requests, retries, bytes, maybeDoubled } = writer.counts;
  context.count('requests', requests);
  context.count('retries', retries);
  context.count('bytesSent', bytes);
  if (maybeDoubled > 0)
    context.note({
      level: 'warning',
      text: `${maybeDoubled} points of ${batch.batch} were sent again since no answer came; the sink may keep them twice`,
    });
}

/** False where nothing can be read. */
async function readBack(context: Context, batch: ReadyBatch): Promise<boolean> {
  const { params } = context;
  const { serves, verifyUrl = params.verifyUrl } = await putFacts(context);
  if (serves === 'opentsdb') {
    await using sink = context.target(params.sink, openTsdb);
    await compareAll(context, batch, async (entry) =>
      compareWithOpenTsdb(sink as OpenTsdbClient, entry.metric, entry, await batch.readLines(entry.chunk), context.signal),
    );
    return true;
  }
  if (verifyUrl === undefined) return false;
  await using sink = context.target(verifyUrl, victoriaMetrics);
  await compareAll(context, batch, async ({ chunk, metric, startMs, stopMs }) => {
    await sink.flush(context.signal);
    const lines = await batch.readLines(chunk);
    return (await sink.verifyChunk(lines, { metric, range: { startMs, stopMs }, signal: context.signal })).comparison;
  });
  return true;
}

/** Points show up a while after they were acknowledged: what is missing is looked for again before it counts as missing. */
async function compareAll(context: Context, batch: ReadyBatch, compare: (entry: ChunkEntry) => Promise<Comparison>): Promise<void> {
  const since = context.clock.now();
  let pauseMs = FIRST_LOOK_MS;
  let open = batch.entries.filter(({ chunk, points }) => points > 0 && batch.progress(chunk).state !== 'verified');
  while (open.length > 0) {
    const patienceOver = context.clock.now() - since > VISIBLE_MS;
    const lacking: ChunkEntry[] = [];
    for (const entry of open) {
      context.signal.throwIfAborted();
      const comparison = await compare(entry);
      if (comparison.missing > 0 && !patienceOver) {
        lacking.push(entry);
        continue;
      }
      const { points, matched, missing, extra, different, precisionLost } = comparison;
      await batch.verified(new Map([[entry.chunk, { points, matched, missing, extra, different, precisionLost }]]));
      context.count('pointsVerified', matched + precisionLost);
      tellExamples(context, entry.metric, comparison.examples);
    }
    open = lacking;
    if (open.length === 0) return;
    await context.clock.sleep(pauseMs, context.signal);
    pauseMs = Math.min(2_000, pauseMs * 2);
  }
}

function tellRemoved(context: Context, tombstone: Tombstone): void {
  for (const { metric, points, compared } of tombstone.metrics) tell(context, metric, points, compared);
}

function tell(context: Context, metric: string, points: number, compared: ComparedPoints | undefined): void {
  if (context.params.tally === 'none' || points === 0) return;
  context.tally(metric, 'restored', points);
  if (compared === undefined) return;
  const { matched, missing, extra, different, precisionLost } = compared;
  context.tally(metric, 'verified', matched + precisionLost);
  for (const [column, value] of Object.entries({ precisionLost, missing, extra, different }))
    if (value > 0) context.tally(metric, column, value);
}
