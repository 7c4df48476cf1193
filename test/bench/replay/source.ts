/**
 * An OpenTSDB that only replays, in a process of its own: replies are put together from days rendered beforehand, so that it takes next
 * to nothing of the machine. Speaks as much as a migration asks: version, configuration, aggregators, names, raw points of one metric.
 * Started with a `Replay` as JSON in its first argument; tells its address over IPC.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { offsetOf, type RenderedDay, type Replay, renderDay, tagsOf } from './shape.ts';

const DAY_MS = 86_400_000;

export interface Listening {
  url: string;
}

const replay = JSON.parse(process.argv[2] ?? '') as Replay;
const { series, stepMs } = replay.shape;
const days = new Map<number, RenderedDay>();
for (let day = replay.warmUp.startMs; day < replay.measured.stopMs; day += DAY_MS) days.set(day, renderDay(replay.shape, day));
const heads = new Map(
  replay.metrics.map((metric) => [
    metric,
    Array.from({ length: series }, (_, index) => Buffer.from(`,{"metric":"${metric}","tags":${tagsOf(index)},"aggregateTags":[],"dps":[`)),
  ]),
);
const OPEN = Buffer.from('[');
const TAIL = Buffer.from(']}');
const CLOSE = Buffer.from(']');
const perDay = DAY_MS / stepMs;

/** Reply buffers that were sent; the next reply is made in one of them. */
const spare: Buffer[] = [];

function bufferOf(length: number): Buffer {
  const at = spare.findIndex((buffer) => buffer.length >= length);
  return at < 0 ? Buffer.allocUnsafeSlow(length) : spare.splice(at, 1)[0]!;
}

interface Frame {
  startMs: number;
  stopMs: number;
}

/** The part of a series' day that lies in the frame, a comma behind each point. */
function partOf(day: RenderedDay, dayStartMs: number, index: number, { startMs, stopMs }: Frame): Buffer {
  const firstMs = dayStartMs + offsetOf(index, stepMs);
  const pointAt = (ms: number): number => index * perDay + Math.min(perDay, Math.max(0, Math.ceil((ms - firstMs) / stepMs)));
  return day.text.subarray(day.offsets[pointAt(startMs)], day.offsets[pointAt(stopMs)]);
}

function reply(metric: string, frame: Frame): { buffer: Buffer; body: Buffer } {
  const parts: Buffer[] = [OPEN];
  for (const [index, head] of (heads.get(metric) ?? []).entries()) {
    const points: Buffer[] = [];
    for (let day = frame.startMs - (frame.startMs % DAY_MS); day < frame.stopMs; day += DAY_MS) {
      const rendered = days.get(day);
      const part = rendered && partOf(rendered, day, index, frame);
      if (part !== undefined && part.length > 0) points.push(part);
    }
    const last = points.pop();
    if (last !== undefined) parts.push(parts.length === 1 ? head.subarray(1) : head, ...points, last.subarray(0, -1), TAIL);
  }
  parts.push(CLOSE);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const buffer = bufferOf(length);
  let at = 0;
  for (const part of parts) {
    buffer.set(part, at);
    at += part.length;
  }
  return { buffer, body: buffer.subarray(0, length) };
}

function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://replay');
  const metric = /^none:(.+)$/.exec(searchParams.get('m') ?? '')?.[1];
  if (pathname === '/api/version') sendJson(response, { version: '2.4.1' });
  else if (pathname === '/api/config') sendJson(response, {});
  else if (pathname === '/api/aggregators') sendJson(response, ['none']);
  else if (pathname === '/api/suggest') {
    const prefix = searchParams.get('q') ?? '';
    sendJson(
      response,
      replay.metrics.filter((name) => name.startsWith(prefix)),
    );
  } else if (pathname === '/api/query' && metric !== undefined) {
    const { buffer, body } = reply(metric, { startMs: Number(searchParams.get('start')), stopMs: Number(searchParams.get('end')) + 1 });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.once('close', () => spare.push(buffer));
    response.end(body);
  } else sendJson(response, { error: { code: 404, message: 'this server only replays' } }, 404);
}

const server = createServer(answer);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  process.send?.({ url: `http://127.0.0.1:${address.port}` } satisfies Listening);
});
process.on('disconnect', () => process.exit(0));
