/**
 * The event log of an operation as server-sent events: `id` is the event's, `data` its JSON. `Last-Event-ID` goes on behind that one.
 * A comment line comes when nothing else does, so that proxies and clients see that the stream lives. The last message is
 * `event: end`: the operation is final and everything was sent.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { SCHEMAS } from '@longshore/contract';
import type { Log, OperationEvent } from '@longshore/core';
import { FINAL_STATES } from '@longshore/core';
import type { Service } from '@longshore/operations';
import { TooManyStreams } from '../errors.ts';
import type { Api } from './api.ts';

const HEARTBEAT_MS = 15_000;

const { params, query, headers } = SCHEMAS['GET /v1/operations/:id/events'];

export function eventRoutes(api: Api, service: Service, log: Log, most: number): void {
  const open = new Set<AbortController>();
  api.addHook('preClose', async () => {
    for (const one of open) one.abort();
  });

  api.get('/v1/operations/:id/events', { schema: { params, querystring: query, headers } }, async (request, reply) => {
    const { id } = request.params;
    const after = request.headers['last-event-id'] ?? request.query.after;
    // Unknown operations are answered with 404 while there is still a status to send.
    await service.state(id);
    if (open.size >= most) throw TooManyStreams({ most }, { retryAfterMs: HEARTBEAT_MS });
    const gone = new AbortController();
    open.add(gone);
    reply.raw.once('close', () => gone.abort());
    reply.hijack();
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
    });
    reply.raw.flushHeaders();
    try {
      const state = await stream(service, id, after, request.query.follow !== 'false', reply.raw, gone.signal);
      if (state !== undefined) reply.raw.write(`event: end\ndata: ${JSON.stringify({ state })}\n\n`);
    } catch (error) {
      // The status is sent already: the client sees a stream without its `end` and comes again.
      if (!gone.signal.aborted) log.warn({ err: error, operation: id, requestId: request.id }, 'an event stream broke off');
    } finally {
      open.delete(gone);
      reply.raw.end();
    }
  });
}

/** Resolves to the operation's state when all was sent, to nothing when the client left. */
async function stream(
  service: Service,
  id: string,
  start: string | undefined,
  follow: boolean,
  out: ServerResponse,
  signal: AbortSignal,
): Promise<string | undefined> {
  let after = start;
  for (;;) {
    // The state is read before the events: what happened up to a final state is then certainly among them.
    const state = await service.state(id);
    const last = FINAL_STATES.has(state) || !follow;
    const events = await service.events(id, after, last ? 0 : HEARTBEAT_MS, signal);
    if (signal.aborted) return undefined;
    for (const event of events) {
      after = event.id;
      if (!out.write(message(event))) await once(out, 'drain', { signal });
    }
    if (events.length > 0) continue;
    if (last) return state;
    out.write(': nothing new\n\n');
  }
}

function message(event: OperationEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}
