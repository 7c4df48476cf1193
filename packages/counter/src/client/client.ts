/**
 * The client of one counter service. Reads are repeated a few times by themselves, changes never. A change whose answer did not come throws `LSH_COUNTER_UNKNOWN`,
 * which asks to be left alone for `ACTION_MS`: by then the request can no longer take effect, and reading tells what came of it.
 */
import type { Clock, ErrorEntry, LongshoreError, Random, RetryPolicy, Target, TargetSystem } from '@longshore/core';
import type { HttpClient, HttpReply } from '@longshore/http';
import { effectOf, encodePart, openHttp, parseRetryAfter, retry } from '@longshore/http';
import { z } from 'zod';
import type { CounterState, Denial } from '../model.ts';
import { ChangedMeanwhile, OlderToken, OutcomeUnknown, Refused, ServiceBusy, TooLittle, WritesDenied } from './errors.ts';

/** For one whole exchange. */
const DEADLINE_MS = 2_000;
/** Longest time a change can take effect after it was sent: the deadline, and what the service may hold a request for. */
export const ACTION_MS = 3_000;
/** A read that breaks off is no reason to give a step up. */
const READS: RetryPolicy = { attempts: 3, firstPauseMs: 50, maxPauseMs: 500 };
const ANSWER_BYTES = 16 << 20;
const ANSWER_SHOWN = 200;

const state: z.ZodType<CounterState> = z.object({
  name: z.string(),
  value: z.int().nullable(),
  denial: z.object({ by: z.string(), note: z.string() }).nullable(),
  route: z.string().nullable(),
});
const states = z.object({ counters: z.array(state) });
const added: z.ZodType<Added> = z.object({ value: z.int(), applied: z.int(), repeated: z.boolean() });
const request = z.object({ applied: z.int().nullable() });
const refusal = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** What an add under a request id came to. */
export interface Added {
  value: number;
  /** Units that went in under this id, now or the first time. */
  applied: number;
  /** The id had been used before: nothing was done now. */
  repeated: boolean;
}

export interface ChangeOptions {
  /** Of the lease under which it is made; a fenced service refuses lower ones than it has seen. */
  token?: number;
  /** Only while the value still is that; null: while there is no such counter. */
  ifValue?: number | null;
}

interface Call {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  path: string;
  body?: object;
  /** Completes "… at SERVICE". */
  what: string;
}

const REFUSALS: Record<string, ErrorEntry<{ what: string; service: string; answer: string }>> = {
  changed: ChangedMeanwhile,
  fenced: OlderToken,
  denied: WritesDenied,
  moved: WritesDenied,
  'below-zero': TooLittle,
};

export class CounterClient implements AsyncDisposable {
  /** The name it was asked for by. */
  readonly service: string;
  /** What names the service, whatever it is called: its base URL. Clients are sent to it. */
  readonly identity: string;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #signal: AbortSignal;

  constructor(target: Target, { clock, random, signal }: { clock: Clock; random: Random; signal: AbortSignal }) {
    this.service = target.name;
    this.identity = identityOf(target.address);
    this.#clock = clock;
    this.#random = random;
    this.#signal = signal;
    const { authorization } = target.secrets;
    this.#http = openHttp({ base: target.address, clock, ...(authorization === undefined ? {} : { headers: { authorization } }) });
  }

