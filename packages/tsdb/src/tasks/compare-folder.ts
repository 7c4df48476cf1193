/**
 * Compares one batch in a spool with a sink.
 *
 * Changes: nothing. Twice is harmless.
 */

import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { NoDump } from '../errors.ts';
import { annotationsOf } from '../plan/annotations.ts';
import { namesOf } from '../plan/renaming.ts';
import { tellComparison } from './compare-batch.ts';
import { COMPARED_VIA, comparedSink } from './compared-sink.ts';
import { PATIENT } from './settings.ts';
import { openNamed } from './sink-names.ts';

export interface CompareFolderParams {
  from: string;
  batch: string;
  sink: string;
  via: 'import' | 'put';
}

export const compareFolder: TaskDefinition<CompareFolderParams> = defineTask({
  name: 'tsdb.compare-folder',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({ from: z.string(), batch: z.string(), sink: z.string(), via: COMPARED_VIA }),
  retry: PATIENT,
  undo: { none: 'it reads the folder and the sink, and changes neither' },

  async run(context) {
    const { params, signal } = context;
    const opening = await openNamed(context, params.from, params.batch);
    // Restored and put away since it was listed: what is gone was not compared, and must not look so.
    if (opening.state === 'removed') throw NoDump({ from: params.from, spools: [context.spool().name] });
    await using batch = opening.batch;
    await using sink = comparedSink(context, params.via);
    const names = namesOf(context.plan);
    let compared = 0;
    for (const entry of batch.entries) {
      const { chunk, metric, points } = entry;
      signal.throwIfAborted();
      await sink.compareAnnotations(metric, entry, annotationsOf(entry));
      if (points === 0) continue;
      tellComparison(context, metric, points, await sink.compare(names.metric(metric), entry, await batch.readLines(chunk)));
      compared += points;
      context.progress(compared, batch.totals.points, 'points');
    }
    return undefined;
  },
});
