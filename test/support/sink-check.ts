/** Reads a VictoriaMetrics by itself and compares it with a data set, point by point; shares no code with what is tested. */
import type { Dataset } from '../dataset/index.ts';

export interface SinkCheck {
  expected: number;
  found: number;
  missing: number;
  /** At times the data set does not have, or more often than it has them. */
  extra: number;
  wrongValue: number;
}

interface Line {
  metric: Record<string, string>;
  values: (number | null)[];
  timestamps: number[];
}

const keyOf = (labels: Record<string, string>): string => JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Values as the sink states its precision: 12 digits, or cut where a larger neighbour takes the decimal places. */
const near = (expected: number, found: number, largest: number): boolean =>
  Math.abs(expected - found) <= Math.abs(expected) * 1.001e-12 + largest * 1.1e-15;

export async function compareWithSink(url: string, dataset: Dataset): Promise<SinkCheck> {
  await (await fetch(`${url}/internal/force_flush`)).arrayBuffer();
  const found = new Map<string, Map<number, number[]>>();
  const check: SinkCheck = { expected: 0, found: 0, missing: 0, extra: 0, wrongValue: 0 };
  for (const metric of dataset.metrics) {
    const query = new URLSearchParams({
      'match[]': `{__name__="${metric}"}`,
      start: String(dataset.startMs / 1000 - 86_400),
      end: String(dataset.stopMs / 1000 + 86_400),
    });
    const reply = await fetch(`${url}/api/v1/export?${query}`);
    if (reply.status !== 200) throw new Error(`the sink answered an export with ${reply.status}`);
    for (const text of (await reply.text()).split('\n')) {
      if (text === '') continue;
      const line = JSON.parse(text) as Line;
      const series = found.get(keyOf(line.metric)) ?? new Map<number, number[]>();
      found.set(keyOf(line.metric), series);
      for (const [at, time] of line.timestamps.entries()) {
        check.found += 1;
        const values = series.get(time) ?? [];
        values.push(line.values[at] ?? Number.NaN);
        series.set(time, values);
      }
    }
  }
  for (const { metric, tags, points } of dataset.series()) {
    const series = found.get(keyOf({ __name__: metric, ...tags })) ?? new Map<number, number[]>();
    const list = [...points()];
    const largest = list.reduce((most, [, text]) => Math.max(most, Math.abs(Number(text))), 0);
    for (const [time, text] of list) {
      check.expected += 1;
      const values = series.get(time);
      const value = values?.shift();
      if (value === undefined) check.missing += 1;
      else if (!near(Number(text), value, largest)) check.wrongValue += 1;
    }
    for (const values of series.values()) check.extra += values.length;
    found.delete(keyOf({ __name__: metric, ...tags }));
  }
  for (const series of found.values()) for (const values of series.values()) check.extra += values.length;
  return check;
}
