/**
 * One HTTP server: a pool of connections, a deadline over each whole exchange, replies as streams. Redirects are never
 * followed and nothing is sent twice; `retry` is the caller's choice because only it knows what a repeated request does.
 */
import type { Readable } from 'node:stream';
import type { Clock, LongshoreError } from '@longshore/core';
import { systemClock } from '@longshore/core';
import { Pool } from 'undici';
import type { AddressRule } from './address.ts';
import { checkedLookup, RefusedAddress, refusedHost } from './address.ts';
import type { Base, Query } from './base.ts';
import { parseBase, targetOf } from './base.ts';
import { collected, decoded } from './body.ts';
import { AddressRefused, Broken, TimedOut, TooLarge, Unreachable } from './errors.ts';
import { holdPool } from './pools.ts';

export interface HttpOptions {
  /** `http://[user:password@]host[:port][/prefix][?query]`, `https://…`, or `unix:/path/to.sock[:/prefix]`. */
  base: string;
  /** What the base is called when it cannot be read: a flag, a setting. */
  given?: string;
  /** Connections at most, one request each at a time; further requests wait. */
  connections?: number;
  /** Sent with every request; a request's own headers go before these. */
  headers?: Record<string, string>;
  connectTimeoutMs?: number;
  clock?: Clock;
  allow?: AddressRule;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the base's path; already percent-encoded. */
  path: string;
  query?: Query;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  signal?: AbortSignal;
  /** For the whole exchange: waiting for a connection, sending, and reading the body. */
  deadlineMs: number;
  /** For messages: `query kilda.a from otsdb-old`. */
  what: string;
}

export interface HttpReply {
  status: number;
  /** Lower-case names; a repeated header's values are joined with `, `. */
  headers: Record<string, string | undefined>;
  /** Content-decoded. Read it to its end, or call `discard`; leaving the loop early ends the connection. */
  body: AsyncIterable<Buffer>;
  /** Body bytes received so far, before content decoding. */
  wireBytes(): number;
  text(maxBytes: number): Promise<string>;
  json(maxBytes: number): Promise<unknown>;
  /** Lets go of a body nobody wants, keeping the connection when little is left. Never fails. */
  discard(): Promise<void>;
}

export interface HttpClient extends AsyncDisposable {
  readonly origin: string;
  request(request: HttpRequest): Promise<HttpReply>;
}

const DEFAULT_CONNECTIONS = 8;
const CONNECT_TIMEOUT_MS = 10_000;
const DISCARD_BYTES = 128 * 1024;

