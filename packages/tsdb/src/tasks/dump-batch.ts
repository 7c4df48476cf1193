/**
 * Reads one batch from the source into its folder.
 *
 * Changes: the spool only. Twice is harmless: an attempt writes a segment of its own, goes on behind the last good entry of
 * the manifest, and only the last attempt can make the folder ready.
 */

import type { Json, LongshoreError, TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, GateClosed } from '@longshore/core';
import type { Admission, BatchTotals, ChunkEntry, ChunkWriter, DumpFolder, Spool } from '@longshore/spool';
import {
  discardBatch,
  halfDumpToGiveUp,
  listBatches,
  openForDump,
  openForRestore,
  openSpool,
  SpoolFull,
  spaceGate,
} from '@longshore/spool';
import { z } from 'zod';
import type { FrameWriter, OpenTsdbClient } from '../client/opentsdb/index.ts';
import { NoSuchMetric, openTsdb } from '../client/opentsdb/index.ts';
import type { TimeRange } from '../model.ts';
import { GLOBAL_ANNOTATIONS } from '../model.ts';
import { annotationNotes, annotationsOf, isAnnotation } from '../plan/annotations.ts';
import { batchAt, batchName, batchPlanOf, rangeText, readingOf } from '../plan/batches.ts';
import type { Tallies } from './settings.ts';
import { PATIENT, PERMIT_MS, RENEW_MS, SOURCE_BUSY_MS, SOURCE_LIMIT, TALLIES } from './settings.ts';

export interface DumpBatchParams {
  source: string;
  unit: number;
  redo: number;
  tally: Tallies;
}

type Context = TaskContext<{ source: string }>;

/** What is read, into which folder. */
export interface Reading {
  batch: string;
  range: TimeRange;
  /** Their names; of what is followed they are asked for anew. */
  metrics(source: OpenTsdbClient): readonly string[] | Promise<readonly string[]>;
  /** Annotations of no series, too. */
  globals: boolean;
  /** Kept with the folder. */
  meta: Json;
  /** What of it goes into the report from here: points and what is odd, only what is odd, or nothing. */
  tells: 'all' | 'problems' | 'nothing';
  /** An empty folder is of use, too. */
  keepEmpty?: true;
}

/** The space gate is asked again after this while the disk is full in the middle of a dump. */
const FULL_RETRY_MS = 5_000;

export const dumpBatch: TaskDefinition<DumpBatchParams> = defineTask({
  name: 'tsdb.dump-batch',
  role: 'dumper',
  queue: 'dump',
  params: z.strictObject({ source: z.string(), unit: z.int().min(0), redo: z.int().min(0), tally: z.enum(TALLIES) }),
  retry: PATIENT,
  undo: { none: 'it fills a folder in the spool, which the cleanup takes away; the source is only read' },

  async run(context) {
    const { params, task } = context;
    const { range, metrics, globals } = batchAt(batchPlanOf(context.plan), params.unit);
    const { points, filled } = await dumpInto(context, {
      batch: batchName(params.unit, params.redo),
      range,
      metrics: () => metrics,
      globals,
      meta: { task: task.id, ...params },
      tells: params.tally === 'all' ? 'all' : 'nothing',
    });
    // An empty batch has nothing to restore.
    return { output: { points }, followers: filled ? 'run' : 'skip' };
  },
});

/** Reads what is asked for into its folder, when the source and the spool have room. `filled`: it holds points, or annotations. */
export async function dumpInto(context: Context, reading: Reading): Promise<{ points: number; filled: boolean }> {
  const { params, operation, store, clock } = context;
  const { batch, meta } = reading;
  const holder = `${operation.id}/${batch}`;
  const spool = await openSpool(context.spool());
  const permit = `source:${params.source}`;
  let takenAt = 0;
  const take = (): Promise<boolean> => {
    takenAt = clock.now();
    return store.takePermit(permit, holder, SOURCE_LIMIT, takenAt, PERMIT_MS);
  };
  if (!(await take())) throw new GateClosed('source', `${SOURCE_LIMIT} dumps read ${params.source} already`, SOURCE_BUSY_MS);
  try {
    const admission = await admit(context, spool, batch, holder);
    const opening = await openForDump(spool, { operation: operation.id, batch, generation: context.generation, meta });
    if (opening.state !== 'dumping') {
      await admission.release();
      await tellFinished(context, spool, reading);
      const { points } = opening.totals;
      return { points, filled: points > 0 || opening.state === 'ready' };
    }
    await using folder = opening.folder;
    const totals = await dump(context, reading, folder, admission, async () => {
      if (clock.now() - takenAt > RENEW_MS) await take();
    });
    await admission.release();
    const filled = totals.points > 0 || folder.entries.some((entry) => annotationsOf(entry).length > 0);
    if (!filled && !reading.keepEmpty) await discardBatch(spool, operation.id, batch);
    await spaceGate({ spool, store }).noteBatch(totals.bytes);
    return { points: totals.points, filled };
  } catch (error) {
    if (!SpoolFull.is(error)) throw error;
    throw new GateClosed('space', error.message, FULL_RETRY_MS);
  } finally {
    await store.dropPermit(permit, holder);
  }
}

