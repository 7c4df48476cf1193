/**
 * Annotations of a batch: into an OpenTSDB, the only sink that has them, and read back from there; elsewhere they are counted.
 *
 * Changes: annotations in the sink. Twice is harmless: an annotation is known by its series and its start, and one that is there is not sent.
 */
import type { TaskContext } from '@longshore/core';
import type { ChunkEntry, ReadyBatch, Tombstone } from '@longshore/spool';
import { labelPairs, seriesKey } from '../client/labels.ts';
import type { OpenTsdbClient } from '../client/opentsdb/index.ts';
import { NoSuchMetric, openTsdb, openTsdbSink } from '../client/opentsdb/index.ts';
import { seriesOf } from '../client/opentsdb/put-lines.ts';
import { AnnotationsUnseen } from '../errors.ts';
import type { SourceAnnotation, TimeRange } from '../model.ts';
import { GLOBAL_ANNOTATIONS } from '../model.ts';
import { annotationsIn, annotationsOf } from '../plan/annotations.ts';
import { batchPlanOf } from '../plan/batches.ts';
import type { SinkNames } from '../plan/renaming.ts';
import { namesOf } from '../plan/renaming.ts';
import { VISIBLE_MS } from './settings.ts';

type Context = TaskContext<{ sink: string }>;

const FIRST_LOOK_MS = 250;
const MOST_NOTES = 10;

/** What a sink has of annotations that were looked for. */
export interface AnnotationsFound {
  missing: readonly SourceAnnotation[];
  /** It has another one of that series and start. */
  different: readonly SourceAnnotation[];
}

/** By metric, as the source calls it. */
export type FoundByMetric = ReadonlyMap<string, AnnotationsFound>;

/** Annotations of a metric, or of no series, as the sink calls them. */
interface Wanted {
  metric: string;
  range: TimeRange;
  annotations: readonly SourceAnnotation[];
}

export function wantedIn(names: SinkNames, metric: string, range: TimeRange, annotations: readonly SourceAnnotation[]): Wanted {
  if (metric === GLOBAL_ANNOTATIONS) return { metric, range, annotations };
  return { metric: names.metric(metric), range, annotations: annotations.map((one) => ({ ...one, labels: names.series(one.labels) })) };
}

export async function findAnnotations(
  reader: OpenTsdbClient,
  { metric, range, annotations }: Wanted,
  signal: AbortSignal,
): Promise<AnnotationsFound> {
  const there = annotations.length === 0 ? new Map<string, SourceAnnotation>() : await held(reader, metric, range, signal);
  const missing: SourceAnnotation[] = [];
  const different: SourceAnnotation[] = [];
  for (const one of annotations) {
    const found = there.get(keyOf(one));
    if (found === undefined) missing.push(one);
    else if (meaning(found) !== meaning(one)) different.push(one);
  }
  return { missing, different };
}

const marked = (context: Context, batch: ReadyBatch): readonly ChunkEntry[] =>
  batchPlanOf(context.plan).annotations === 'none' ? [] : batch.entries.filter((entry) => annotationsOf(entry).length > 0);

/** What the sink has of the annotations of a batch. */
export async function lookForAnnotations(context: Context, batch: ReadyBatch): Promise<FoundByMetric> {
  return eachMarked(context, batch, async (reader, wanted) => findAnnotations(reader, wanted, context.signal));
}

/** Sends what the sink does not have of them. Throws LSH_TSDB_ANNOTATIONS_UNSEEN when they do not show up there. */
export async function moveAnnotations(context: Context, batch: ReadyBatch): Promise<FoundByMetric> {
  await using sink = context.target(context.params.sink, openTsdbSink);
  return eachMarked(context, batch, async (reader, wanted) => {
    const { missing, different } = await findAnnotations(reader, wanted, context.signal);
    const writes = [];
    for (const { labels, fields } of missing)
      writes.push(
        wanted.metric === GLOBAL_ANNOTATIONS
          ? { fields }
          : { tsuid: await sink.annotations.tsuid(seriesOf(labels), context.signal), fields },
      );
    await sink.annotations.write(writes, context.signal);
    await seen(context, reader, { ...wanted, annotations: missing });
    context.count('annotations', missing.length);
    return { missing: [], different };
  });
}

