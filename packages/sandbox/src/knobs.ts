/**
 * Faults on order. A rule says which requests (`match`), how often, and what befalls them (`effect`); rules are added and removed at run
 * time. Delays and drips of several rules add up; of the others the oldest matching rule decides.
 */

export type Effect =
  /** The request waits before anything is done with it. */
  | { kind: 'delay'; ms: number }
  /** The reply trickles: `bytes` at a time, `everyMs` apart. */
  | { kind: 'drip'; bytes: number; everyMs: number }
  /** Answers with this status without doing anything. */
  | { kind: 'status'; status: number; retryAfter?: string | number; body?: string }
  /** Any reply in place of the true one; nothing is done. For errors inside a 200, garbage, HTML of a proxy. */
  | { kind: 'reply'; status: number; body: string; headers?: Record<string, string> }
  /** The true reply, cut after so many bytes: by a reset, or by an end that looks regular (a closed chunked body). */
  | { kind: 'truncate'; afterBytes: number; ending: 'reset' | 'clean' }
  /** The true reply, edited as text. See `dpsFaults`. */
  | { kind: 'rewrite'; edit: (body: string) => string }
  /** The connection is cut; nothing was done. */
  | { kind: 'reset-before' }
  /** Everything is done, then the connection is cut without a reply. */
  | { kind: 'reset-after' }
  /** The reply never comes (or the connection is cut at once); what the request does happens `landsAfterMs` later all the same. */
  | { kind: 'late'; landsAfterMs: number; reply: 'none' | 'reset' }
  /** Only the first `keep` (0..1) of the lines or points take effect. The answer is the true one, or this status and body. */
  | { kind: 'partial'; keep: number; status?: number; body?: string };

/** A request as rules see it. */
export interface SeenRequest {
  method: string;
  path: string;
  query: string;
  params: URLSearchParams;
  bodyBytes: number;
}

/** A string is a path prefix; a pattern is tried on `METHOD path?query`; absent means every request. */
export type Match = string | RegExp | ((request: SeenRequest) => boolean) | undefined;

/** A rule that was added. */
export interface Fault {
  readonly hits: number;
  remove(): void;
  /** Resolves when it has struck `times` requests (1 when not said). */
  struck(times?: number): Promise<void>;
  /** Resolves when `times` late effects have landed. */
  landed(times?: number): Promise<void>;
}

export interface Knobs<S> {
  /** The server's own settings; may be changed at any time. */
  readonly settings: S;
  once(match: Match, effect: Effect): Fault;
  times(count: number, match: Match, effect: Effect): Fault;
  always(match: Match, effect: Effect): Fault;
  /** Strikes the n-th, 2n-th, … matching request. */
  everyNth(n: number, match: Match, effect: Effect): Fault;
  /** Removes every rule. */
  clear(): void;
}

function matches(match: Match, request: SeenRequest): boolean {
  if (match === undefined) return true;
  if (typeof match === 'string') return request.path.startsWith(match);
  if (typeof match === 'function') return match(request);
  return match.test(`${request.method} ${request.path}?${request.query}`);
}

class Count {
  value = 0;
  #waiting: { at: number; resolve: () => void }[] = [];

  up(): void {
    this.value += 1;
    this.#waiting = this.#waiting.filter((waiter) => {
      if (this.value < waiter.at) return true;
      waiter.resolve();
      return false;
    });
  }

  reached(at: number): Promise<void> {
    if (this.value >= at) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ at, resolve }));
  }
}

class Rule implements Fault {
  readonly match: Match;
  readonly effect: Effect;
  readonly struckCount: Count = new Count();
  readonly landedCount: Count = new Count();
  readonly #board: FaultBoard<unknown>;
  readonly #every: number;
  readonly #limit: number;
  #matched = 0;

  constructor(board: FaultBoard<unknown>, match: Match, effect: Effect, every: number, limit: number) {
    this.#board = board;
    this.match = match;
    this.effect = effect;
    this.#every = every;
    this.#limit = limit;
  }