/** Opens no connection yet. Throws LSH_HTTP_BASE for a base it cannot read. */
export function openHttp(options: HttpOptions): HttpClient {
  const base = parseBase(options.base, options.given);
  const rule = options.allow ?? {};
  const refused = refusedHost(base.host, base.port, base.socketPath === undefined ? rule : { ...rule, linkLocal: true });
  const timeout = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const connections = options.connections ?? DEFAULT_CONNECTIONS;
  const make = (): Pool =>
    new Pool(base.connectTo, {
      connections,
      connect: base.socketPath === undefined ? { timeout, lookup: checkedLookup(rule) } : { timeout, socketPath: base.socketPath },
      // Deadlines are ours: one over the whole exchange, on the clock that was passed in.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    });
  const { pool, release } = holdPool(JSON.stringify([base.connectTo, base.socketPath, connections, timeout, rule]), make);
  const clock = options.clock ?? systemClock;
  const common: Record<string, string> = { 'user-agent': 'longshore' };
  if (base.authorization !== undefined) common.authorization = base.authorization;
  for (const [name, value] of Object.entries(options.headers ?? {})) common[name.toLowerCase()] = value;

  return {
    origin: base.origin,
    async request(request): Promise<HttpReply> {
      if (refused !== undefined) throw AddressRefused({ what: request.what, host: base.host, reason: refused });
      request.signal?.throwIfAborted();
      const headers = { ...common };
      for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
      const exchange = new Exchange(base, request, clock);
      try {
        const response = await pool.request({
          method: request.method,
          path: targetOf(base, request.path, request.query),
          headers,
          signal: exchange.signal,
          ...(request.body === undefined ? {} : { body: request.body }),
        });
        return exchange.reply(response.statusCode, response.headers, response.body);
      } catch (error) {
        throw exchange.failed(error, 'no answer yet');
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      release();
    },
  };
}

/** One request and its reply: owns the deadline and the verdict on what went wrong. */
class Exchange {
  readonly #base: Base;
  readonly #request: HttpRequest;
  readonly #abort = new AbortController();
  readonly #timer = new AbortController();
  readonly #onCallerAbort: () => void;
  #late = false;
  #wireBytes = 0;

  constructor(base: Base, request: HttpRequest, clock: Clock) {
    this.#base = base;
    this.#request = request;
    this.#onCallerAbort = () => this.#abort.abort(request.signal?.reason);
    request.signal?.addEventListener('abort', this.#onCallerAbort, { once: true });
    clock.sleep(request.deadlineMs, this.#timer.signal).then(
      () => {
        this.#late = true;
        this.#abort.abort();
      },
      () => undefined, // put away by `end`
    );
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  #end(): void {
    this.#request.signal?.removeEventListener('abort', this.#onCallerAbort);
    this.#timer.abort();
  }

  /** Ends the exchange; returns what to throw. */
  failed(error: unknown, stage: string): unknown {
    this.#end();
    const { what, deadlineMs, signal } = this.#request;
    const origin = this.#base.origin;
    if (signal?.aborted) return signal.reason;
    if (this.#late) return TimedOut({ what, origin, deadlineMs, stage });
    if (error instanceof RefusedAddress) return AddressRefused({ what, host: this.#base.host, reason: error.message });
    const { code, syscall, reason } = describe(error);
    if (code === 'UND_ERR_INVALID_ARG') return error;
    if (noConnection(code, syscall)) return Unreachable({ what, origin, reason }, { cause: error });
    return Broken({ what, origin, reason }, { cause: error });
  }

  reply(
    status: number,
    rawHeaders: Record<string, string | string[] | undefined>,
    raw: Readable & { dump(options: { limit: number }): Promise<void> },
  ): HttpReply {
    const headers: Record<string, string | undefined> = {};
    for (const [name, value] of Object.entries(rawHeaders)) headers[name] = Array.isArray(value) ? value.join(', ') : value;
    const empty = status === 204 || status === 304 || headers['content-length'] === '0';
    const stream = empty ? raw : decoded(raw, headers['content-encoding']);
    const { what } = this.#request;
    const origin = this.#base.origin;
    if (stream === undefined) {
      raw.on('error', () => undefined).destroy();
      throw Broken({ what, origin, reason: `unknown content encoding ${headers['content-encoding']}` });
    }
    if (stream !== raw) raw.on('data', (chunk: Buffer) => (this.#wireBytes += chunk.length));
    const body = this.#body(stream, stream === raw);
    const collect = async (maxBytes: number): Promise<Buffer> => {
      const bytes = await collected(body, maxBytes);
      if (bytes === undefined) throw TooLarge({ what, origin, maxBytes });
      return bytes;
    };
    return {
      status,
      headers,
      body,
      wireBytes: () => this.#wireBytes,
      text: async (maxBytes) => (await collect(maxBytes)).toString(),
      json: async (maxBytes): Promise<unknown> => {
        const text = (await collect(maxBytes)).toString();
        try {
          return JSON.parse(text);
        } catch (error) {
          throw notJson(what, origin, error);
        }
      },
      discard: async () => {
        if (stream === raw)
          await raw.dump({ limit: DISCARD_BYTES }).catch(() => undefined); // nobody wants it: how it ends is of no interest
        else stream.on('error', () => undefined).destroy();
        this.#end();
      },
    };
  }

  async *#body(stream: Readable, plain: boolean): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        if (plain) this.#wireBytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw this.failed(error, 'in the middle of the answer');
    } finally {
      this.#end();
    }
  }
}

function notJson(what: string, origin: string, cause: unknown): LongshoreError {
  return Broken({ what, origin, reason: 'the answer is not whole JSON' }, { cause });
}

const NO_CONNECTION = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_CLOSED',
]);

/** Whether it is certain that no request was sent: name, connection or TLS certificate failed. */
function noConnection(code: string, syscall: string): boolean {
  return (
    NO_CONNECTION.has(code) ||
    syscall === 'connect' ||
    syscall === 'getaddrinfo' ||
    code.includes('CERT') ||
    code.startsWith('UNABLE_TO_') ||
    code.startsWith('ERR_TLS_')
  );
}

function describe(error: unknown): { code: string; syscall: string; reason: string } {
  if (!(error instanceof Error)) return { code: '', syscall: '', reason: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const syscall = 'syscall' in error && typeof error.syscall === 'string' ? error.syscall : '';
  return { code, syscall, reason: error.message === '' ? code : error.message };
}
