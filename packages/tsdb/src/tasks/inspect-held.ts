/**
 * Looks at one metric of a VictoriaMetrics, every point of it.
 *
 * Changes: nothing. Twice is harmless.
 */
import type { TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import { z } from 'zod';
import { labelPairs, seriesKey } from '../client/labels.ts';
import { hasTags } from '../client/opentsdb/index.ts';
import { victoriaMetrics } from '../client/victoriametrics/index.ts';
import { viewLines } from '../client/victoriametrics/lines.ts';
import { batchPlanOf, readingOf } from '../plan/batches.ts';
import { Found, tellAll } from './inspect-found.ts';
import { PATIENT } from './settings.ts';

export interface InspectHeldParams {
  source: string;
  metric: string;
}

/** A request each. */
const STRETCH_MS = 7 * 86_400_000;

export const inspectHeld: TaskDefinition<InspectHeldParams> = defineTask({
  name: 'tsdb.inspect-held',
  role: 'dumper',
  params: z.strictObject({ source: z.string(), metric: z.string() }),
  retry: PATIENT,
  undo: { none: 'it only reads' },

  async run(context) {
    const { params, plan, signal } = context;
    const { metric, source: name } = params;
    const { startMs, stopMs } = batchPlanOf(plan);
    const { reading } = readingOf(plan);
    await using source = context.target(name, victoriaMetrics);
    const found = new Found();
    const keys = new Map<string, string | undefined>();
    let [doubled, missing] = [0, 0];
    for (let at = startMs; at < stopMs; at += STRETCH_MS) {
      const range = { startMs: at, stopMs: Math.min(stopMs, at + STRETCH_MS) };
      /** By series: lines of one follow each other in order of time. */
      let last: { key: string; ms: number } | undefined;
      let seen = false;
      for await (const block of source.exportRange({ metric, range, signal }))
        for (const view of viewLines(block, name)) {
          const labels = block.toString('utf8', view.labelsStart, view.labelsEnd);
          if (!keys.has(labels)) keys.set(labels, keyOf(labels, name, reading?.tags));
          const key = keys.get(labels);
          if (key === undefined) continue;
          const times = block.toString('latin1', view.timesStart, view.timesEnd).split(',').map(Number);
          missing += block.toString('latin1', view.valuesStart, view.valuesEnd).match(/null/g)?.length ?? 0;
          for (const ms of times) {
            if (last?.key === key && last.ms === ms) doubled += 1;
            last = { key, ms };
          }
          seen = true;
          found.points += times.length;
          found.bytes += view.end - view.start;
          found.within(times[0], times.at(-1));
          found.series.add(key);
        }
      if (seen) found.chunks += 1;
      context.progress(found.points, undefined, 'points');
    }
    found.damaged = doubled;
    if (doubled > 0)
      context.note({ level: 'error', row: metric, text: `${doubled} points are there twice: another of their series has the same time` });
    if (missing > 0)
      context.note({ level: 'warning', row: metric, text: `${missing} of its points have no value (NaN, or a marker of staleness)` });
    // The list of names goes by days.
    if (found.points > 0) tellAll(context, new Map([[metric, found]]));
    return undefined;
  },
});

/** Undefined for a series that was not asked for. */
function keyOf(labels: string, whose: string, tags: Readonly<Record<string, string>> | undefined): string | undefined {
  const pairs = labelPairs(labels, whose);
  if (tags !== undefined && !hasTags({ tags: Object.fromEntries(pairs) }, tags)) return undefined;
  return seriesKey(pairs);
}