  /** A name that nothing is known of gives nulls. */
  async get(counter: string): Promise<CounterState> {
    return state.parse(await this.#read({ method: 'GET', path: path(counter), what: `read ${counter}` }));
  }

  /** Every counter of which anything is known, by name. */
  async list(): Promise<CounterState[]> {
    return states.parse(await this.#read({ method: 'GET', path: '/counters', what: 'list the counters' })).counters;
  }

  async set(counter: string, value: number, options: ChangeOptions = {}): Promise<void> {
    await this.#change({ method: 'PUT', path: path(counter), body: { value, ...options }, what: `set ${counter} to ${value}` });
  }

  /** Deletes the counter; its denial and its route stay. */
  async remove(counter: string, options: ChangeOptions = {}): Promise<void> {
    await this.#change({ method: 'DELETE', path: path(counter), body: options, what: `delete ${counter}` });
  }

  /** Adds once, however often it is sent under the same request id. */
  async add(counter: string, units: number, id: string, { token }: ChangeOptions = {}): Promise<Added> {
    const what = units < 0 ? `take ${-units} from ${counter}` : `add ${units} to ${counter}`;
    const body = { units, request: id, ...(token === undefined ? {} : { token }) };
    return added.parse(await this.#change({ method: 'POST', path: path(counter, 'add'), body, what }));
  }

  /** Takes a request id without adding anything: an add under it that lands later has no effect. Tells what went in under it before. */
  async claim(counter: string, id: string, { token }: ChangeOptions = {}): Promise<Added> {
    const body = { request: id, ...(token === undefined ? {} : { token }) };
    return added.parse(await this.#change({ method: 'POST', path: path(counter, 'claim'), body, what: `void a request of ${counter}` }));
  }

  /** Units that went in under a request id; null when the service has not seen it. */
  async requested(counter: string, id: string): Promise<number | null> {
    const call: Call = { method: 'GET', path: path(counter, `requests/${encodePart(id)}`), what: `look up a request of ${counter}` };
    return request.parse(await this.#read(call)).applied;
  }

  async setDenial(counter: string, denial: Denial | null, { token }: ChangeOptions = {}): Promise<void> {
    const what = `${denial === null ? 'allow' : 'deny'} writes to ${counter}`;
    const body = { denial, ...(token === undefined ? {} : { token }) };
    await this.#change({ method: 'PUT', path: path(counter, 'denial'), body, what });
  }

  async setRoute(counter: string, route: string | null, { token }: ChangeOptions = {}): Promise<void> {
    const what = route === null ? `keep the clients of ${counter} here` : `send the clients of ${counter} to ${route}`;
    await this.#change({ method: 'PUT', path: path(counter, 'route'), body: { route, ...(token === undefined ? {} : { token }) }, what });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  #read(call: Call): Promise<unknown> {
    const once = async (): Promise<unknown> => {
      const reply = await this.#send(call);
      if (reply.status === 200) return reply.json(ANSWER_BYTES);
      throw this.#refused(call, reply, await reply.text(ANSWER_BYTES));
    };
    return retry(READS, this.#clock, this.#random, once, { signal: this.#signal });
  }

  async #change(call: Call): Promise<unknown> {
    let reply: HttpReply;
    let text: string;
    try {
      reply = await this.#send(call);
      text = await reply.text(ANSWER_BYTES);
      if (reply.status === 200) return JSON.parse(text) as unknown;
    } catch (error) {
      if (this.#signal.aborted || effectOf(error) === 'none') throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw OutcomeUnknown({ what: call.what, service: this.service, reason }, { cause: error, retryAfterMs: ACTION_MS });
    }
    throw this.#refused(call, reply, text);
  }

  #send({ method, path: where, body, what }: Call): Promise<HttpReply> {
    return this.#http.request({
      method,
      path: where,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal: this.#signal,
      deadlineMs: DEADLINE_MS,
      what: `${what} at ${this.service}`,
    });
  }

  #refused({ what }: Call, { status, headers }: HttpReply, text: string): LongshoreError {
    const { service } = this;
    if (status === 429 || status >= 500) {
      const retryAfterMs = parseRetryAfter(headers['retry-after'], this.#clock.now());
      return ServiceBusy({ what, service, status }, retryAfterMs === undefined ? {} : { retryAfterMs });
    }
    const parsed = refusal.safeParse(jsonOf(text));
    const answer = parsed.success ? parsed.data.error.message : text.slice(0, ANSWER_SHOWN);
    const known = parsed.success ? REFUSALS[parsed.data.error.code] : undefined;
    return known?.({ what, service, answer }) ?? Refused({ what, service, status, answer });
  }
}

/** No credentials, no query, no slash at the end: it is shown, and clients are sent to it. */
function identityOf(address: string): string {
  if (!URL.canParse(address)) return address;
  const { origin, pathname } = new URL(address);
  return `${origin}${pathname}`.replace(/\/+$/, '');
}

function path(counter: string, below?: string): string {
  return `/counters/${encodePart(counter)}${below === undefined ? '' : `/${below}`}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export const counterService: TargetSystem<CounterClient> = {
  system: 'counter',
  connect: (target, deps) => new CounterClient(target, deps),
};
