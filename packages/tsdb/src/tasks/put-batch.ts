/**
 * Sends one ready batch over `/api/put` and reads it back where that can be done: from OpenTSDB itself, or, for VictoriaMetrics'
 * listener, from its query port when that is known.
 *
 * Changes: points in the sink. Twice is harmless for OpenTSDB, which keeps one value for one time. VictoriaMetrics keeps both: where there is
 * a query port, a chunk whose outcome is not known is looked up, after its requests can no longer take effect, and only what is missing is
 * sent; where there is none it is sent again and named in the report. With `existing: fill` every chunk is looked up before it is sent.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import type { ChunkEntry, ComparedPoints, ReadyBatch, Tombstone } from '@longshore/spool';
import { z } from 'zod';
import { nameBeyondLatin1, openTsdbSink, putObjects } from '../client/opentsdb/index.ts';
import type { FoundByMetric } from './annotations.ts';
import { lookForAnnotations, moveAnnotations, tellAnnotations } from './annotations.ts';
import { tellExamples } from './compare-batch.ts';
import type { PutFacts } from './prove-put.ts';
import { putFacts } from './prove-put.ts';
import type { PutReader } from './put-reader.ts';
import { putReader } from './put-reader.ts';
import { PutWriter } from './put-writer.ts';
import { isToBeFilled, waitOut } from './restore-batch.ts';
import type { Tallies } from './settings.ts';
import { PATIENT, TALLIES, VISIBLE_MS } from './settings.ts';
import { claimSink } from './sink-claim.ts';
import { openNamed } from './sink-names.ts';
import { tellRestored } from './tell-restored.ts';

export interface PutBatchParams {
  sink: string;
  /** VictoriaMetrics behind a listener that only takes points. */
  verifyUrl?: string | undefined;
  existing: 'refuse' | 'fill';
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
/** Of a chunk under way a new note is made no more often than this. */
const NOTE_AHEAD_MS = 10_000;

