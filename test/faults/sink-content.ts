/**
 * What is in a VictoriaMetrics, compared with a data set as multisets of (series, time). Reads by itself and shares no code with the
 * product's own comparison. Times must be equal; values may be off by what the sink states of itself: twelve digits, or a decimal place
 * of the largest value of the series, since a block of values has one exponent.
 */
import type { Dataset } from '../dataset/index.ts';

export interface Content {
  expected: number;
  found: number;
  missing: number;
  /** At times at which their series has no point. */
  moved: number;
  /** More often than once. */
  doubled: number;
  /** Of series that are not in the data set. */
  foreign: number;
  wrongValue: number;
  /** Doubled and moved points by metric; metrics with none are left out. */
  extraByMetric: Record<string, number>;
  examples: string[];
}

interface Column {
  times: number[];
  values: number[];
}

interface Line {
  metric: Record<string, string>;
  values: (number | string | null)[];
  timestamps: number[];
}

const DAY_MS = 86_400_000;
const EXAMPLES = 5;
const keyOf = (labels: Record<string, string>): string => JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

const near = (expected: number, found: number, largest: number): boolean =>
  Math.abs(expected - found) <= Math.abs(expected) * 1.001e-12 + largest * 1.1e-15;

async function exported(url: string, metric: string, { startMs, stopMs }: Dataset): Promise<Map<string, Column>> {
  const query = new URLSearchParams({
    'match[]': `{__name__="${metric}"}`,
    start: String((startMs - DAY_MS) / 1000),
    end: String((stopMs + DAY_MS) / 1000),
  });
  const reply = await fetch(`${url}/api/v1/export?${query}`);
  if (reply.status !== 200) throw new Error(`the sink answered an export of ${metric} with ${reply.status}: ${await reply.text()}`);
  const series = new Map<string, Column>();
  for (const text of (await reply.text()).split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text) as Line;
    const key = keyOf(line.metric);
    const column = series.get(key) ?? { times: [], values: [] };
    series.set(key, column);
    for (const [at, time] of line.timestamps.entries()) {
      column.times.push(time);
      column.values.push(Number(line.values[at] ?? Number.NaN));
    }
  }
  return series;
}

/** Both in order of time; of a time that is there several times, the first value is compared. */
export async function contentOf(url: string, dataset: Dataset): Promise<Content> {
  await (await fetch(`${url}/internal/force_flush`)).arrayBuffer();
  const content: Content = {
    expected: 0,
    found: 0,
    missing: 0,
    moved: 0,
    doubled: 0,
    foreign: 0,
    wrongValue: 0,
    extraByMetric: {},
    examples: [],
  };
  for (const metric of dataset.metrics) {
    const columns = await exported(url, metric, dataset);
    const before = content.moved + content.doubled;
    for (const { metric: own, tags, points } of dataset.series()) {
      if (own !== metric) continue;
      const key = keyOf({ __name__: metric, ...tags });
      compare(key, points(), columns.get(key) ?? { times: [], values: [] }, content);
      columns.delete(key);
    }
    for (const { times } of columns.values()) {
      content.found += times.length;
      content.foreign += times.length;
    }
    const extra = content.moved + content.doubled - before;
    if (extra > 0) content.extraByMetric[metric] = extra;
  }
  return content;
}

function compare(key: string, points: Iterable<readonly [number, string, string]>, column: Column, content: Content): void {
  const expected = [...points].map(([time, text]) => ({ time, value: Number(text) }));
  const largest = expected.reduce((most, { value }) => Math.max(most, Math.abs(value)), 0);
  const order = Array.from(column.times.keys()).sort((a, b) => column.times[a]! - column.times[b]!);
  const example = (what: string, time: number): void => {
    if (content.examples.length < EXAMPLES) content.examples.push(`${what} at ${new Date(time).toISOString()} in ${key}`);
  };
  content.expected += expected.length;
  content.found += order.length;
  let at = 0;
  for (const { time, value } of expected) {
    while (at < order.length && column.times[order[at]!]! < time) {
      content.moved += 1;
      example('a point that should not be', column.times[order[at]!]!);
      at += 1;
    }
    if (at >= order.length || column.times[order[at]!] !== time) {
      content.missing += 1;
      example('no point', time);
      continue;
    }
    if (!near(value, column.values[order[at]!]!, largest)) {
      content.wrongValue += 1;
      example(`${column.values[order[at]!]} for ${value}`, time);
    }
    for (at += 1; at < order.length && column.times[order[at]!] === time; at += 1) {
      content.doubled += 1;
      example('a point twice', time);
    }
  }
  content.moved += order.length - at;
}
