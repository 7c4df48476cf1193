/**
 * Annotations of a batch: into an OpenTSDB, the only sink that has them, and read back from there; elsewhere they are counted.
 *
 * Changes: annotations in the sink. Twice is harmless: an annotation is known by its series and its start, and one that is there is not sent.
 */
import type { TaskContext } from '@longshore/core';
import type { ChunkEntry, ReadyBatch } from '@longshore/spool';
import { labelPairs, seriesKey } from '../client/labels.ts';
import type { OpenTsdbClient } from '../client/opentsdb/index.ts';
import { NoSuchMetric, openTsdb, openTsdbSink } from '../client/opentsdb/index.ts';
import { seriesOf } from '../client/opentsdb/put-lines.ts';
import { AnnotationsUnseen } from '../errors.ts';
import type { SourceAnnotation } from '../model.ts';
import { annotationsOf } from '../plan/annotations.ts';
import { namesOf } from '../plan/renaming.ts';
import { VISIBLE_MS } from './settings.ts';

type Context = TaskContext<{ sink: string }>;

const FIRST_LOOK_MS = 250;
const MOST_NOTES = 10;

/** Sends what the sink does not have of them. Throws LSH_TSDB_ANNOTATIONS_UNSEEN when they do not show up there. */
export async function moveAnnotations(context: Context, batch: ReadyBatch): Promise<void> {
  const marked = batch.entries.filter((entry) => annotationsOf(entry).length > 0);
  if (marked.length === 0) return;
  const names = namesOf(context.plan);
  await using sink = context.target(context.params.sink, openTsdbSink);
  await using reader = context.target(context.params.sink, openTsdb);
  for (const entry of marked) {
    const metric = names.metric(entry.metric);
    const wanted = new Map(annotationsOf(entry).map((one) => named({ ...one, labels: names.series(one.labels) })));
    const before = await held(reader, metric, entry, context.signal);
    const missing: SourceAnnotation[] = [];
    let different = 0;
    for (const [key, one] of wanted) {
      const there = before.get(key);
      if (there === undefined) missing.push(one);
      else if (meaning(there) !== meaning(one)) {
        different += 1;
        if (different <= MOST_NOTES)
          context.note({
            level: 'warning',
            row: entry.metric,
            text: `the sink has another annotation at ${new Date(one.startMs).toISOString()} of ${one.labels}; it stays`,
          });
      }
    }
    const writes = [];
    for (const { labels, fields } of missing)
      writes.push({ tsuid: await sink.annotations.tsuid(seriesOf(labels), context.signal), fields });
    await sink.annotations.write(writes, context.signal);
    await seen(context, reader, metric, entry, missing);
    context.count('annotations', missing.length);
  }
}

async function seen(context: Context, reader: OpenTsdbClient, metric: string, entry: ChunkEntry, sent: SourceAnnotation[]): Promise<void> {
  if (sent.length === 0) return;
  const until = context.clock.now() + VISIBLE_MS;
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(2_000, pauseMs * 2)) {
    const found = await held(reader, metric, entry, context.signal);
    const unseen = sent.filter((one) => {
      const [key] = named(one);
      const there = found.get(key);
      return there === undefined || meaning(there) !== meaning(one);
    });
    if (unseen.length === 0) return;
    if (context.clock.now() > until) throw AnnotationsUnseen({ sink: context.params.sink, metric, annotations: unseen.length });
    await context.clock.sleep(pauseMs, context.signal);
  }
}

/** What an OpenTSDB has of a metric in a window. */
async function held(
  reader: OpenTsdbClient,
  metric: string,
  { startMs, stopMs }: { startMs: number; stopMs: number },
  signal: AbortSignal,
): Promise<Map<string, SourceAnnotation>> {
  const found = new Map<string, SourceAnnotation>();
  try {
    await reader.readRange(
      metric,
      { startMs, stopMs },
      {
        reading: { annotations: true },
        signal,
        frame: () => ({
          write: async () => undefined,
          rollback: async () => undefined,
          async commit(_frame, { annotations = [] }) {
            for (const [key, one] of annotations.map(named)) found.set(key, one);
          },
        }),
      },
    );
  } catch (error) {
    if (!NoSuchMetric.is(error)) throw error;
  }
  return found;
}

function named(one: SourceAnnotation): [string, SourceAnnotation] {
  return [`${one.startMs} ${seriesKey(labelPairs(one.labels))}`, one];
}

/** What it says; a field that is empty is one that is not there. */
function meaning({ fields: { endTime = 0, description = '', notes = '', custom = null } }: SourceAnnotation): string {
  const extras = typeof custom === 'object' && custom !== null ? Object.entries(custom).sort(([a], [b]) => (a < b ? -1 : 1)) : [];
  return JSON.stringify([endTime, description, notes, extras]);
}

/** For the report: what was moved, or what had to stay. */
export function tellAnnotations(context: Pick<TaskContext<unknown>, 'tally' | 'note'>, batch: ReadyBatch, moved: boolean): void {
  let left = 0;
  const metrics = new Set<string>();
  for (const entry of batch.entries) {
    const count = annotationsOf(entry).length;
    if (count === 0) continue;
    if (moved) context.tally(entry.metric, 'annotationsMoved', count);
    left += count;
    metrics.add(entry.metric);
  }
  if (moved || left === 0) return;
  const text = `${left} annotations of ${metrics.size} metrics in ${batch.batch} were not moved: the sink has no annotations`;
  context.note({ level: 'warning', text });
}