export const putBatch: TaskDefinition<PutBatchParams> = defineTask({
  name: 'tsdb.put-batch',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({
    sink: z.string(),
    verifyUrl: z.string().optional(),
    existing: z.enum(['refuse', 'fill']).default('refuse'),
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
    const opening = await openNamed(context, params.from, params.batch);
    if (opening.state === 'removed') {
      tellRemoved(context, opening.tombstone);
      if (params.tally !== 'none') tellAnnotations(context, opening.tombstone, await annotationsThere(context, undefined));
      return { output: { points: opening.tombstone.totals.points } };
    }
    await using batch = opening.batch;
    let found: FoundByMetric | undefined;
    if (opening.state === 'ready' || isToBeFilled(params, batch)) {
      await claimSink(context, params.from, { sink: params.sink, via: 'put' });
      found = await putIn(context, batch);
    }
    for (const { metric, chunk, points } of batch.entries) {
      const progress = batch.progress(chunk);
      tellOnce(context, metric, points, progress.state === 'verified' ? progress.compared : undefined);
    }
    if (params.tally !== 'none') tellAnnotations(context, batch, found ?? (await annotationsThere(context, batch)));
    return { output: { points: batch.totals.points } };
  },
});

/** Sends what of a batch is not known to be in the sink, and reads all of it back. Returns what the sink says of its annotations, if it has any. */
export async function putIn(context: Context, batch: ReadyBatch): Promise<FoundByMetric | undefined> {
  const { params } = context;
  const facts = await putFacts(context);
  await using reader = putReader(context, facts, facts.verifyUrl ?? params.verifyUrl);
  await send(context, batch, facts, reader);
  const found = facts.serves === 'opentsdb' ? await moveAnnotations(context, batch) : undefined;
  if (params.verify && reader !== undefined) await compareAll(context, batch, reader);
  await batch.markVerified({ readBack: params.verify && reader !== undefined });
  return found;
}

/** What the sink has of the annotations of a batch that was brought in before; nothing is known of one that has been put away. Undefined for a sink without. */
export async function annotationsThere(
  context: TaskContext<{ sink: string }>,
  batch: ReadyBatch | undefined,
): Promise<FoundByMetric | undefined> {
  if ((await putFacts(context)).serves !== 'opentsdb') return undefined;
  return batch === undefined ? new Map() : lookForAnnotations(context, batch);
}

async function send(context: Context, batch: ReadyBatch, facts: PutFacts, reader: PutReader | undefined): Promise<void> {
  const { params, signal } = context;
  const exact = facts.serves === 'opentsdb';
  if (!exact && reader !== undefined) waitOut(context, batch);
  await using sink = context.target(params.sink, openTsdbSink);
  const upload = new Upload(context, batch, sink.settings.deadlineMs + facts.queueMs);
  const writer = new PutWriter(
    sink,
    {
      sync: params.sync,
      exact,
      lookUp: !exact && reader !== undefined,
      leaving: () => upload.leaving(),
      ...(params.requestBytes === undefined ? {} : { bodyBytes: params.requestBytes }),
    },
    context,
    facts.bodyBytes,
  );
  let done = 0;
  let flushed = false;
  const misnamed = new Set<string>();
  for (const entry of batch.entries) {
    const { chunk, metric, points } = entry;
    signal.throwIfAborted();
    const { state } = batch.progress(chunk);
    done += points;
    const again = params.existing === 'fill' && reader !== undefined && batch.lacks(chunk);
    if (points === 0 || ((state === 'acknowledged' || state === 'verified') && !again)) continue;
    const doubtful = state !== 'unsent' && !exact;
    let lines = await batch.readLines(chunk);
    let due = points;
    if (reader !== undefined && (doubtful || params.existing === 'fill')) {
      if (!flushed) await reader.flush();
      flushed = true;
      const found = await reader.compare(entry, lines);
      context.count('lookups', 1);
      context.count('pointsPresent', points - found.comparison.missing);
      lines = Buffer.concat(found.missingLines);
      due = found.comparison.missing;
    } else if (doubtful)
      context.note({
        level: 'warning',
        row: metric,
        text: `an upload of ${points} points of ${batch.batch} was interrupted and is sent again; the sink may keep part of it twice`,
      });
    const lost = exact ? nameBeyondLatin1(lines) : undefined;
    if (lost !== undefined && !misnamed.has(metric)) {
      misnamed.add(metric);
      context.note({
        level: 'warning',
        row: metric,
        text: `OpenTSDB stores names as ISO-8859-1: after its next start it has question marks for letters of "${lost}"`,
      });
    }
    await upload.begin(chunk);
    const rejected = await writer.send(putObjects(lines));
    if (rejected.length > 0) {
      context.tally(metric, 'unsendable', rejected.length);
      for (const { reason, point } of rejected.slice(0, MAX_REJECTED_NOTES))
        context.note({ level: 'error', row: metric, text: `the sink refuses a point: ${reason} (${point.slice(0, 300)})` });
    }
    await batch.acknowledged(chunk, context.generation);
    context.count('points', due - rejected.length);
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

/**
 * Notes until when requests of a chunk may take effect. A chunk can take many of them, and tries that take longer than the note says: it is
 * noted anew before that is over.
 */
class Upload {
  readonly #context: Context;
  readonly #batch: ReadyBatch;
  /** From its start until a request can no longer take effect. */
  readonly #requestMs: number;
  #chunk = 0;
  #untilMs = 0;
  #noted: Promise<void> = Promise.resolve();

  constructor(context: Context, batch: ReadyBatch, requestMs: number) {
    this.#context = context;
    this.#batch = batch;
    this.#requestMs = requestMs;
  }

  begin(chunk: number): Promise<void> {
    this.#chunk = chunk;
    this.#untilMs = 0;
    return this.leaving();
  }

  leaving(): Promise<void> {
    const endMs = this.#context.clock.now() + this.#requestMs;
    if (endMs > this.#untilMs) {
      this.#untilMs = endMs + NOTE_AHEAD_MS;
      this.#noted = this.#batch.sending(this.#chunk, this.#context.generation, this.#untilMs);
    }
    return this.#noted;
  }
}

/** Points show up a while after they were acknowledged: what is missing is looked for again before it counts as missing. */
async function compareAll(context: Context, batch: ReadyBatch, reader: PutReader): Promise<void> {
  const since = context.clock.now();
  let pauseMs = FIRST_LOOK_MS;
  let open = batch.entries.filter(({ chunk, points }) => points > 0 && batch.progress(chunk).state !== 'verified');
  while (open.length > 0) {
    const patienceOver = context.clock.now() - since > VISIBLE_MS;
    const lacking: ChunkEntry[] = [];
    await reader.flush();
    for (const entry of open) {
      context.signal.throwIfAborted();
      const { comparison } = await reader.compare(entry, await batch.readLines(entry.chunk));
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
  for (const { metric, points, compared } of tombstone.metrics) tellOnce(context, metric, points, compared);
}

function tellOnce(context: Context, metric: string, points: number, compared: ComparedPoints | undefined): void {
  if (context.params.tally !== 'none' && points > 0) tellRestored(context, metric, points, compared);
}
