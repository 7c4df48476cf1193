/**
 * A guarded counter service: named counters that clients add to, a denial of writes that is set, a pointer to the service that clients
 * should use. It exists to have long operations tried out on, and counts every effect itself, so that "done exactly once" can be seen.
 *
 *   GET    /counters                  GET /counters/NAME      a name nobody used is answered like an empty one
 *   PUT    /counters/NAME             {value, ifValue?, token?}
 *   DELETE /counters/NAME             {ifValue?, token?}
 *   POST   /counters/NAME/add         {units, request?, token?}    without `request` every delivery counts
 *   POST   /counters/NAME/claim       {request, token?}            a request id that shall have no effect any more
 *   GET    /counters/NAME/requests/ID                              what went in under it
 *   PUT    /counters/NAME/denial      {denial: {by, note} | null, token?}
 *   PUT    /counters/NAME/route       {route: URL | null, token?}
 *   GET    /effects?after=&counter=   what was done, oldest first
 *   POST   /faults, DELETE /faults    the knobs, for tests in another process; they strike requests under /counters
 */
import { type Clock, systemClock } from '@longshore/core';
import type { Effect, Fault, Knobs } from '../knobs.ts';
import { type Exchange, type Reply, type StandIn, startStandIn } from '../stand-in.ts';
import { type Asking, type CounterDenial, CounterStore, type CounterView, Refusal } from './store.ts';

export interface CounterSettings {
  /** Refuses a lower token for a counter than the highest it has seen, and changes of state without any. */
  fenced: boolean;
}

export interface CounterOptions extends Partial<CounterSettings> {
  /** 0 or absent: a free port. */
  port?: number;
  clock?: Clock;
  /** Values to begin with; they are no effects. */
  counters?: Readonly<Record<string, number>>;
}

export interface CounterStandIn extends StandIn<CounterSettings> {
  readonly store: CounterStore;
}

/** A rule for the knobs as JSON. */
export interface FaultOrder {
  /** A pattern on `METHOD path?query`. */
  match: string;
  effect: Effect;
  /** How many requests it strikes; absent: every one. */
  times?: number;
  every?: number;
}

const NAME = /^[\w.-]{1,200}$/;
const JSON_TYPE = { 'content-type': 'application/json' };

function json(value: unknown, status = 200): Reply {
  return { status, headers: JSON_TYPE, body: JSON.stringify(value) };
}

type Fields = { [key: string]: unknown };

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(message: string): Refusal {
  return new Refusal(400, 'bad-request', message);
}

function fieldsOf({ body }: Exchange): Fields {
  if (body.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    if (error instanceof SyntaxError) throw bad(`the body is not JSON: ${error.message}`);
    throw error;
  }
  if (!isFields(value)) throw bad('the body is not a JSON object');
  return value;
}

function whole(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw bad(`${what} must be a whole number`);
  return value;
}

function expected(value: unknown): number | null | undefined {
  return value === undefined || value === null ? value : whole(value, 'ifValue');
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw bad(`${what} must be a text`);
  return value;
}

function denialOf(value: unknown): CounterDenial | null {
  if (value === null) return null;
  if (!isFields(value)) throw bad('denial must be {by, note} or null');
  return { by: text(value.by, 'denial.by'), note: typeof value.note === 'string' ? value.note : '' };
}

class CounterService {
  readonly store: CounterStore;
  readonly #settings: CounterSettings;
  readonly #clock: Clock;
  readonly #faults: Fault[] = [];
  /** Set when the server runs. */
  knobs: Knobs<CounterSettings> | undefined;

  constructor(settings: CounterSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.store = new CounterStore(settings.fenced);
  }

  handle(exchange: Exchange): Reply {
    this.store.fenced = this.#settings.fenced;
    try {
      return this.#route(exchange);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return json({ error: { code: error.code, message: error.message, ...error.details } }, error.status);
    }
  }

