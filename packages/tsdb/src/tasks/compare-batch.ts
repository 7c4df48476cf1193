/**
 * Compares one batch of a source with a sink, without a folder between them.
 *
 * Changes: nothing. Twice is harmless.
 */

import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { openTsdb } from '../client/opentsdb/index.ts';
import type { ChunkComparison } from '../client/victoriametrics/index.ts';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import type { Comparison } from '../model.ts';
import { batchAt, batchPlanOf, rangeText, readingOf } from '../plan/batches.ts';
import { namesOf } from '../plan/renaming.ts';
import { PATIENT } from './settings.ts';
import { agreeOnTags, renamedLines } from './sink-names.ts';

export interface CompareBatchParams {
  source: string;
  sink: string;
  unit: number;
}

export const compareBatch: TaskDefinition<CompareBatchParams> = defineTask({
  name: 'tsdb.compare-batch',
  role: 'dumper',
  params: z.strictObject({ source: z.string(), sink: z.string(), unit: z.int().min(0) }),
  retry: PATIENT,
  undo: { none: 'it reads the source and the sink, and changes neither' },

  async run(context) {
    const { params, signal } = context;
    const { range, metrics } = batchAt(batchPlanOf(context.plan), params.unit);
    await using source = context.target(params.source, openTsdb);
    await using sink = context.target(params.sink, victoriaMetrics);
    const names = namesOf(context.plan);
    let compared = 0;
    for (const metric of metrics) {
      await source.readRange(metric, range, {
        ...readingOf(context.plan),
        frame: () => {
          let parts: Buffer[] = [];
          return {
            async write(lines) {
              parts.push(Buffer.from(lines));
            },
            async rollback() {
              parts = [];
            },
            async commit(frame, { points, problems, series }) {
              await agreeOnTags(
                context,
                metric,
                series.map(({ labels }) => labels),
              );
              const lines = names.keepsAll ? Buffer.concat(parts) : renamedLines(names, Buffer.concat(parts));
              const found = await sink.verifyChunk(lines, { metric: names.metric(metric), range: frame, signal });
              tellComparison(context, metric, points, found);
              for (const { kind, count, example } of problems)
                context.note({ level: 'warning', row: metric, text: `${rangeText(frame)}: ${count} × ${kind}, such as ${example}` });
              compared += points;
              context.progress(compared, undefined, 'points');
            },
          };
        },
        signal,
        onRetry: () => context.count('retries', 1),
      });
    }
    return undefined;
  },
});

/** Adds what a comparison came to to the report. */
export function tellComparison(
  context: Pick<TaskContext<unknown>, 'tally' | 'note' | 'count'>,
  metric: string,
  points: number,
  { comparison, foreign }: ChunkComparison,
): void {
  const { matched, precisionLost, missing, extra, different, examples } = comparison;
  context.tally(metric, 'dumped', points);
  context.tally(metric, 'verified', matched + precisionLost);
  context.count('pointsVerified', matched + precisionLost);
  for (const [column, value] of Object.entries({ precisionLost, missing, extra, different, foreign: foreign.points }))
    if (value > 0) context.tally(metric, column, value);
  tellExamples(context, metric, examples);
}

export function tellExamples(context: Pick<TaskContext<unknown>, 'note'>, metric: string, examples: Comparison['examples']): void {
  for (const { kind, timestampMs, labels, expected = 'nothing', found = 'nothing' } of examples)
    if (kind !== 'precision-lost')
      context.note({
        level: 'error',
        row: metric,
        text: `${kind} at ${new Date(timestampMs).toISOString()} in ${labels}: ${expected} expected, ${found} found`,
      });
}
