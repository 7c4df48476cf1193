/** What servers hold, read by itself: by requests and readers that share no code with what is tested. */
import { naiveJson } from '../unit/fuzz/naive-json.ts';

/** Labels with the metric's name among them, and the time in ms, as one text → the number as the server writes it. */
export type Points = Map<string, string>;

export type Labels = readonly (readonly [string, string])[];

export const seriesKey = (labels: Labels): string => JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

/** Throws when the series has a point of that time already. */
export function addPoint(points: Points, labels: Labels, ms: number, number: string): void {
  const name = `${seriesKey(labels)}|${ms}`;
  if (points.has(name)) throw new Error(`twice: ${name}`);
  points.set(name, number);
}

/** Every point of one has one in the other that `agree` takes for the same. */
export function samePoints(expected: Points, found: Points, agree: (expected: string, found: string, name: string) => boolean): void {
  for (const [name, number] of expected) {
    const there = found.get(name);
    if (there === undefined) throw new Error(`missing: ${name} (${number})`);
    if (!agree(number, there, name)) throw new Error(`${name}: ${number} became ${there}`);
  }
  for (const name of found.keys()) if (!expected.has(name)) throw new Error(`made up: ${name}`);
}

export interface Span {
  startMs: number;
  stopMs: number;
}

/** All points of an OpenTSDB whose metrics begin with `prefix`. */
export async function openTsdbPoints(url: string, prefix: string, { startMs, stopMs }: Span): Promise<Points> {
  const points: Points = new Map();
  const metrics = await textOf(`${url}/api/suggest?type=metrics&max=10000&q=${encodeURIComponent(prefix)}`);
  for (const metric of JSON.parse(metrics) as string[]) {
    const m = encodeURIComponent(`none:${metric}`);
    const text = await textOf(`${url}/api/query?start=${startMs}&end=${stopMs}&ms&arrays&m=${m}`);
    const reply = naiveJson(Buffer.from(text).toString('latin1'), () => true);
    if (reply?.kind !== 'list') throw new Error(`no reply to a query of ${metric}`);
    for (const series of reply.items) {
      if (series.kind !== 'object') throw new Error(`no series of ${metric}`);
      const parts = new Map(series.pairs.map(([name, , part]) => [name, part]));
      const [tags, dps] = [parts.get('tags'), parts.get('dps')];
      if (tags?.kind !== 'object' || dps?.kind !== 'list') throw new Error(`no tags or points in a series of ${metric}`);
      const labels: [string, string][] = [['__name__', metric]];
      for (const [name, , tag] of tags.pairs) labels.push([name, tag.kind === 'text' ? tag.text : '']);
      for (const pair of dps.items) {
        const [time, number] = pair.kind === 'list' ? pair.items : [];
        if (time?.kind !== 'word' || number?.kind !== 'word') throw new Error(`no point in a series of ${metric}`);
        addPoint(points, labels, Number(time.word), number.word);
      }
    }
  }
  return points;
}

/**
 * All points of a VictoriaMetrics whose metrics begin with `prefix`, which has no letters but a-z, digits and dots. Without `reduce_mem_usage`:
 * 1.79.5 has then been seen to give out a point twice, or with its neighbour's value, and rightly when it was asked again.
 */
export async function victoriaMetricsPoints(url: string, prefix: string, { startMs, stopMs }: Span): Promise<Points> {
  await textOf(`${url}/internal/force_flush`);
  const query = new URLSearchParams({
    'match[]': `{__name__=~"${prefix.replaceAll('.', '\\\\.')}.*"}`,
    start: String(startMs / 1000),
    end: String(stopMs / 1000),
  });
  const points: Points = new Map();
  for (const line of (await textOf(`${url}/api/v1/export?${query}`)).split('\n')) {
    if (line === '') continue;
    const { metric, values, timestamps } = JSON.parse(line) as { metric: Record<string, string>; values: number[]; timestamps: number[] };
    for (const [at, ms] of timestamps.entries()) addPoint(points, Object.entries(metric), ms, String(values[at]));
  }
  return points;
}

async function textOf(url: string): Promise<string> {
  const reply = await fetch(url);
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${url} answered ${reply.status}: ${text.slice(0, 300)}`);
  return text;
}

/** Numbers of a series as VictoriaMetrics states its precision: 12 digits, or cut where a larger neighbour takes the decimal places. */
export function asExactAsStored(expected: Points): (number: string, found: string, name: string) => boolean {
  const seriesOf = (name: string): string => name.slice(0, name.lastIndexOf('|'));
  const largest = new Map<string, number>();
  for (const [name, number] of expected) largest.set(seriesOf(name), Math.max(largest.get(seriesOf(name)) ?? 0, Math.abs(Number(number))));
  return (number, found, name) =>
    Math.abs(Number(number) - Number(found)) <= Math.abs(Number(number)) * 1.001e-12 + largest.get(seriesOf(name))! * 1.1e-15 + 1e-290;
}
