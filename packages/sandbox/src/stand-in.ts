/** The HTTP half every stand-in shares: reads requests, lets the knobs strike, answers with backpressure, keeps the log. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { constants, createGzip, gzipSync } from 'node:zlib';
import type { Clock } from '@longshore/core';
import { FaultBoard, type Knobs, type SeenRequest, type Struck } from './knobs.ts';
import { type LoggedRequest, type RequestLog, RequestRecorder } from './request-log.ts';

/** A request with its body, as a handler gets it. */
export interface Exchange extends SeenRequest {
  headers: IncomingMessage['headers'];
  remote: string;
  /** As received, content encoding and all. */
  body: Buffer;
  /** Share of the lines or points that may take effect; below 1 under a `partial` fault. */
  keep: number;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** Pieces are made while the client reads; then there is no Content-Length. */
  body?: string | Iterable<string | Uint8Array>;
  /** Cuts the connection in place of any reply. */
  drop?: true;
  /** The request asked to delete data. */
  deleting?: true;
}

export interface StandIn<S> {
  /** Base URL, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly knobs: Knobs<S>;
  readonly log: RequestLog;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StandInOptions<S> {
  /** 0 or absent: a free one. */
  port?: number;
  settings: S;
  clock: Clock;
  /** Replies of at least this many bytes are compressed when the client asks; absent: never. */
  gzipFrom?: number;
  handle(exchange: Exchange): Reply | Promise<Reply>;
}

