/**
 * Looks at time series where they lie.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, LongshoreError } from '@longshore/core';
import { batchSize, listBatches, openForRestore, openSpool } from '@longshore/spool';
import { z } from 'zod';
import { fileLines, kildaFolder, lineText, parseRow } from '../client/kilda/index.ts';
import { openTsdb } from '../client/opentsdb/index.ts';
import { batchPlanOf, readingOf } from '../plan/batches.ts';
import { PATIENT } from './settings.ts';

export interface InspectMetricParams {
  source: string;
  metric: string;
}
export interface InspectDumpParams {
  from: string;
  spool: string;
}
export interface InspectFolderParams {
  folder: string;
}

const UNDO = { none: 'it only reads' };
const MAX_NOTES = 50;
const NEWLINE = 10;

/** What is known of one metric. */
class Found {
  points = 0;
  chunks = 0;
  bytes = 0;
  damaged = 0;
  readonly series = new Set<string>();
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;

  within(firstMs: number | undefined, lastMs: number | undefined): void {
    if (firstMs !== undefined) this.#firstMs = Math.min(this.#firstMs, firstMs);
    if (lastMs !== undefined) this.#lastMs = Math.max(this.#lastMs, lastMs);
  }

  tell(context: Pick<TaskContext<unknown>, 'tally'>, metric: string): void {
    const { points, chunks, bytes, damaged } = this;
    for (const [column, value] of Object.entries({ points, series: this.series.size, chunks, bytes, damaged }))
      context.tally(metric, column, value);
  }

  times(): string | undefined {
    return this.points === 0 ? undefined : `from ${new Date(this.#firstMs).toISOString()} to ${new Date(this.#lastMs).toISOString()}`;
  }
}

/** Rows of the report, and the first and last time of each metric as notes, up to a bound. */
function tellAll(context: TaskContext<unknown>, metrics: ReadonlyMap<string, Found>): void {
  let notes = 0;
  for (const [metric, found] of metrics) {
    found.tell(context, metric);
    const times = found.times();
    if (times === undefined) continue;
    notes += 1;
    if (notes <= MAX_NOTES) context.note({ level: 'info', row: metric, text: times });
  }
  if (notes > MAX_NOTES) context.note({ level: 'info', text: `the times of ${notes - MAX_NOTES} more metrics are not told` });
}

function foundOf(metrics: Map<string, Found>, metric: string): Found {
  const found = metrics.get(metric) ?? new Found();
  metrics.set(metric, found);
  return found;
}

export const inspectMetric: TaskDefinition<InspectMetricParams> = defineTask({
  name: 'tsdb.inspect-metric',
  role: 'dumper',
  params: z.strictObject({ source: z.string(), metric: z.string() }),
  retry: PATIENT,
  undo: UNDO,

  async run(context) {
    const { params, plan, signal } = context;
    const { metric } = params;
    await using source = context.target(params.source, openTsdb);
    const found = new Found();
    await source.readRange(metric, batchPlanOf(plan), {
      ...readingOf(plan),
      signal,
      frame: () => ({
        write: async () => undefined,
        rollback: async () => undefined,
        async commit(_frame, { points, series, lineBytes, firstMs, lastMs, problems }) {
          found.points += points;
          found.chunks += 1;
          found.bytes += lineBytes;
          found.within(firstMs, lastMs);
          for (const { labels } of series) found.series.add(labels);
          for (const { kind, count, example } of problems) {
            found.damaged += count;
            context.note({ level: 'warning', row: metric, text: `${count} × ${kind}, such as ${example}` });
          }
          context.progress(found.points, undefined, 'points');
        },
      }),
      onRetry: () => context.count('retries', 1),
    });
    tellAll(context, new Map([[metric, found]]));
    return undefined;
  },
});

export const inspectDump: TaskDefinition<InspectDumpParams> = defineTask({
  name: 'tsdb.inspect-dump',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({ from: z.string(), spool: z.string() }),
  retry: PATIENT,
  undo: UNDO,

  async run(context) {
    const { params, signal } = context;
    const spool = await openSpool(context.spool());
    const metrics = new Map<string, Found>();
    const damaged = (batch: string, error: LongshoreError, metric = batch): void => {
      foundOf(metrics, metric).damaged += 1;
      context.note({ level: 'error', row: metric, text: error.message });
    };
    const batches = await listBatches(spool, params.from);
    let taken = 0;
    for (const [at, one] of batches.entries()) {
      signal.throwIfAborted();
      taken += (await batchSize(spool, params.from, one)).bytes;
      context.progress(at, batches.length, 'batches');
      if (one.state === 'dumping') {
        context.note({ level: 'warning', text: `${one.batch} in ${params.spool} was not dumped to its end; it is not counted` });
        continue;
      }
      try {
        const opening = await openForRestore(spool, params.from, one.batch);
        if (opening.state === 'removed') continue;
        await using batch = opening.batch;
        for (const { chunk, metric, points, length, firstMs, lastMs } of batch.entries) {
          const found = foundOf(metrics, metric);
          found.points += points;
          found.chunks += 1;
          found.bytes += length;
          found.within(firstMs, lastMs);
          try {
            for (const { labels } of await batch.digests(chunk)) found.series.add(labels);
            await batch.readLines(chunk);
          } catch (error) {
            if (!(error instanceof LongshoreError) || error.data.retryable) throw error;
            damaged(one.batch, error, metric);
          }
        }
      } catch (error) {
        if (!(error instanceof LongshoreError) || error.data.retryable) throw error;
        damaged(one.batch, error);
      }
    }
    tellAll(context, metrics);
    context.note({ level: 'info', text: `${batches.length} batches of ${params.from} take ${taken} bytes in ${params.spool}` });
    return undefined;
  },
});

export const inspectFolder: TaskDefinition<InspectFolderParams> = defineTask({
  name: 'tsdb.inspect-folder',
  role: 'dumper',
  params: z.strictObject({ folder: z.string() }),
  retry: PATIENT,
  undo: UNDO,

  async run(context) {
    await using folder = context.target(context.params.folder, kildaFolder);
    const metrics = new Map<string, Found>();
    const files = await folder.files();
    let notes = 0;
    for (const [at, file] of files.entries()) {
      const path = folder.rowsPath(file);
      const damaged = (byte: number, why: string): void => {
        foundOf(metrics, file).damaged += 1;
        notes += 1;
        if (notes <= MAX_NOTES) context.note({ level: 'error', row: file, text: `${path}, byte ${byte}: ${why}` });
      };
      const restored = await folder.restored(file);
      if (restored > 0) context.note({ level: 'info', row: file, text: `${restored} bytes of it have been restored` });
      let byte = 0;
      foundOf(metrics, file).chunks += 1;
      try {
        for await (const line of fileLines(path, 0)) {
          context.signal.throwIfAborted();
          const text = lineText(line);
          const row = text === '' ? undefined : parseRow(text);
          if (line.at(-1) !== NEWLINE) damaged(byte, 'the row is cut off in the middle, or its dump is still running');
          else if (row !== undefined && 'wrong' in row) damaged(byte, row.wrong);
          else if (row !== undefined) {
            const found = foundOf(metrics, row.metric);
            found.points += 1;
            found.bytes += line.length;
            found.within(row.timestampMs, row.timestampMs);
            found.series.add(JSON.stringify(row.tags));
          }
          byte += line.length;
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        damaged(byte, error.message);
      }
      context.progress(at + 1, files.length, 'files');
    }
    if (notes > MAX_NOTES) context.note({ level: 'error', text: `${notes - MAX_NOTES} more damaged rows are not named` });
    tellAll(context, metrics);
    return undefined;
  },
});