async function admit(context: Context, spool: Spool, batch: string, holder: string): Promise<Admission> {
  const { store, operation, signal } = context;
  const holders = await store.reservations(spool.name);
  const isOldest = !holders.some((other) => other.holder.startsWith(`${operation.id}/`) && other.holder < holder);
  /** Each once: what is still there after that (finished meanwhile, or begun anew) gives no more room by being asked again. */
  const givenUp = new Set<string>();
  return spaceGate({ spool, store }).admit({
    holder,
    isOldest,
    signal,
    async makeRoom() {
      const halves = (await listBatches(spool, operation.id)).filter((half) => !givenUp.has(half.batch));
      const youngest = halfDumpToGiveUp(halves, batch);
      if (youngest === undefined) return false;
      givenUp.add(youngest);
      await context.event('gate', `the disk of ${spool.name} is full: the half dump ${youngest} is given up so that ${batch} can finish`);
      await discardBatch(spool, operation.id, youngest, ['dumping']);
      await store.releaseReservation(spool.name, `${operation.id}/${youngest}`);
      return true;
    },
  });
}

async function dump(
  context: Context,
  reading: Reading,
  folder: DumpFolder,
  admission: Admission,
  renew: () => Promise<void>,
): Promise<BatchTotals> {
  const { params, target } = context;
  const { range } = reading;
  if (folder.disregarded)
    context.note({ level: 'info', row: rangeText(range), text: `of an earlier attempt was not trusted: ${folder.disregarded}` });
  await using source = target(params.source, openTsdb);
  await using chunks = new ChunkLane(folder);
  if (reading.globals) await readGlobals(context, source, chunks, range);
  for (const metric of await reading.metrics(source)) {
    context.signal.throwIfAborted();
    const done = folder.entries.filter((entry) => entry.metric === metric);
    const from = done.reduce((most, entry) => Math.max(most, entry.stopMs), range.startMs);
    if (from < range.stopMs)
      await readMetric(context, source, chunks, metric, { startMs: from, stopMs: range.stopMs }, async () => {
        await admission.wrote(folder.totals().bytes);
        await renew();
      });
  }
  await chunks.settled();
  tellEntries(context, reading, folder.entries);
  return folder.finish();
}

/**
 * Chunks of a folder, one after another. The next query is asked while the chunk before is still being put on the disk; what came of that is
 * learnt when the next chunk begins, or at the end.
 */
class ChunkLane implements AsyncDisposable {
  readonly folder: DumpFolder;
  #committing: Promise<void> = Promise.resolve();

  constructor(folder: DumpFolder) {
    this.folder = folder;
  }

  async begin(): Promise<ChunkWriter> {
    await this.#committing;
    return this.folder.beginChunk();
  }

  /** Of the chunk that was begun last. Must not be called again before the next one has begun. */
  commit(work: () => Promise<void>): void {
    this.#committing = work();
    this.#committing.catch(() => undefined); // seen by whoever begins the next chunk, or waits for the end
  }

  /** All that was committed is in the manifest; throws what kept it from that. */
  async settled(): Promise<void> {
    await this.#committing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#committing]);
  }
}

/** In a chunk of their own, if there are any. */
async function readGlobals(context: Context, source: OpenTsdbClient, chunks: ChunkLane, range: TimeRange): Promise<void> {
  if (chunks.folder.entries.some(({ metric }) => metric === GLOBAL_ANNOTATIONS)) return;
  const found = await source.globalAnnotations(range, { signal: context.signal });
  if (found.length === 0) return;
  const chunk = await chunks.begin();
  const { startMs, stopMs } = range;
  chunks.commit(async () => {
    await chunk.commit({ metric: GLOBAL_ANNOTATIONS, startMs, stopMs, points: 0, series: [], notes: annotationNotes(found) });
  });
}

