/** Batches under the names they get in the sink, and the promise that no two series become one. */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import type { BatchView, RestoreOpening, Spool } from '@longshore/spool';
import { openForRestore, openSpool } from '@longshore/spool';
import { viewLines } from '../client/victoriametrics/lines.ts';
import { CannotRename, WouldMerge } from '../errors.ts';
import { GLOBAL_ANNOTATIONS } from '../model.ts';
import { annotationsOf } from '../plan/annotations.ts';
import { batchPlanOf } from '../plan/batches.ts';
import type { SinkNames } from '../plan/renaming.ts';
import { namesOf } from '../plan/renaming.ts';

const HEAD = Buffer.from('{"metric":');

/** Import lines under the names of the sink. */
export function renamedLines(names: SinkNames, lines: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (const { labelsStart, labelsEnd, end } of viewLines(lines, 'a folder'))
    parts.push(HEAD, Buffer.from(names.series(lines.toString('utf8', labelsStart, labelsEnd))), lines.subarray(labelsEnd, end));
  return Buffer.concat(parts);
}

const viewOf = (names: SinkNames): BatchView => ({
  lines: (lines) => renamedLines(names, lines),
  labels: (labels) => names.series(labels),
});

type Context = Pick<TaskContext<unknown>, 'plan' | 'store' | 'operation' | 'spool'>;

/**
 * Opens a complete batch: what is read of it has the names of the sink, while its entries keep those of the source. Throws as
 * `openForRestore` does, and LSH_TSDB_MERGE or LSH_TSDB_RENAME, before anything can have been sent, when a series cannot get its names.
 */
export async function openNamed(context: Context, from: string, batch: string): Promise<RestoreOpening> {
  const spool = await openSpool(context.spool());
  const names = namesOf(context.plan);
  if (names.keepsAll) return openForRestore(spool, from, batch);
  const removed = await agreeOnBatch(context, spool, from, batch);
  return removed ?? openForRestore(spool, from, batch, viewOf(names));
}

/** Looks at the tags of a batch, where they get other names: see `agreeOnTags`. Returns its opening where it has been put away already. */
export async function agreeOnBatch(
  context: Pick<Context, 'plan' | 'store' | 'operation'>,
  spool: Spool,
  from: string,
  batch: string,
): Promise<RestoreOpening | undefined> {
  if (!namesOf(context.plan).touchesTags) return undefined;
  const opening = await openForRestore(spool, from, batch);
  if (opening.state === 'removed') return opening;
  await using plain = opening.batch;
  const byMetric = new Map<string, Set<string>>();
  for (const entry of plain.entries) {
    const { chunk, metric, points } = entry;
    if (metric === GLOBAL_ANNOTATIONS) continue;
    const labels = byMetric.get(metric) ?? new Set<string>();
    byMetric.set(metric, labels);
    if (points > 0) for (const series of await plain.digests(chunk)) labels.add(series.labels);
    for (const annotation of annotationsOf(entry)) labels.add(annotation.labels);
  }
  for (const [metric, labels] of byMetric) await agreeOnTags(context, metric, labels);
  return undefined;
}

/**
 * Each tag a metric has in the sink comes from one tag of the source, or is added, in all of its series: see `plan/renaming.ts`. Whoever
 * meets a series with another origin first decides, over all batches, machines and attempts of the operation; every other one is refused.
 */
export async function agreeOnTags(
  { plan, store, operation }: Pick<Context, 'plan' | 'store' | 'operation'>,
  metric: string,
  series: Iterable<string>,
): Promise<void> {
  const names = namesOf(plan);
  if (!names.touchesTags) return;
  const origins = new Map<string, string>();
  const merge = (tag: string, one: string, other: string): Error =>
    WouldMerge({ one, other, becomes: `the tag ${tag} of ${names.metric(metric)}` });
  for (const labels of series) {
    const found = names.origins(labels);
    if ('wrong' in found) throw CannotRename({ reason: `${labels} cannot be sent under other names: ${found.wrong}` });
    for (const { tag, origin } of found) {
      const known = origins.get(tag);
      if (known !== undefined && known !== origin) throw merge(tag, known, origin);
      origins.set(tag, origin);
    }
  }
  if (origins.size === 0) return;
  const fact = (tag: string): string => JSON.stringify([metric, tag]);
  const stand = await store.agree(operation.id, new Map([...origins].map(([tag, origin]) => [fact(tag), origin])));
  for (const [tag, origin] of origins) {
    const first = stand.get(fact(tag));
    if (first !== undefined && first !== origin) throw merge(tag, first, origin);
  }
}

/** Rows of the report name a metric by both its names, where it has two. Tasks say the source's. */
export function tellingBothNames(task: TaskDefinition): TaskDefinition {
  return {
    ...task,
    run(context) {
      const names = namesOf(context.plan);
      if (names.keepsMetrics) return task.run(context);
      const metrics = new Set(batchPlanOf(context.plan).metrics);
      const rowOf = (row: string): string => (metrics.has(row) ? names.row(row) : row);
      return task.run({
        ...context,
        tally: (row, column, by) => context.tally(rowOf(row), column, by),
        note: (note) => context.note(note.row === undefined ? note : { ...note, row: rowOf(note.row) }),
      });
    },
  };
}