  get hits(): number {
    return this.struckCount.value;
  }

  /** Whether its turn has come; called once per matching request. */
  due(): boolean {
    this.#matched += 1;
    return this.hits < this.#limit && this.#matched % this.#every === 0;
  }

  remove(): void {
    this.#board.rules = this.#board.rules.filter((rule) => rule !== this);
  }

  struck(times = 1): Promise<void> {
    return this.struckCount.reached(times);
  }

  landed(times = 1): Promise<void> {
    return this.landedCount.reached(times);
  }
}

/** What befalls one request. */
export interface Struck {
  delayMs: number;
  drip?: { bytes: number; everyMs: number };
  main?: Exclude<Effect, { kind: 'delay' | 'drip' }>;
  kinds: string[];
  /** To be called when a late effect has landed. */
  landed(): void;
}

export class FaultBoard<S> implements Knobs<S> {
  readonly settings: S;
  rules: Rule[] = [];

  constructor(settings: S) {
    this.settings = settings;
  }

  once(match: Match, effect: Effect): Fault {
    return this.#add(match, effect, 1, 1);
  }
  times(count: number, match: Match, effect: Effect): Fault {
    return this.#add(match, effect, 1, count);
  }
  always(match: Match, effect: Effect): Fault {
    return this.#add(match, effect, 1, Number.POSITIVE_INFINITY);
  }
  everyNth(n: number, match: Match, effect: Effect): Fault {
    return this.#add(match, effect, n, Number.POSITIVE_INFINITY);
  }
  clear(): void {
    this.rules = [];
  }

  strike(request: SeenRequest): Struck {
    const struck: Struck = { delayMs: 0, kinds: [], landed: () => undefined };
    for (const rule of this.rules) {
      if (!matches(rule.match, request)) continue;
      const { effect } = rule;
      // A rule that cannot be applied any more keeps its turn: it strikes the next request.
      if (effect.kind !== 'delay' && effect.kind !== 'drip' && struck.main) continue;
      if (!rule.due()) continue;
      if (effect.kind === 'delay') struck.delayMs += effect.ms;
      else if (effect.kind === 'drip') struck.drip = effect;
      else {
        struck.main = effect;
        struck.landed = () => rule.landedCount.up();
      }
      struck.kinds.push(effect.kind);
      rule.struckCount.up();
    }
    return struck;
  }

  #add(match: Match, effect: Effect, every: number, limit: number): Fault {
    const rule = new Rule(this, match, effect, every, limit);
    this.rules.push(rule);
    return rule;
  }
}

const FIRST_POINT = /("dps":(?:\[\[|\{"))(\d+)("?[:,])([^,\]}]+)/;

/** Editors for `rewrite` that spoil the first point of an OpenTSDB query reply, in the object form and in the `arrays` form. */
export const dpsFaults = {
  nan: (body: string): string => body.replace(FIRST_POINT, '$1$2$3NaN'),
  null: (body: string): string => body.replace(FIRST_POINT, '$1$2$3null'),
  infinity: (body: string): string => body.replace(FIRST_POINT, '$1$2$3Infinity'),
  garbage: (body: string): string => body.replace(FIRST_POINT, '$1$2$3oops'),
  /** The first time a second time, with another value. */
  duplicate: (body: string): string =>
    body.replace(FIRST_POINT, (_, open: string, time: string, between: string, value: string) =>
      open.endsWith('"')
        ? `${open}${time}${between}${value},"${time}${between}999999`
        : `${open}${time}${between}${value}],[${time}${between}999999`,
    ),
} as const;

/** What a TSD appends when it fails after it has begun its reply: an error object among the series, status 200. */
export function errorInsideReply(message: string): (body: string) => string {
  const error = JSON.stringify({ error: { code: 500, message } });
  return (body) => body.replace(/\]\s*$/, `${body.trim() === '[]' ? '' : ','}${error}]`);
}