  #route(exchange: Exchange): Reply {
    const { method, path } = exchange;
    const [, first, name, what, id] = path.split('/').map(decodeURIComponent);
    if (first === 'effects' && method === 'GET') return this.#effects(exchange.params);
    if (first === 'faults') return this.#order(exchange);
    if (first !== 'counters') throw new Refusal(404, 'no-such-page', `there is nothing at ${path}`);
    if (name === undefined) return json({ counters: this.store.list() });
    if (!NAME.test(name)) throw bad(`${name} is not a name for a counter`);
    if (method === 'GET' && what === undefined) return json(this.store.view(name));
    if (method === 'GET' && what === 'requests') return json({ applied: this.store.requested(name, id ?? '') ?? null });
    const fields = fieldsOf(exchange);
    const asking: Asking = {
      connection: exchange.remote,
      at: this.#clock.now(),
      token: fields.token === undefined ? null : whole(fields.token, 'token'),
    };
    switch (`${method} ${what ?? ''}`) {
      case 'POST add':
        return json(
          this.store.add(name, whole(fields.units, 'units'), asking, fields.request === undefined ? null : text(fields.request, 'request')),
        );
      case 'POST claim':
        return json(this.store.claim(name, text(fields.request, 'request'), asking));
      default:
        return json(this.#change(`${method} ${what ?? ''}`, name, fields, asking));
    }
  }

  #change(call: string, name: string, fields: Fields, asking: Asking): CounterView {
    switch (call) {
      case 'PUT ': {
        const value = whole(fields.value, 'value');
        if (value < 0) throw bad('a counter is never below zero');
        return this.store.set(name, value, asking, expected(fields.ifValue));
      }
      case 'DELETE ':
        return this.store.remove(name, asking, expected(fields.ifValue));
      case 'PUT denial':
        return this.store.deny(name, denialOf(fields.denial), asking);
      case 'PUT route':
        return this.store.route(name, fields.route === null ? null : text(fields.route, 'route'), asking);
      default:
        throw new Refusal(405, 'no-such-call', `${call.trim()} is nothing that can be done to a counter`);
    }
  }

  #effects(params: URLSearchParams): Reply {
    const after = Number(params.get('after') ?? 0);
    return json({ effects: this.store.effectsOf(params.get('counter') ?? undefined).filter(({ seq }) => seq > after) });
  }

  #order(exchange: Exchange): Reply {
    const { knobs } = this;
    if (!knobs) throw new Refusal(503, 'not-ready', 'not ready yet');
    if (exchange.method === 'DELETE') {
      for (const fault of this.#faults.splice(0)) fault.remove();
      return json({});
    }
    if (exchange.method === 'POST') {
      // Whoever may reach a stand-in may break it: the order is taken as it is.
      const order = JSON.parse(exchange.body.toString()) as FaultOrder;
      const pattern = new RegExp(order.match);
      const match = ({ method, path, query }: { method: string; path: string; query: string }): boolean =>
        path.startsWith('/counters') && pattern.test(`${method} ${path}?${query}`);
      if (order.times !== undefined) this.#faults.push(knobs.times(order.times, match, order.effect));
      else this.#faults.push(knobs.everyNth(order.every ?? 1, match, order.effect));
    }
    return json({ hits: this.#faults.map(({ hits }) => hits) });
  }
}

/** Starts the service on 127.0.0.1. It forgets everything when it is closed. */
export async function startCounterService(options: CounterOptions = {}): Promise<CounterStandIn> {
  const { port, clock = systemClock, counters = {}, fenced = false } = options;
  const settings: CounterSettings = { fenced };
  const service = new CounterService(settings, clock);
  for (const [name, value] of Object.entries(counters)) service.store.seed(name, value);
  const running = await startStandIn({
    ...(port === undefined ? {} : { port }),
    settings,
    clock,
    handle: (exchange) => service.handle(exchange),
  });
  service.knobs = running.knobs;
  return Object.assign(running, { store: service.store });
}
