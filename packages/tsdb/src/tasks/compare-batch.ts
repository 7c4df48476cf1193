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
import type { Comparison } from '../model.ts';
import { GLOBAL_ANNOTATIONS } from '../model.ts';
import { batchAt, batchPlanOf, rangeText, readingOf } from '../plan/batches.ts';
import { namesOf } from '../plan/renaming.ts';
import { COMPARED_VIA, comparedSink } from './compared-sink.ts';
import { PATIENT } from './settings.ts';
import { agreeOnTags, renamedLines } from './sink-names.ts';

export interface CompareBatchParams {
  source: string;
  sink: string;
  /** Over which the sink is written, and so what it is. */
  via: 'import' | 'put';
  unit: number;
}

export const compareBatch: TaskDefinition<CompareBatchParams> = defineTask({
  name: 'tsdb.compare-batch',
  role: 'dumper',
  params: z.strictObject({ source: z.string(), sink: z.string(), via: COMPARED_VIA, unit: z.int().min(0) }),
  retry: PATIENT,
  undo: { none: 'it reads the source and the sink, and changes neither' },

  async run(context) {
    const { params, signal } = context;
    const { range, metrics, globals } = batchAt(batchPlanOf(context.plan), params.unit);
    await using source = context.target(params.source, openTsdb);
    await using sink = comparedSink(context, params.via);
    const names = namesOf(context.plan);
    let compared = 0;
    for (const metric of metrics) {
      await source.readRange(metric, range, {
        reading: { ...readingOf(context.plan).reading, ...(sink.annotated ? { annotations: true as const } : {}) },
        frame: () => {
          let parts: Buffer[] = [];
          return {
            async write(lines) {
              parts.push(Buffer.from(lines));
            },
            async rollback() {
              parts = [];
            },
            async commit(frame, { points, problems, series, annotations = [] }) {
              await agreeOnTags(
                context,
                metric,
                series.map(({ labels }) => labels),
              );
              const lines = names.keepsAll ? Buffer.concat(parts) : renamedLines(names, Buffer.concat(parts));
              tellComparison(context, metric, points, await sink.compare(names.metric(metric), frame, lines));
              await sink.compareAnnotations(metric, frame, annotations);
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
    if (globals && sink.annotated)
      await sink.compareAnnotations(GLOBAL_ANNOTATIONS, range, await source.globalAnnotations(range, { signal }));
    return undefined;
  },
});

/** Adds what a comparison came to to the report. */
export function tellComparison(
  context: Pick<TaskContext<unknown>, 'tally' | 'note' | 'count'>,
  metric: string,
  points: number,
  { comparison, foreign }: Pick<ChunkComparison, 'comparison' | 'foreign'>,
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
