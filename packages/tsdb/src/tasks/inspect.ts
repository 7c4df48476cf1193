/**
 * Looks at time series in an OpenTSDB, and in a dump.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask, LongshoreError } from '@longshore/core';
import { batchSize, listBatches, openForRestore, openSpool } from '@longshore/spool';
import { z } from 'zod';
import { openTsdb } from '../client/opentsdb/index.ts';
import { GLOBAL_ANNOTATIONS } from '../model.ts';
import { batchPlanOf, readingOf } from '../plan/batches.ts';
import { Found, foundOf, tellAll } from './inspect-found.ts';
import { PATIENT } from './settings.ts';

export interface InspectMetricParams {
  source: string;
  metric: string;
}
export interface InspectDumpParams {
  from: string;
  spool: string;
}

const UNDO = { none: 'it only reads' };
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
          if (metric === GLOBAL_ANNOTATIONS) continue;
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