/** Nothing sensible is larger; what is, is a fault of the test. */
const MAX_BODY_BYTES = 1 << 30;

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new RangeError(`a request body above ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, bytes);
}

function wholeText(body: Reply['body']): string {
  if (body === undefined || typeof body === 'string') return body ?? '';
  return [...body].map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece).toString())).join('');
}

function written(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}

class Running<S> implements StandIn<S> {
  readonly knobs: FaultBoard<S>;
  readonly log: RequestRecorder = new RequestRecorder();
  readonly #options: StandInOptions<S>;
  readonly #server: Server;
  readonly #stopped = new AbortController();

  constructor(options: StandInOptions<S>) {
    this.#options = options;
    this.knobs = new FaultBoard(options.settings);
    this.#server = createServer({ keepAliveTimeout: 30_000, requestTimeout: 0 }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        // A client that goes away in the middle is everyday life here; anything else is a fault of ours and must be seen.
        if (!response.destroyed && !request.destroyed && !this.#stopped.signal.aborted) queueMicrotask(() => Promise.reject(error));
        response.destroy();
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  listen(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port ?? 0, '127.0.0.1', () => resolve(this));
    });
  }

  async close(): Promise<void> {
    this.#stopped.abort(new Error('the stand-in was closed'));
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const query = mark < 0 ? '' : url.slice(mark + 1);
    const exchange: Exchange = {
      method: request.method ?? 'GET',
      path: mark < 0 ? url : url.slice(0, mark),
      query,
      params: new URLSearchParams(query),
      bodyBytes: body.length,
      headers: request.headers,
      remote: `${request.socket.remoteAddress}:${request.socket.remotePort}`,
      body,
      keep: 1,
    };
    const struck = this.knobs.strike(exchange);
    const entry: LoggedRequest = {
      at: this.#options.clock.now(),
      method: exchange.method,
      path: exchange.path,
      query,
      status: 0,
      requestBytes: body.length,
      replyBytes: 0,
      faults: struck.kinds,
    };
    let deleting = exchange.method === 'DELETE' || exchange.params.get('method_override') === 'delete';
    try {
      if (struck.delayMs > 0) await this.#options.clock.sleep(struck.delayMs, this.#stopped.signal);
      const reply = await this.#reply(exchange, struck, response);
      if (!reply || reply.drop) return void response.destroy();
      deleting ||= reply.deleting === true;
      await this.#send(reply, exchange, struck, response, entry);
    } finally {
      this.log.add(entry, deleting);
    }
  }

  /** The reply, or nothing when the connection is to be cut. */
  async #reply(exchange: Exchange, struck: Struck, response: ServerResponse): Promise<Reply | undefined> {
    const effect = struck.main;
    switch (effect?.kind) {
      case 'reset-before':
        return undefined;
      case 'status': {
        const headers: Record<string, string> = effect.retryAfter === undefined ? {} : { 'retry-after': String(effect.retryAfter) };
        return { status: effect.status, headers, body: effect.body ?? '' };
      }
      case 'reply':
        return { status: effect.status, headers: effect.headers ?? { 'content-type': 'application/json' }, body: effect.body };
      case 'reset-after': {
        await this.#options.handle(exchange);
        return undefined;
      }
      case 'late': {
        if (effect.reply === 'reset') response.destroy();
        await this.#options.clock.sleep(effect.landsAfterMs, this.#stopped.signal);
        await this.#options.handle(exchange);
        struck.landed();
        // Without a reply the connection stays open until the client gives up.
        if (!response.destroyed) await new Promise<void>((resolve) => response.once('close', resolve));
        return undefined;
      }
      case 'partial': {
        const reply = await this.#options.handle({ ...exchange, keep: effect.keep });
        return effect.status === undefined ? reply : { status: effect.status, body: effect.body ?? '' };
      }
      case 'rewrite': {
        const reply = await this.#options.handle(exchange);
        return { ...reply, body: effect.edit(wholeText(reply.body)) };
      }
      default:
        return this.#options.handle(exchange);
    }
  }

  async #send(reply: Reply, exchange: Exchange, struck: Struck, response: ServerResponse, entry: LoggedRequest): Promise<void> {
    response.statusCode = reply.status;
    for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
    entry.status = reply.status;
    const bodiless = reply.status === 204 || exchange.method === 'HEAD';
    const cut = struck.main?.kind === 'truncate' ? struck.main : undefined;
    const zip =
      this.#options.gzipFrom !== undefined &&
      !bodiless &&
      /\bgzip\b/.test(String(exchange.headers['accept-encoding'] ?? '')) &&
      (typeof reply.body !== 'string' || reply.body.length >= this.#options.gzipFrom);
    if (zip) response.setHeader('content-encoding', 'gzip');
    if (bodiless) return void response.end();

    if (typeof reply.body !== 'object') {
      const text = Buffer.from(reply.body ?? '');
      const whole = zip ? gzipSync(text, { level: 1 }) : text;
      if (cut?.ending !== 'clean') response.setHeader('content-length', whole.length);
      await this.#write([whole], struck, cut, response, entry);
    } else if (zip) {
      await this.#write(gzipped(reply.body), struck, cut, response, entry);
    } else {
      await this.#write(buffers(reply.body), struck, cut, response, entry);
    }
    if (!response.destroyed) response.end();
  }

  async #write(
    parts: Iterable<Buffer> | AsyncIterable<Buffer>,
    struck: Struck,
    cut: { afterBytes: number; ending: 'reset' | 'clean' } | undefined,
    response: ServerResponse,
    entry: LoggedRequest,
  ): Promise<void> {
    for await (const part of parts) {
      let rest = part;
      if (cut && entry.replyBytes + rest.length >= cut.afterBytes) rest = rest.subarray(0, cut.afterBytes - entry.replyBytes);
      const ends = cut !== undefined && rest.length < part.length;
      const step = struck.drip?.bytes ?? rest.length;
      for (let at = 0; at < rest.length; at += step) {
        const piece = rest.subarray(at, at + step);
        entry.replyBytes += piece.length;
        const last = ends && at + step >= rest.length;
        // What was written has to leave before the reset, else the client sees less than was asked for.
        if (last) await new Promise<void>((resolve) => response.write(piece, () => resolve()));
        else if (!response.write(piece)) await written(response);
        if (response.destroyed) return;
        if (struck.drip) await this.#options.clock.sleep(struck.drip.everyMs, this.#stopped.signal);
      }
      if (!ends) continue;
      if (cut.ending === 'reset') response.destroy();
      return;
    }
  }
}

function* buffers(pieces: Iterable<string | Uint8Array>): Generator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

function gzipped(pieces: Iterable<string | Uint8Array>): AsyncIterable<Buffer> {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  // What goes wrong is thrown by the reading of `gzip`.
  pipeline(Readable.from(pieces), gzip, () => undefined);
  return gzip as AsyncIterable<Buffer>;
}

/** Starts listening on 127.0.0.1. */
export async function startStandIn<S>(options: StandInOptions<S>): Promise<StandIn<S>> {
  return new Running(options).listen();
}
