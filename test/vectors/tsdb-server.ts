/**
 * The server the recordings of the kilda tools were made against, as far as a recording describes it: series by their points with the
 * number texts as they go into the reply, replies given whole (`rawm`), queries and puts that fail by their number (`fail`, `putfail`).
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

const counted = z.record(z.string().regex(/^\d+$/), z.int());

export const ServerState = z.strictObject({
  metrics: z.array(z.string()),
  series: z.array(
    z.strictObject({ metric: z.string(), tags: z.record(z.string(), z.string()), points: z.array(z.tuple([z.int(), z.string()])) }),
  ),
  /** Replies by the value of `m`. */
  rawm: z.record(z.string(), z.string()).optional(),
  /** Status of the query of that number, beginning at 1. */
  fail: counted.optional(),
  /** The same for puts. */
  putfail: counted.optional(),
});
export type ServerState = z.infer<typeof ServerState>;

export interface RecordedServer extends AsyncDisposable {
  url: string;
  port: number;
  state: ServerState;
  /** Bodies of puts in their order, with what they were answered. */
  puts: { body: string; status: number }[];
  /** Metrics of which a query was answered in a way that asking again does not mend. */
  refused: Set<string>;
  /** Numbers of queries and puts begin anew. */
  reset(state: ServerState): void;
  /** Called with the end of each query, ms, before it is answered. */
  beforeAnswer: ((endMs: number) => Promise<void>) | undefined;
}

/** Asking again may help. */
const PASSING = [408, 413, 424, 429];

const SECONDS = 2 ** 32;
const inMs = (time: number): number => (time > SECONDS ? time : time * 1000);

export async function startRecordedServer(): Promise<RecordedServer> {
  let queries = 0;
  const http = createServer(async (request, response) => {
    // Whatever stands before it: an endpoint may have a path, and a slash at its end.
    const url = new URL((request.url ?? '').replace(/^.*?\/+api\//, '/api/'), 'http://server');
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const send = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(text);
    };
    const { state } = server;
    if (url.pathname === '/api/suggest') {
      const [prefix, max] = [url.searchParams.get('q') ?? '', Number(url.searchParams.get('max') ?? 25)];
      const names = state.metrics.filter((name) => name.startsWith(prefix)).sort();
      send(200, JSON.stringify(names.slice(0, max)));
    } else if (url.pathname === '/api/query') {
      queries += 1;
      const asked = request.method === 'POST' ? asParameters(body, url.searchParams) : url.searchParams;
      const status = state.fail?.[String(queries)];
      if (status !== undefined) {
        if (status < 500 && !PASSING.includes(status)) server.refused.add(metricIn(asked, state));
        return send(status, JSON.stringify({ error: { code: status, message: 'recorded failure' } }));
      }
      await server.beforeAnswer?.(inMs(Number(asked.get('end'))));
      const reply = replyTo(state, asked);
      send(reply.status, reply.text);
    } else if (url.pathname === '/api/put' && request.method === 'POST') {
      const status = state.putfail?.[String(server.puts.length + 1)] ?? 204;
      server.puts.push({ body, status });
      send(status, status < 300 ? '' : JSON.stringify({ error: { code: status, message: 'recorded failure' } }));
    } else send(404, '{"error":{"code":404,"message":"Endpoint not found"}}');
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const server: RecordedServer = {
    port,
    url: `http://127.0.0.1:${port}`,
    state: { metrics: [], series: [] },
    puts: [],
    refused: new Set(),
    beforeAnswer: undefined,
    reset(state) {
      server.state = state;
      server.puts = [];
      server.refused.clear();
      queries = 0;
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      });
    },
  };
  return server;
}

/** A query that came as a body, as the parameters it would have had. */
function asParameters(body: string, params: URLSearchParams): URLSearchParams {
  const { start, end, msResolution, queries } = postedQuery.parse(JSON.parse(body));
  const same = new URLSearchParams(params);
  same.set('start', start);
  same.set('end', end);
  if (msResolution === true) same.set('ms', 'true');
  same.set('m', `${queries[0].aggregator}:${queries[0].metric}`);
  return same;
}

const postedQuery = z.object({
  start: z.string(),
  end: z.string(),
  msResolution: z.boolean().optional(),
  queries: z.tuple([z.object({ aggregator: z.string(), metric: z.string() })]),
});

function metricIn(params: URLSearchParams, { metrics }: ServerState): string {
  const m = params.get('m') ?? '';
  const metric = m.slice(m.indexOf(':') + 1);
  return metrics.includes(metric) ? metric : metric.replace(/\{.*\}$/s, '');
}

function replyTo(state: ServerState, params: URLSearchParams): { status: number; text: string } {
  const { series, rawm } = state;
  const m = params.get('m') ?? '';
  const raw = rawm?.[m];
  if (raw !== undefined) return { status: 200, text: raw };
  const [start, end] = [inMs(Number(params.get('start'))), inMs(Number(params.get('end')))];
  if (end <= start) return { status: 400, text: '{"error":{"code":400,"message":"End time must be greater than the start time"}}' };
  const metric = metricIn(params, state);
  const ms = params.has('ms');
  const objects = series
    .filter((one) => one.metric === metric)
    .map(({ tags, points }) => {
      const within = points.filter(([time]) => inMs(time) >= start && inMs(time) <= end);
      if (within.length === 0) return undefined;
      const time = (at: number): string => String(ms ? inMs(at) : Math.floor(inMs(at) / 1000));
      const dps = params.has('arrays')
        ? `[${within.map(([at, value]) => `[${time(at)},${value}]`).join(',')}]`
        : `{${within.map(([at, value]) => `"${time(at)}":${value}`).join(',')}}`;
      return `{"metric":${JSON.stringify(metric)},"tags":${JSON.stringify(tags)},"aggregateTags":[],"dps":${dps}}`;
    })
    .filter((one) => one !== undefined);
  return { status: 200, text: `[${objects.join(',')}]` };
}
