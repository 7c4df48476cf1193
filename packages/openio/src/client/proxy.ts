/**
 * One oio-proxy over HTTP: one connection for each request, a request id, and a deadline that is told to the proxy too. Reads are repeated
 * a few times, changes never: one whose answer did not come throws `LSH_OPENIO_UNKNOWN` and asks to be left alone for `ACTION_MS`.
 */
import type { Clock, LongshoreError, Random, RetryPolicy, Target } from '@longshore/core';
import type { HttpClient, HttpReply, Query } from '@longshore/http';
import { effectOf, encodePart, openHttp, parseRetryAfter, retry } from '@longshore/http';
import { z } from 'zod';
import { NotUnderstood, OutcomeUnknown, refusalOf } from './errors.ts';

/** A proxy waits for an election for as long as twenty seconds. */
const DEADLINE_MS = 25_000;
/** A copy of a large base takes its time. */
const LONGEST_COPY_MS = 600_000;
/** Longest time a change can take effect after it was sent: the deadline that the proxy was told, and a margin. */
export const ACTION_MS = 30_000;

/** A millisecond an object, of which a base has about a kilobyte. The proxy is told; after it a copy whose answer did not come does not land. */
export function copyDeadlineMs(objects: number): number {
  return Math.min(LONGEST_COPY_MS, ACTION_MS + objects);
}
const READS: RetryPolicy = { attempts: 4, firstPauseMs: 50, maxPauseMs: 1_000 };
const ANSWER_BYTES = 64 << 20;
const SHOWN = 300;

export interface Call {
  method: 'GET' | 'POST';
  /** Below `/v3.0/NS/`; with `bare`, below `/v3.0/`. */
  route: string;
  bare?: true;
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  deadlineMs?: number;
  /** "freeze acct/cnt"; completes "… at PROXY". */
  what: string;
}

export interface ProxyDeps {
  clock: Clock;
  random: Random;
  signal: AbortSignal;
}

const refusal = z.object({ status: z.int(), message: z.string() });

export class OioProxy implements AsyncDisposable {
  /** The name it was asked for by. */
  readonly name: string;
  /** `host:port`: what names it, whatever it is called. */
  readonly identity: string;
  readonly namespace: string;
  /** Of the configured target; empty for an address. */
  readonly settings: Target['settings'];
  readonly #http: HttpClient;
  readonly #deps: ProxyDeps;

  constructor(target: Pick<Target, 'name' | 'address' | 'settings'>, namespace: string, deps: ProxyDeps) {
    this.name = target.name;
    this.identity = URL.canParse(target.address) ? new URL(target.address).host : target.address;
    this.namespace = namespace;
    this.settings = target.settings;
    this.#deps = deps;
    this.#http = openHttp({ base: target.address, clock: deps.clock });
  }

  /** Repeated by itself while trying again can help. */
  async read<T>(call: Call, shape: z.ZodType<T>): Promise<T> {
    const once = async (): Promise<T> => {
      const reply = await this.#send(call);
      return this.#parsed(call, this.#valueOf(call, reply, await reply.text(ANSWER_BYTES)), shape);
    };
    return retry(READS, this.#deps.clock, this.#deps.random, once, { signal: this.#deps.signal });
  }

  /** Sent once. */
  async change<T>(call: Call, shape: z.ZodType<T>): Promise<T> {
    let reply: HttpReply;
    let text: string;
    try {
      reply = await this.#send(call);
      text = await reply.text(ANSWER_BYTES);
    } catch (error) {
      if (this.#deps.signal.aborted || effectOf(error) === 'none') throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw OutcomeUnknown({ what: call.what, proxy: this.name, reason }, { cause: error, retryAfterMs: ACTION_MS });
    }
    return this.#parsed(call, this.#valueOf(call, reply, text), shape);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  #send({ method, route, bare, query, body, headers, deadlineMs = DEADLINE_MS, what }: Call): Promise<HttpReply> {
    return this.#http.request({
      method,
      path: bare ? `/v3.0/${route}` : `/v3.0/${encodePart(this.namespace)}/${route}`,
      ...(query === undefined ? {} : { query }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: {
        connection: 'close',
        'x-oio-req-id': `longshore-${this.#deps.random.id(16)}`,
        'x-oio-timeout': String(deadlineMs * 1000),
        ...headers,
      },
      signal: this.#deps.signal,
      deadlineMs: deadlineMs + 1_000,
      what: `${what} at ${this.name}`,
    });
  }

  /** Null for an empty body; throws what the proxy refuses. */
  #valueOf(call: Call, reply: HttpReply, text: string): unknown {
    const value = jsonOf(text);
    if (reply.status < 300) {
      if (text !== '' && value === undefined) throw NotUnderstood({ what: call.what, proxy: this.name, problem: 'it is not JSON' });
      return value ?? null;
    }
    throw this.#refused(call, reply, value, text);
  }

  #refused({ what }: Call, { status, headers }: HttpReply, value: unknown, text: string): LongshoreError {
    const told = refusal.safeParse(value);
    const code = told.success ? told.data.status : status;
    const answer = told.success ? told.data.message : text.slice(0, SHOWN);
    return refusalOf({ what, proxy: this.name, code, answer }, status, parseRetryAfter(headers['retry-after'], this.#deps.clock.now()));
  }

  #parsed<T>(call: Call, value: unknown, shape: z.ZodType<T>): T {
    const parsed = shape.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw NotUnderstood({ what: call.what, proxy: this.name, problem: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` });
  }
}

function jsonOf(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