async function eachMarked(
  context: Context,
  batch: ReadyBatch,
  act: (reader: OpenTsdbClient, wanted: Wanted) => Promise<AnnotationsFound>,
): Promise<FoundByMetric> {
  const found = new Map<string, AnnotationsFound>();
  const entries = marked(context, batch);
  if (entries.length === 0) return found;
  const names = namesOf(context.plan);
  await using reader = context.target(context.params.sink, openTsdb);
  for (const entry of entries) {
    const { missing, different } = await act(reader, wantedIn(names, entry.metric, entry, annotationsOf(entry)));
    const before = found.get(entry.metric) ?? { missing: [], different: [] };
    found.set(entry.metric, { missing: [...before.missing, ...missing], different: [...before.different, ...different] });
  }
  return found;
}

async function seen(context: Context, reader: OpenTsdbClient, sent: Wanted): Promise<void> {
  if (sent.annotations.length === 0) return;
  const until = context.clock.now() + VISIBLE_MS;
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(2_000, pauseMs * 2)) {
    const { missing, different } = await findAnnotations(reader, sent, context.signal);
    const unseen = missing.length + different.length;
    if (unseen === 0) return;
    if (context.clock.now() > until) throw AnnotationsUnseen({ sink: context.params.sink, metric: sent.metric, annotations: unseen });
    await context.clock.sleep(pauseMs, context.signal);
  }
}

/** What an OpenTSDB has of a metric, or of no series, in a window. */
async function held(
  reader: OpenTsdbClient,
  metric: string,
  { startMs, stopMs }: TimeRange,
  signal: AbortSignal,
): Promise<Map<string, SourceAnnotation>> {
  const found = new Map<string, SourceAnnotation>();
  const take = (annotations: readonly SourceAnnotation[]): void => {
    for (const one of annotations) found.set(keyOf(one), one);
  };
  if (metric === GLOBAL_ANNOTATIONS) {
    take(await reader.globalAnnotations({ startMs, stopMs }, { signal }));
    return found;
  }
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
          commit: async (_frame, { annotations = [] }) => take(annotations),
        }),
      },
    );
  } catch (error) {
    if (!NoSuchMetric.is(error)) throw error;
  }
  return found;
}

function keyOf({ startMs, labels }: SourceAnnotation): string {
  return `${startMs} ${seriesKey(labelPairs(labels))}`;
}

/** What it says; a field that is empty is one that is not there. */
function meaning({ fields: { endTime = 0, description = '', notes = '', custom = null } }: SourceAnnotation): string {
  const extras = typeof custom === 'object' && custom !== null ? Object.entries(custom).sort(([a], [b]) => (a < b ? -1 : 1)) : [];
  return JSON.stringify([endTime, description, notes, extras]);
}

type Telling = Pick<TaskContext<unknown>, 'tally' | 'note' | 'plan'>;

/** For the report: what is in the sink, and what is not. `column` counts those that are. */
export function tellFound(
  context: Telling,
  metric: string,
  count: number,
  { missing, different }: AnnotationsFound,
  column: 'annotationsMoved' | 'annotationsVerified',
): void {
  const amounts = {
    [column]: count - missing.length - different.length,
    annotationsMissing: missing.length,
    annotationsDifferent: different.length,
  };
  for (const [name, value] of Object.entries(amounts)) if (value > 0) context.tally(metric, name, value);
  const say = (one: SourceAnnotation, what: string): void =>
    context.note({
      level: 'error',
      row: metric,
      text: `the sink has ${what} annotation at ${new Date(one.startMs).toISOString()} of ${metric === GLOBAL_ANNOTATIONS ? 'no series' : one.labels}`,
    });
  for (const one of missing.slice(0, MOST_NOTES)) say(one, 'no');
  for (const one of different.slice(0, MOST_NOTES)) say(one, 'another');
}

/** For the report of a batch that was written: what was moved (`found`: into a sink that has annotations), or what had to stay. */
export function tellAnnotations(context: Telling, batch: Pick<ReadyBatch, 'batch' | 'entries'> | Tombstone, found?: FoundByMetric): void {
  if (batchPlanOf(context.plan).annotations === 'none') return;
  const counts = annotationsIn(batch);
  if (found !== undefined) {
    for (const [metric, count] of counts)
      tellFound(context, metric, count, found.get(metric) ?? { missing: [], different: [] }, 'annotationsMoved');
    return;
  }
  const left = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (left === 0) return;
  const of = [...counts.keys()].filter((metric) => metric !== GLOBAL_ANNOTATIONS).length;
  const text = `${left} annotations (of ${of} metrics${counts.has(GLOBAL_ANNOTATIONS) ? ', and global ones' : ''}) in ${batch.batch} were not moved: the sink has no annotations`;
  context.note({ level: 'warning', text });
}
