/** What an OpenTSDB has of a chunk that was put there: times exactly, numbers as doubles, since that is what its queries go through. */
import type { Comparison, ComparisonExample, TimeRange } from '../../model.ts';
import { MAX_POINTS_PER_LINE } from '../../model.ts';
import { labelPairs, seriesKey } from '../labels.ts';
import { viewLines } from '../victoriametrics/lines.ts';
import { NoSuchMetric } from './errors.ts';
import type { OpenTsdbClient } from './source.ts';

const MAX_EXAMPLES = 3;
/** OpenTSDB before 2.4 keeps floats in 32 bits. */
const SINGLE = 2 ** -23;

type Points = Map<string, { labels: string; at: Map<number, string> }>;

function pointsOf(lines: Buffer): Points {
  const points: Points = new Map();
  for (const view of viewLines(lines, 'a reply')) {
    const labels = lines.toString('utf8', view.labelsStart, view.labelsEnd);
    const key = seriesKey(labelPairs(labels));
    const series = points.get(key) ?? { labels, at: new Map<number, string>() };
    points.set(key, series);
    const values = lines.toString('latin1', view.valuesStart, view.valuesEnd).split(',');
    const times = lines.toString('latin1', view.timesStart, view.timesEnd).split(',');
    for (const [at, time] of times.entries()) series.at.set(Number(time), values[at]!);
  }
  return points;
}

export interface FoundInOpenTsdb {
  comparison: Comparison;
  /** Import lines of exactly the missing points. */
  missingLines: Buffer[];
  /** Points in the sink that were not sent, in series that were (`points`) and in others (`foreign`). */
  others: { points: number; foreign: number };
}

/** `lines`: what was sent. Points of other series of the metric, and points in the sink at other times, are counted by themselves. */
export async function compareWithOpenTsdb(
  sink: OpenTsdbClient,
  metric: string,
  { startMs, stopMs }: TimeRange,
  lines: Buffer,
  signal: AbortSignal,
): Promise<FoundInOpenTsdb> {
  const found: Points = new Map();
  try {
    await sink.readRange(
      metric,
      { startMs, stopMs },
      {
        signal,
        frame: () => {
          let parts: Buffer[] = [];
          return {
            async write(part) {
              parts.push(Buffer.from(part));
            },
            async rollback() {
              parts = [];
            },
            async commit() {
              for (const [key, { labels, at }] of pointsOf(Buffer.concat(parts))) {
                const series = found.get(key) ?? { labels, at: new Map<number, string>() };
                found.set(key, series);
                for (const [time, value] of at) series.at.set(time, value);
              }
            },
          };
        },
      },
    );
  } catch (error) {
    // Its first point has not been written yet.
    if (!NoSuchMetric.is(error)) throw error;
  }
  return compare(pointsOf(lines), found);
}

function compare(sent: Points, found: Points): FoundInOpenTsdb {
  const missingLines: Buffer[] = [];
  const result: Comparison = { points: 0, matched: 0, missing: 0, extra: 0, different: 0, precisionLost: 0, examples: [] };
  const example = (one: ComparisonExample): void => {
    if (result.examples.length < MAX_EXAMPLES) result.examples.push(one);
  };
  for (const [key, { labels, at }] of sent) {
    const there = found.get(key)?.at;
    const missing: [number, string][] = [];
    for (const [timestampMs, expected] of at) {
      result.points += 1;
      const value = there?.get(timestampMs);
      if (value === undefined) {
        result.missing += 1;
        missing.push([timestampMs, expected]);
        example({ kind: 'missing', labels, timestampMs, expected });
      } else if (Number(value) === Number(expected)) result.matched += 1;
      else if (Math.abs(Number(value) - Number(expected)) <= Math.abs(Number(expected)) * SINGLE) {
        result.precisionLost += 1;
        example({ kind: 'precision-lost', labels, timestampMs, expected, found: value });
      } else {
        result.different += 1;
        example({ kind: 'different', labels, timestampMs, expected, found: value });
      }
    }
    for (let from = 0; from < missing.length; from += MAX_POINTS_PER_LINE)
      missingLines.push(lineOf(labels, missing.slice(from, from + MAX_POINTS_PER_LINE)));
  }
  const others = { points: 0, foreign: 0 };
  for (const [key, { at }] of found) {
    const ours = sent.get(key)?.at;
    if (ours === undefined) others.foreign += at.size;
    else for (const time of at.keys()) if (!ours.has(time)) others.points += 1;
  }
  return { comparison: result, missingLines, others };
}

function lineOf(labels: string, points: readonly [number, string][]): Buffer {
  const values = points.map(([, value]) => value).join(',');
  const times = points.map(([time]) => time).join(',');
  return Buffer.from(`{"metric":${labels},"values":[${values}],"timestamps":[${times}]}\n`);
}
