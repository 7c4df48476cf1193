/** Reads a frame of a metric some series at a time, in parts as large as the source answers. */
import { LongshoreError } from '@longshore/core';
import type { FrameSummary, LineSink, TimeRange } from '../../model.ts';
import { joined } from './by-series.ts';
import { OverLimit, SeriesTooLarge, SeriesUnlisted, SourceTimedOut, TooMuchAsked } from './errors.ts';
import { ROW_MS } from './frames.ts';
import type { ListedSeries, Part } from './parts.ts';
import { halved, hasTags, partReading, wholeInParts } from './parts.ts';
import type { Reading } from './queries.ts';

/** What is refused for its size, or takes too long, is asked for in shorter frames down to this; then in parts. */
export const SHORTEST_MS = 60_000;

export interface PartSource {
  what: string;
  read(frame: TimeRange, sink: LineSink, reading: Reading): Promise<FrameSummary>;
  /** All series that the metric has at all, or more precisely had when it was asked. */
  list(): Promise<readonly ListedSeries[]>;
}

/** Whether a shorter frame cannot help, or has not helped so far. The source had answered with a status: no line has been written. */
export function needsParts(error: unknown, frame: TimeRange): error is LongshoreError {
  if (OverLimit.is(error)) return inOneRow(frame);
  return (TooMuchAsked.is(error) || SourceTimedOut.is(error)) && frame.stopMs - frame.startMs <= SHORTEST_MS;
}

export function inOneRow({ startMs, stopMs }: TimeRange): boolean {
  return Math.floor(startMs / ROW_MS) === Math.floor((stopMs - 1) / ROW_MS);
}

/** `refusal`: of the whole. `before`: parts that the source has answered in an earlier frame. Also the parts that it has answered now. */
export async function readInParts(
  source: PartSource,
  frame: TimeRange,
  sink: LineSink,
  reading: Reading,
  { refusal, before }: { refusal?: LongshoreError; before?: readonly Part[] },
): Promise<{ summary: FrameSummary; parts: Part[] }> {
  const waiting = [...(before ?? wholeInParts(await listed(source, reading, refusal)))].reverse();
  const parts: Part[] = [];
  const summaries: FrameSummary[] = [];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const asked = partReading(part, reading);
    try {
      if (asked === undefined) waiting.push(...smaller(source, part).reverse());
      else {
        summaries.push(await source.read(frame, sink, asked));
        parts.push(part);
      }
    } catch (error) {
      if (!needsParts(error, frame)) throw error;
      waiting.push(...smaller(source, part, error).reverse());
    }
  }
  return { summary: joined(summaries, frame), parts };
}

function smaller({ what }: PartSource, part: Part, refusal?: LongshoreError): Part[] {
  const halves = halved(part);
  if (halves !== undefined) return halves;
  if (refusal !== undefined && !OverLimit.is(refusal)) throw refusal;
  throw SeriesTooLarge({ what, reason: refusal?.message ?? `the name of ${part.series[0]?.tsuid ?? 'it'} is too long` });
}

async function listed(source: PartSource, reading: Reading, refusal: LongshoreError | undefined): Promise<ListedSeries[]> {
  const { what } = source;
  const found = await source.list().catch((error: unknown) => {
    // Not now is not never.
    if (!(error instanceof LongshoreError) || error.data.retryable) throw error;
    throw SeriesUnlisted({ what, reason: error.message }, { cause: error });
  });
  const series = found.filter((one) => hasTags(one, reading.tags ?? {}));
  if (series.length === 0) throw SeriesUnlisted({ what, reason: refusal?.message ?? 'it names none' });
  return series;
}
