/**
 * Dumps one metric into a folder of the kilda tools, as `kilda-otsdb-dump` does.
 *
 * Changes: the metric's files in the folder. Twice is harmless: what an earlier dump certainly has stays, its last frame is read
 * again and compared.
 */
import type { TaskContext, TaskDefinition } from '@longshore/core';
import { defineTask, errorData } from '@longshore/core';
import { z } from 'zod';
import type { Frames, KildaFolder } from '../client/kilda/index.ts';
import { DumpFile, EarlierRows, FrameRows, fileName, frameOf, kildaFolder, setAside, survey } from '../client/kilda/index.ts';
import { labelPairs } from '../client/labels.ts';
import type { OpenTsdbClient, Reading } from '../client/opentsdb/index.ts';
import { openTsdb } from '../client/opentsdb/index.ts';
import { countItems, viewLines } from '../client/victoriametrics/lines.ts';
import type { FrameSummary, SourceProblem, TimeRange } from '../model.ts';
import { rangeText } from '../plan/batches.ts';
import { kildaPlanOf } from '../plan/kilda.ts';
import { LEAVES_OUT } from './dump-batch.ts';

export interface KildaDumpMetricParams {
  source: string;
  folder: string;
  unit: number;
  removeMetadata: boolean;
}

type Context = TaskContext<unknown>;

/** As many frames are asked one by one, as the original asks all of them; then what is known of the metric sets the size of a query. */
const SINGLE_FRAMES = 16;

export const kildaDumpMetric: TaskDefinition<KildaDumpMetricParams> = defineTask({
  name: 'tsdb.kilda-dump-metric',
  role: 'dumper',
  params: z.strictObject({ source: z.string(), folder: z.string(), unit: z.int().min(0), removeMetadata: z.boolean() }),
  // Each query is tried again by itself; what has failed then is told, and the other metrics go on.
  retry: { attempts: 1, firstPauseMs: 1_000, maxPauseMs: 1_000 },
  undo: { none: 'the files are what it was asked for; the source is only read' },

  async run(context) {
    const { params } = context;
    const plan = kildaPlanOf(context.plan);
    const metric = plan.metrics[params.unit]!;
    const run = new Run(metric, plan.frameS, plan.startMs / 1000);
    await using folder = context.target(params.folder, kildaFolder);
    await using source = context.target(params.source, openTsdb);
    try {
      await dump(context, source, folder, run, { startMs: plan.startMs, stopMs: plan.stopMs });
    } catch (error) {
      if (context.signal.aborted) throw error;
      await context.event('dump', run.line());
      await context.event('dump', `Failed to dump metric "${metric}": ${errorData(error).message}`);
      throw error;
    }
    if (params.removeMetadata) await folder.removeDumpMeta(fileName(metric));
    await context.event('dump', `${run.line()}\r${run.line()}`);
    context.tally(metric, 'dumped', run.entries);
    return undefined;
  },
});

/** What the original tells of a metric. */
class Run {
  readonly metric: string;
  readonly frameS: number;
  startS: number;
  entries = 0;
  requests = 0;
  #lastFrameS: number | undefined;

  constructor(metric: string, frameS: number, startS: number) {
    this.metric = metric;
    this.frameS = frameS;
    this.startS = startS;
  }

  wrote({ points, lastFrameS }: Frames): void {
    this.entries += points;
    this.#lastFrameS = Math.max(this.#lastFrameS ?? 0, lastFrameS);
  }

  line(): string {
    const last = this.#lastFrameS;
    const at = last === undefined ? '' : ` at ${secondsText(last)} #${Math.max(0, (last - this.startS) / this.frameS)}`;
    return `Dumping "${this.metric}"${at} ${this.entries} entries dumped total  ${this.requests} http requests`;
  }
}

/** `2023-03-08 00:06:00+00:00` */
function secondsText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')}+00:00`;
}

/** The rows of a metric in a window, into a folder that may have some of them; nothing of another window is read. */
export async function dumpInto(
  context: Context,
  source: OpenTsdbClient,
  folder: KildaFolder,
  { metric, frameS, range }: { metric: string; frameS: number; range: TimeRange },
): Promise<void> {
  await dump(context, source, folder, new Run(metric, frameS, range.startMs / 1000), range, range.startMs);
}

