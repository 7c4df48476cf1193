/** Puts a data set into an OpenTSDB over `/api/put`. */
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { exchange, keepAlive } from './http.ts';
import type { Dataset, Point, Series } from './kilda.ts';
import { readSeries } from './verify.ts';

const gzipped = promisify(gzip);
/** OpenTSDB shows a write within about a second. */
const READABLE_TIMEOUT_MS = 60_000;

export interface LoadOptions {
  connections?: number;
  pointsPerRequest?: number;
  gzip?: boolean;
  /** Called after each request with the points accepted so far. */
  progress?: (points: number) => void;
}

export interface Loaded {
  points: number;
  requests: number;
  seconds: number;
}

function entry(series: Series, tags: string, [ms, , sent]: Point): string {
  return `{"metric":"${series.metric}","timestamp":${ms / 1000},"value":${sent},"tags":${tags}}`;
}

interface Body {
  text: string;
  points: number;
}

function* bodies(dataset: Dataset, pointsPerRequest: number): Generator<Body> {
  for (const series of dataset.series()) {
    const tags = JSON.stringify(series.tags);
    let entries: string[] = [];
    for (const point of series.points()) {
      entries.push(entry(series, tags, point));
      if (entries.length < pointsPerRequest) continue;
      yield { text: `[${entries.join(',')}]`, points: entries.length };
      entries = [];
    }
    if (entries.length > 0) yield { text: `[${entries.join(',')}]`, points: entries.length };
  }
}

/** Loads everything and waits until the last point of every series can be read. Twice is harmless. Throws on any answer but 204. */
export async function load(url: string, dataset: Dataset, options: LoadOptions = {}): Promise<Loaded> {
  const connections = options.connections ?? 6;
  const agent = keepAlive(connections);
  const startedAt = performance.now();
  let points = 0;
  let requests = 0;
  const put = async (body: Body): Promise<void> => {
    const plain = Buffer.from(body.text);
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (options.gzip) headers['content-encoding'] = 'gzip';
    const reply = await exchange(agent, `${url}/api/put`, 'POST', headers, options.gzip ? await gzipped(plain, { level: 1 }) : plain);
    if (reply.status !== 204)
      throw new Error(`OpenTSDB at ${url} answered ${reply.status} to a put of ${body.points} points: ${reply.body.slice(0, 300)}`);
    points += body.points;
    requests += 1;
    options.progress?.(points);
  };
  try {
    // All names first, one after another: parallel first writes of a name race for its number.
    for (const series of dataset.series()) {
      const [first] = series.points();
      if (first !== undefined) await put({ text: `[${entry(series, JSON.stringify(series.tags), first)}]`, points: 0 });
    }
    const queue = bodies(dataset, options.pointsPerRequest ?? 800);
    const lane = async (): Promise<void> => {
      for (const body of queue) await put(body);
    };
    await Promise.all(Array.from({ length: connections }, lane));
    await waitUntilReadable(url, dataset);
    return { points, requests, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    agent.destroy();
  }
}

async function waitUntilReadable(url: string, dataset: Dataset): Promise<void> {
  const until = Date.now() + READABLE_TIMEOUT_MS;
  for (const metric of dataset.metrics) {
    const wanted = dataset.series().filter((series) => series.metric === metric).length;
    for (;;) {
      const found = await readSeries(url, metric, dataset.stopMs - 60_000, dataset.stopMs);
      const readable = found.reduce((sum, series) => sum + series.points.length, 0);
      if (readable >= wanted) break;
      if (Date.now() > until)
        throw new Error(
          `of ${metric}, ${readable} of ${wanted} series show their last point ${READABLE_TIMEOUT_MS / 1000} s after the load`,
        );
      await wait(200);
    }
  }
}
