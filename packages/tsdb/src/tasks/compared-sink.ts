/** A sink that is only compared with: a VictoriaMetrics, or an OpenTSDB, which has annotations, too. */
import type { TaskContext } from '@longshore/core';
import { z } from 'zod';
import { openTsdb } from '../client/opentsdb/index.ts';
import { compareWithOpenTsdb } from '../client/opentsdb/read-back.ts';
import type { ChunkComparison } from '../client/victoriametrics/index.ts';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import type { SourceAnnotation, TimeRange } from '../model.ts';
import { batchPlanOf } from '../plan/batches.ts';
import { namesOf } from '../plan/renaming.ts';
import { findAnnotations, tellFound, wantedIn } from './annotations.ts';

/** As it stands in the params of tasks; those of plans made before there was a choice go without. */
export const COMPARED_VIA: z.ZodType<'import' | 'put'> = z.enum(['import', 'put']).default('import');

export interface ComparedSink extends AsyncDisposable {
  /** It has annotations, and they are to be compared. */
  readonly annotated: boolean;
  /** `lines` and `metric` have the names of the sink. */
  compare(metric: string, range: TimeRange, lines: Buffer): Promise<Pick<ChunkComparison, 'comparison' | 'foreign'>>;
  /** Adds what it comes to to the report. `metric` and the annotations are as the source calls them. */
  compareAnnotations(metric: string, range: TimeRange, annotations: readonly SourceAnnotation[]): Promise<void>;
}

export function comparedSink(context: TaskContext<{ sink: string }>, via: 'import' | 'put'): ComparedSink {
  const { params, signal, plan } = context;
  if (via === 'import') {
    const sink = context.target(params.sink, victoriaMetrics);
    return {
      annotated: false,
      compare: (metric, { startMs, stopMs }, lines) => sink.verifyChunk(lines, { metric, range: { startMs, stopMs }, signal }),
      compareAnnotations: async () => undefined,
      [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
    };
  }
  const sink = context.target(params.sink, openTsdb);
  const names = namesOf(plan);
  const annotated = batchPlanOf(plan).annotations !== 'none';
  return {
    annotated,
    async compare(metric, range, lines) {
      const { comparison, others } = await compareWithOpenTsdb(sink, metric, range, lines, signal);
      return {
        comparison: { ...comparison, extra: others.points + others.foreign },
        foreign: { series: 0, points: others.foreign },
      };
    },
    async compareAnnotations(metric, { startMs, stopMs }, annotations) {
      if (!annotated || annotations.length === 0) return;
      const found = await findAnnotations(sink, wantedIn(names, metric, { startMs, stopMs }, annotations), signal);
      context.tally(metric, 'annotations', annotations.length);
      tellFound(context, metric, annotations.length, found, 'annotationsVerified');
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}
