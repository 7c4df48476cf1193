/**
 * Compares one batch in a spool with a sink.
 *
 * Changes: nothing. Twice is harmless.
 */

import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import { NoDump } from '../errors.ts';
import { namesOf } from '../plan/renaming.ts';
import { tellComparison } from './compare-batch.ts';
import { PATIENT } from './settings.ts';
import { openNamed } from './sink-names.ts';

export interface CompareFolderParams {
  from: string;
  batch: string;
  sink: string;
}

export const compareFolder: TaskDefinition<CompareFolderParams> = defineTask({
  name: 'tsdb.compare-folder',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({ from: z.string(), batch: z.string(), sink: z.string() }),
  retry: PATIENT,
  undo: { none: 'it reads the folder and the sink, and changes neither' },

  async run(context) {
    const { params, signal } = context;
    const opening = await openNamed(context, params.from, params.batch);
    // Restored and put away since it was listed: what is gone was not compared, and must not look so.
    if (opening.state === 'removed') throw NoDump({ from: params.from, spools: [context.spool().name] });
    await using batch = opening.batch;
    await using sink = context.target(params.sink, victoriaMetrics);
    const names = namesOf(context.plan);
    let compared = 0;
    for (const { chunk, metric, startMs, stopMs, points } of batch.entries) {
      signal.throwIfAborted();
      if (points === 0) continue;
      tellComparison(
        context,
        metric,
        points,
        await sink.verifyChunk(await batch.readLines(chunk), { metric: names.metric(metric), range: { startMs, stopMs }, signal }),
      );
      compared += points;
      context.progress(compared, batch.totals.points, 'points');
    }
    return undefined;
  },
});
