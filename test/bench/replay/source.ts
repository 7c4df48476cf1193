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
    Array.from({ length: series }, (_, index) => Buffer.from(`{"metric":"${metric}","tags":${tagsOf(index)},"aggregateTags":[],"dps":[`)),
  ]),
);
const TAIL = Buffer.from(']}');
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
/** A reply of one day cannot be longer. */
const mostPerDay =
  Math.max(...[...days.values()].map(({ text }) => text.length)) + series * (heads.values().next().value?.[0]?.length ?? 0) * 2;

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

/** The part of a series' day that lies in the frame. */
function partOf(day: RenderedDay, dayStartMs: number, index: number, { startMs, stopMs }: Frame): Buffer {
  const whole = day.text.subarray(day.starts[index], day.starts[index + 1]);
  if (startMs <= dayStartMs && stopMs >= dayStartMs + DAY_MS) return whole;
  const firstMs = dayStartMs + offsetOf(index, stepMs);
  /** Where the first pair at or after a time begins; one behind the end when there is none. */
  const placeOf = (ms: number): number => {
    const at = ms <= firstMs ? 0 : whole.indexOf(`[${firstMs + Math.ceil((ms - firstMs) / stepMs) * stepMs},`);
    return at < 0 ? whole.length + 1 : at;
  };
  const from = placeOf(startMs);
  return whole.subarray(from, Math.max(from, placeOf(stopMs) - 1));
}

function reply(metric: string, frame: Frame): { buffer: Buffer; body: Buffer } {
  const firstDay = frame.startMs - (frame.startMs % DAY_MS);
  const buffer = bufferOf(Math.ceil((frame.stopMs - firstDay) / DAY_MS) * mostPerDay + 2);
  let at = 0;
  buffer[at++] = OPEN;
  for (const [index, head] of (heads.get(metric) ?? []).entries()) {
    const begun = at;
    if (at > 1) buffer[at++] = COMMA;
    buffer.set(head, at);
    at += head.length;
    let points = 0;
    for (let day = firstDay; day < frame.stopMs; day += DAY_MS) {
      const rendered = days.get(day);
      const part = rendered && partOf(rendered, day, index, frame);
      if (part === undefined || part.length === 0) continue;
      if (points > 0) buffer[at++] = COMMA;
      buffer.set(part, at);
      at += part.length;
      points += part.length;
    }
    if (points === 0) {
      at = begun;
      continue;
    }
    buffer.set(TAIL, at);
    at += TAIL.length;
  }
  buffer[at++] = CLOSE;
  return { buffer, body: buffer.subarray(0, at) };
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