async function readMetric(
  context: Context,
  source: OpenTsdbClient,
  chunks: ChunkLane,
  metric: string,
  range: TimeRange,
  committed: () => Promise<void>,
): Promise<void> {
  const frame = (): FrameWriter => {
    let begun: ChunkWriter | undefined;
    const chunk = async (): Promise<ChunkWriter> => {
      begun ??= await chunks.begin();
      return begun;
    };
    return {
      write: async (lines) => (await chunk()).write(lines),
      rollback: async () => begun?.rollback(),
      async commit(asked, { points, series, firstMs, lastMs, problems, annotations = [], replyBytes }) {
        const notes = [...problems.map((problem) => ({ ...problem })), ...annotationNotes(annotations)];
        const complete = await chunk();
        chunks.commit(async () => {
          const entry = await complete.commit({
            metric,
            ...asked,
            points,
            series,
            ...(firstMs === undefined ? {} : { firstMs }),
            ...(lastMs === undefined ? {} : { lastMs }),
            ...(notes.length === 0 ? {} : { notes }),
          });
          context.count('queries', 1);
          context.count('pointsDumped', points);
          context.count('bytesDumped', entry.length);
          context.count('bytesRead', replyBytes);
          context.progress(chunks.folder.totals().points, undefined, 'points');
          await committed();
        });
      },
    };
  };
  try {
    await source.readRange(metric, range, {
      reading: {
        ...readingOf(context.plan).reading,
        ...(batchPlanOf(context.plan).annotations === 'none' ? {} : { annotations: true as const }),
      },
      frame,
      signal: context.signal,
      onRetry: ({ error, action }) => retried(context, metric, error, action),
    });
  } catch (error) {
    if (!NoSuchMetric.is(error)) throw error;
    context.tally(metric, 'unsendable', 1);
    context.note({ level: 'error', row: metric, text: `the source named this metric, but has it no more (${rangeText(range)})` });
  }
}

function retried(context: Context, metric: string, error: LongshoreError, action: 'split' | 'retry'): void {
  context.count(action === 'split' ? 'splits' : 'retries', 1);
  context.log.warn({ operation: context.operation.id, metric, code: error.code, message: error.message, action }, 'a query is asked again');
}

const problemNotes = z.array(z.object({ kind: z.string(), metric: z.string(), count: z.int(), example: z.string() }));

/** Kinds of problems that leave a point out, as opposed to those that are only worth knowing. */
export const LEAVES_OUT: ReadonlySet<string> = new Set([
  'nan',
  'null',
  'infinite',
  'unknown-object',
  'other-metric',
  'aggregated',
  'bad-label',
]);

/** An earlier attempt has finished the folder and was lost before it could tell what is in it. */
async function tellFinished(context: Context, spool: Spool, reading: Reading): Promise<void> {
  const opening = await openForRestore(spool, context.operation.id, reading.batch);
  if (opening.state === 'removed') {
    if (reading.tells === 'all')
      for (const { metric, points } of opening.tombstone.metrics) if (points > 0) context.tally(metric, 'dumped', points);
    return;
  }
  await using finished = opening.batch;
  tellEntries(context, reading, finished.entries);
}

/** The report counts what the manifest says, so that a resumed dump counts what earlier attempts have read, once. */
function tellEntries(context: Context, { tells }: Reading, entries: readonly ChunkEntry[]): void {
  if (tells === 'nothing') return;
  for (const entry of entries) {
    if (tells === 'all' && entry.metric !== GLOBAL_ANNOTATIONS) context.tally(entry.metric, 'dumped', entry.points);
    const annotations = annotationsOf(entry).length;
    if (annotations > 0) context.tally(entry.metric, 'annotations', annotations);
    const problems: unknown[] = Array.isArray(entry.notes) ? entry.notes.filter((note) => !isAnnotation(note)) : [];
    for (const problem of problemNotes.parse(problems)) {
      if (LEAVES_OUT.has(problem.kind)) context.tally(entry.metric, 'unsendable', problem.count);
      context.note({
        level: LEAVES_OUT.has(problem.kind) ? 'error' : 'warning',
        row: problem.metric,
        text: `${rangeText(entry)}: ${problem.count} × ${problem.kind}, such as ${problem.example}`,
      });
    }
  }
}
