/**
 * Brings a window of a source that is still written to into the sink: what its first reading found and, when it has been read once more, what
 * had come late. Everything is looked up before it is sent.
 *
 * Changes: points in the sink. Twice is harmless: see `restore-batch.ts`, and `put-batch.ts` for an OpenTSDB. The report counts a window when it is through, from what the
 * folders and their tombstones say, so that whatever happened on the way is counted once.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask } from '@longshore/core';
import type { ComparedPoints, ReadyBatch, RestoreOpening } from '@longshore/spool';
import { openForRestore, openSpool } from '@longshore/spool';
import { z } from 'zod';
import { rangeText } from '../plan/batches.ts';
import { secondName, secondReadingAt } from '../plan/follow.ts';
import type { FoundByMetric } from './annotations.ts';
import { tellAnnotations } from './annotations.ts';
import { COMPARED_VIA } from './compared-sink.ts';
import { FOLLOWING, readAtOf, ruleOf, windowOf } from './follow-dump.ts';
import type { PutBatchParams } from './put-batch.ts';
import { annotationsThere, putBatch, putIn } from './put-batch.ts';
import { bringIn, restoreBatch } from './restore-batch.ts';
import type { Tallies } from './settings.ts';
import { TALLIES } from './settings.ts';
import { tellRestored } from './tell-restored.ts';

export const followRestore: TaskDefinition<Parameters<typeof bringIn>[0]['params']> = {
  ...restoreBatch,
  name: 'tsdb.follow-restore',
  retry: FOLLOWING,
};

/** The same into an OpenTSDB, over `/api/put`. */
export const followPut: TaskDefinition<PutBatchParams> = { ...putBatch, name: 'tsdb.follow-put', retry: FOLLOWING };

export interface FollowCloseParams {
  sink: string;
  via: 'import' | 'put';
  window: string;
  from: string;
  redo: number;
  tally: Tallies;
}

export const followClose: TaskDefinition<FollowCloseParams> = defineTask({
  name: 'tsdb.follow-close',
  role: 'restorer',
  queue: 'restore',
  params: z.strictObject({
    sink: z.string(),
    via: COMPARED_VIA,
    window: z.string(),
    from: z.string(),
    redo: z.int().min(0),
    tally: z.enum(TALLIES),
  }),
  retry: FOLLOWING,
  undo: { none: 'no sink takes single points back' },

  async run(context) {
    const { via, window, from, tally } = context.params;
    const range = windowOf(context, window);
    const first = await openForRestore(await openSpool(context.spool()), from, window);
    const before = await foundIn(context, first);
    const wasReadAgain = secondReadingAt(range, ruleOf(context).graceMs, readAtOf(first)) !== undefined;
    const after = wasReadAgain ? await bringInLate(context) : before;
    let late = 0;
    let gone = 0;
    for (const metric of new Set([...before.metrics.keys(), ...after.metrics.keys()])) {
      const was = before.metrics.get(metric)?.points ?? 0;
      const is = after.metrics.get(metric)?.points ?? 0;
      late += Math.max(0, is - was);
      gone += Math.max(0, was - is);
      // What the source does not have any more is in the sink all the same.
      const found = is > 0 ? after.metrics.get(metric) : before.metrics.get(metric);
      if (found !== undefined && tally !== 'none') tell(context, metric, was, found);
    }
    if (via === 'put' && tally !== 'none') tellAnnotations(context, after.annotated, after.annotations);
    if (late > 0) {
      context.count('latePoints', late);
      await context.event('late', `${rangeText(range)}: ${late} late points`);
    }
    if (gone > 0)
      context.note({
        level: 'warning',
        row: rangeText(range),
        text: `read again, the source had ${gone} points less than when the window had just closed; they stay in the sink`,
      });
    return { output: { late } };
  },
});

type Context = TaskContext<FollowCloseParams>;

interface Found {
  points: number;
  compared: ComparedPoints | undefined;
}

/** What a reading found, and what is in the sink of it. */
interface Brought {
  metrics: Map<string, Found>;
  /** How many annotations it has, as a folder or a tombstone says. */
  annotated: Parameters<typeof tellAnnotations>[1];
  annotations: FoundByMetric | undefined;
}

/** What the second reading found, once all of it is in the sink. */
async function bringInLate(context: Context): Promise<Brought> {
  const { sink, via, window, from, redo } = context.params;
  const batch = secondName(window);
  const opening = await openForRestore(await openSpool(context.spool()), from, batch);
  if (opening.state !== 'ready') return foundIn(context, opening);
  const params = { sink, batch, from, existing: 'fill' as const, verify: true, redo, tally: 'none' as const };
  await using ready = opening.batch;
  if (via === 'import') await bringIn({ ...context, params }, ready);
  const annotations = via === 'put' ? await putIn({ ...context, params: { ...params, sync: false } }, ready) : undefined;
  return { metrics: metricsIn(ready), annotated: countsOf(ready), annotations };
}

/** By metric; from the folder, or from its tombstone. */
async function foundIn(context: Context, opening: RestoreOpening): Promise<Brought> {
  const asked = context.params.via === 'put';
  if (opening.state === 'removed') {
    const { tombstone } = opening;
    const metrics = new Map(tombstone.metrics.map(({ metric, points, compared }) => [metric, { points, compared }]));
    return { metrics, annotated: tombstone, annotations: asked ? await annotationsThere(context, undefined) : undefined };
  }
  await using batch = opening.batch;
  const annotations = asked ? await annotationsThere(context, batch) : undefined;
  return { metrics: metricsIn(batch), annotated: countsOf(batch), annotations };
}

/** What stays to be told of a folder when it is closed. */
function countsOf({ batch, entries }: ReadyBatch): Brought['annotated'] {
  return { batch, entries };
}

function metricsIn(batch: ReadyBatch): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const { metric, chunk, points } of batch.entries) {
    const progress = batch.progress(chunk);
    const { points: sum = 0, compared } = found.get(metric) ?? {};
    found.set(metric, { points: sum + points, compared: progress.state === 'verified' ? added(compared, progress.compared) : compared });
  }
  return found;
}

function added(sum: ComparedPoints | undefined, more: ComparedPoints): ComparedPoints {
  if (sum === undefined) return more;
  const total = { ...more };
  for (const key of Object.keys(total) as (keyof ComparedPoints)[]) total[key] += sum[key];
  return total;
}

function tell(context: Context, metric: string, was: number, { points, compared }: Found): void {
  if (points === 0) return;
  context.tally(metric, 'dumped', points);
  if (points > was) context.tally(metric, 'late', points - was);
  tellRestored(context, metric, points, compared);
}