/** `notBeforeMs`: what is there may begin earlier, what is read does not. */
async function dump(
  context: Context,
  source: OpenTsdbClient,
  folder: KildaFolder,
  run: Run,
  asked: TimeRange,
  notBeforeMs: number = 0,
): Promise<void> {
  const file = fileName(run.metric);
  const path = folder.rowsPath(file);
  await (await DumpFile.open(folder, file, 0))[Symbol.asyncDispose]();
  const writtenIn = frameOf(await folder.dumpMeta(file), run.frameS);
  const found = await survey(path, writtenIn);
  if (found.irregular !== undefined) {
    const aside = await setAside(path, found.wholeBytes);
    context.note({
      level: 'warning',
      row: run.metric,
      text: `${path} is not as a dump leaves it (${found.irregular}): it is kept as ${aside}, and what lies behind that place is dumped again`,
    });
  }
  let at = found.wholeBytes;
  let from = asked.startMs;
  if (found.firstFrameS !== undefined && found.resumeS !== undefined) {
    from = Math.max(found.resumeS * 1000, notBeforeMs);
    const earlier = { startMs: asked.startMs, stopMs: Math.min(found.firstFrameS * 1000, asked.stopMs) };
    if (earlier.stopMs > earlier.startMs) {
      await using before = await EarlierRows.open(folder, file);
      await read(context, source, run, earlier, async ({ rows }) => before.write(rows));
      await before.join();
      at += before.bytes;
    }
  }
  run.startS = from / 1000;
  const range = { startMs: from, stopMs: Math.max(asked.stopMs, (found.lastMs ?? -1) + 1) };
  // Nothing is left of the window: what is there is not touched.
  if (range.startMs >= asked.stopMs) return;
  await using rows = await DumpFile.open(folder, file, at);
  await read(context, source, run, range, (frames) =>
    rows.write(frames.rows, { startS: frames.lastFrameS, endS: frames.lastFrameS + run.frameS - 1 }),
  );
  await rows.finish();
}

/** Reads a range frame by frame and hands on what has come to its end. */
async function read(
  context: Context,
  source: OpenTsdbClient,
  run: Run,
  range: TimeRange,
  take: (frames: Frames) => Promise<void>,
): Promise<void> {
  const frameMs = run.frameS * 1000;
  const rows = new FrameRows(run.metric, run.frameS);
  const committed = async (untilMs: number): Promise<void> => {
    const frames = rows.take(untilMs >= range.stopMs ? Number.POSITIVE_INFINITY : untilMs);
    if (frames === undefined) return;
    await take(frames);
    run.wrote(frames);
    context.progress(run.entries, undefined, 'points');
  };
  for (let at = range.startMs, single = 0; at < range.stopMs; single++) {
    const frameStop = (Math.floor(at / frameMs) + 1) * frameMs;
    const stopMs = single < SINGLE_FRAMES ? Math.min(frameStop, range.stopMs) : range.stopMs;
    await readRange(context, source, run, { startMs: at, stopMs }, {}, async (lines, untilMs) => {
      rows.add(lines);
      await committed(untilMs);
    });
    at = stopMs;
  }
}

type Take = (lines: Buffer, untilMs: number) => Promise<void>;

async function readRange(
  context: Context,
  source: OpenTsdbClient,
  run: Run,
  range: TimeRange,
  reading: Reading,
  take: Take,
): Promise<void> {
  await source.readRange(run.metric, range, {
    reading: { ...reading, seconds: true },
    signal: context.signal,
    onRetry: ({ action }) => context.count(action === 'split' ? 'splits' : 'retries', 1),
    frame: () => {
      let parts: Buffer[] = [];
      return {
        async write(lines) {
          parts.push(Buffer.from(lines));
        },
        async rollback() {
          parts = [];
        },
        async commit(frame, summary) {
          run.requests += 1;
          context.count('queries', 1);
          const apart = reading.tags === undefined ? aggregated(summary) : undefined;
          if (apart !== undefined) {
            // A server that groups where it was told not to: the same once more, by each of the tags it has grouped over. Series that do
            // not have all of them are not in that answer.
            const apartOnly = seriesWithout(Buffer.concat(parts), Object.keys(apart));
            tellProblems(
              context,
              run.metric,
              frame,
              summary.problems.filter(({ kind }) => kind !== 'aggregated'),
            );
            context.count('pointsDumped', apartOnly.points);
            await take(apartOnly.lines, frame.startMs);
            await readRange(context, source, run, frame, { tags: apart }, take);
            return;
          }
          tellProblems(context, run.metric, frame, summary.problems);
          context.count('pointsDumped', summary.points);
          await take(Buffer.concat(parts), frame.stopMs);
        },
      };
    },
  });
}

function aggregated({ aggregateTags }: FrameSummary): Record<string, string> | undefined {
  return aggregateTags === undefined ? undefined : Object.fromEntries(aggregateTags.map((tag) => [tag, '*']));
}

/** Lines of the series that lack one of the tags. */
function seriesWithout(lines: Buffer, tags: readonly string[]): { lines: Buffer; points: number } {
  const kept: Buffer[] = [];
  let points = 0;
  for (const { start, end, labelsStart, labelsEnd, timesStart, timesEnd } of viewLines(lines, 'a reply')) {
    const names = new Set(labelPairs(lines.toString('utf8', labelsStart, labelsEnd)).map(([name]) => name));
    if (tags.every((tag) => names.has(tag))) continue;
    kept.push(lines.subarray(start, end));
    points += countItems(lines, timesStart, timesEnd);
  }
  return { lines: Buffer.concat(kept), points };
}

function tellProblems(context: Context, metric: string, frame: TimeRange, problems: readonly SourceProblem[]): void {
  for (const { kind, count, example } of problems) {
    const lost = LEAVES_OUT.has(kind);
    if (lost) context.tally(metric, 'unsendable', count);
    context.note({ level: lost ? 'error' : 'warning', row: metric, text: `${rangeText(frame)}: ${count} × ${kind}, such as ${example}` });
  }
}
