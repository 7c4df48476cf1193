/** Reads a data set back from an OpenTSDB, raw, and compares it point by point and digit by digit. */
import { exchange, keepAlive } from './http.ts';
import { type Dataset, POINTS_PER_DAY, type Point, type Series } from './kilda.ts';

const DAY_MS = 86_400_000;

export interface ReadSeries {
  metric: string;
  tags: Record<string, string>;
  /** Time in ms and the value's text as it stands in the reply. */
  points: [ms: number, text: string][];
}

/** Every series of a metric in `[startMs, stopMs)`, unaggregated. An unknown metric is an error, nothing in the range is not. */
export async function readSeries(url: string, metric: string, startMs: number, stopMs: number): Promise<ReadSeries[]> {
  const agent = keepAlive(1);
  try {
    // Both ends of a query are inclusive.
    const address = `${url}/api/query?start=${startMs}&end=${stopMs - 1}&ms=true&arrays=true&m=none:${metric}`;
    const reply = await exchange(agent, address, 'GET', {});
    if (reply.status !== 200)
      throw new Error(`OpenTSDB at ${url} answered ${reply.status} to a query for ${metric}: ${reply.body.slice(0, 300)}`);
    // The value's own text: a parsed number would have lost digits. No name or tag can hold a bracket.
    const quoted = reply.body.replace(/\[(\d+),([-+.\dEe]+)\]/g, '["$1","$2"]');
    const rows = JSON.parse(quoted) as { metric: string; tags: Record<string, string>; dps: [string, string][] }[];
    return rows.map((row) => ({ metric: row.metric, tags: row.tags, points: row.dps.map(([ms, text]) => [Number(ms), text]) }));
  } finally {
    agent.destroy();
  }
}

export interface Verified {
  /** Points read. */
  found: number;
  missing: number;
  extra: number;
  different: number;
  examples: string[];
  seconds: number;
}

const key = (tags: Record<string, string>): string => JSON.stringify(Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)));

function take(points: Iterator<Point>, count: number): Point[] {
  const taken: Point[] = [];
  for (let next = points.next(); ; next = points.next()) {
    if (next.done) return taken;
    taken.push(next.value);
    if (taken.length === count) return taken;
  }
}

function compare(series: Series, expected: readonly Point[], found: ReadSeries | undefined, result: Verified): void {
  const rest = new Map(found?.points);
  result.found += found?.points.length ?? 0;
  result.extra += (found?.points.length ?? 0) - rest.size; // the same time twice
  const example = (text: string): void =>
    void (result.examples.length < 10 && result.examples.push(`${series.metric} ${key(series.tags)}: ${text}`));
  for (const [ms, text] of expected) {
    const got = rest.get(ms);
    if (got === undefined) {
      result.missing += 1;
      example(`nothing at ${ms}`);
    } else if (got !== text) {
      result.different += 1;
      example(`${got} at ${ms}, not ${text}`);
    }
    rest.delete(ms);
  }
  result.extra += rest.size;
}

/** One query per metric and day. All of `missing`, `extra` and `different` are 0 when the data set is there, whole and unchanged. */
export async function verify(url: string, dataset: Dataset): Promise<Verified> {
  const startedAt = performance.now();
  const result: Verified = { found: 0, missing: 0, extra: 0, different: 0, examples: [], seconds: 0 };
  for (const metric of dataset.metrics) {
    const expected = dataset
      .series()
      .filter((series) => series.metric === metric)
      .map((series) => ({ series, points: series.points()[Symbol.iterator]() }));
    for (let day = 0; day < dataset.days; day++) {
      const startMs = dataset.startMs + day * DAY_MS;
      const found = new Map((await readSeries(url, metric, startMs, startMs + DAY_MS)).map((series) => [key(series.tags), series]));
      for (const { series, points } of expected) {
        compare(series, take(points, POINTS_PER_DAY), found.get(key(series.tags)), result);
        found.delete(key(series.tags));
      }
      for (const stranger of found.values()) result.extra += stranger.points.length;
    }
  }
  result.seconds = (performance.now() - startedAt) / 1000;
  return result;
}
