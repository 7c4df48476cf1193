/** The state of a counter service, and the list of everything that ever changed it. Knows nothing of HTTP. */

/** Who has denied client writes, and why. Set as a whole, never toggled. */
export interface CounterDenial {
  by: string;
  note: string;
}

export interface CounterView {
  name: string;
  /** null: there is no such counter here. */
  value: number | null;
  denial: CounterDenial | null;
  /** Base URL of the service that clients of this counter should use; null: this one. Outlives the counter. */
  route: string | null;
}

/** One change that was made. Refused ones and repeated requests are not in the list; a set to what already was so is. */
export interface CounterEffect {
  /** From 1, without gaps. */
  seq: number;
  /** ms since the epoch. */
  at: number;
  /** Address and port of the client's end. */
  connection: string;
  method: 'set' | 'delete' | 'add' | 'deny' | 'route';
  counter: string;
  before: number | string | CounterDenial | null;
  after: number | string | CounterDenial | null;
  token: number | null;
  request: string | null;
}

/** Who asks, and with what right. */
export interface Asking {
  connection: string;
  at: number;
  token: number | null;
}

/** A change that is not made, with its code and its status. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: object;
  constructor(status: number, code: string, message: string, details: object = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

export interface AddResult {
  value: number;
  /** Units that went in under this request id the first time; another number than was asked for tells that the id was taken before. */
  applied: number;
  repeated: boolean;
}

export class CounterStore {
  readonly effects: CounterEffect[] = [];
  /** Refuses a token lower than the highest that was seen of a counter, and changes of state without one. */
  fenced: boolean;
  readonly #values = new Map<string, number>();
  readonly #denials = new Map<string, CounterDenial>();
  readonly #routes = new Map<string, string>();
  readonly #tokens = new Map<string, number>();
  /** Units by counter and request id. */
  readonly #requests = new Map<string, number>();
  #waiting: { count: number; resolve: () => void }[] = [];

  constructor(fenced: boolean) {
    this.fenced = fenced;
  }

  view(name: string): CounterView {
    return {
      name,
      value: this.#values.get(name) ?? null,
      denial: this.#denials.get(name) ?? null,
      route: this.#routes.get(name) ?? null,
    };
  }

  /** A value to begin with: no effect. */
  seed(name: string, value: number): void {
    this.#values.set(name, value);
  }

  /** Every name of which anything is known, sorted. */
  list(): CounterView[] {
    const names = new Set([...this.#values.keys(), ...this.#denials.keys(), ...this.#routes.keys()]);
    return [...names].sort().map((name) => this.view(name));
  }

  /** Effects of a counter (of all when absent), oldest first. */
  effectsOf(counter?: string, method?: CounterEffect['method']): CounterEffect[] {
    return this.effects.filter((effect) => (counter ?? effect.counter) === effect.counter && (method ?? effect.method) === effect.method);
  }

  /** Resolves when there are so many effects. */
  reached(count: number): Promise<void> {
    if (this.effects.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** `ifValue`: only while the value is still that (null: while there is no such counter). */
  set(name: string, value: number, asking: Asking, ifValue?: number | null): CounterView {
    const before = this.view(name).value;
    this.#unchanged(before, ifValue);
    this.#fence(name, asking, true);
    this.#values.set(name, value);
    this.#note('set', name, before, value, asking);
    return this.view(name);
  }

  remove(name: string, asking: Asking, ifValue?: number | null): CounterView {
    const before = this.view(name).value;
    this.#unchanged(before, ifValue);
    if (before === null) throw noSuchCounter(name);
    this.#fence(name, asking, true);
    this.#values.delete(name);
    this.#note('delete', name, before, null, asking);
    return this.view(name);
  }

  /** What a client does. With a request id the first one counts; without one each does. */
  add(name: string, units: number, asking: Asking, request: string | null): AddResult {
    const key = `${name}\u001f${request}`;
    const taken = request === null ? undefined : this.#requests.get(key);
    const { value, denial, route } = this.view(name);
    if (taken !== undefined) return { value: value ?? 0, applied: taken, repeated: true };
    if (route !== null) throw new Refusal(409, 'moved', `clients of ${name} should use ${route}`, { route });
    if (denial !== null) throw new Refusal(409, 'denied', `writes to ${name} are denied by ${denial.by}`, { denial });
    if (value === null) throw noSuchCounter(name);
    if (value + units < 0) throw new Refusal(409, 'below-zero', `${name} holds ${value}, so ${-units} cannot be taken from it`);
    this.#fence(name, asking, false);
    if (request !== null) this.#requests.set(key, units);
    this.#values.set(name, value + units);
    this.#note('add', name, value, value + units, asking, request);
    return { value: value + units, applied: units, repeated: false };
  }

  /** Takes a request id without adding anything, whatever is denied: what comes under it later has no effect. Gives what went in under it before. */
  claim(name: string, request: string, asking: Asking): AddResult {
    const key = `${name}\u001f${request}`;
    const taken = this.#requests.get(key);
    if (taken === undefined) {
      this.#fence(name, asking, false);
      this.#requests.set(key, 0);
    }
    return { value: this.#values.get(name) ?? 0, applied: taken ?? 0, repeated: taken !== undefined };
  }

  /** Units that went in under a request id; undefined when it was never seen. */
  requested(name: string, request: string): number | undefined {
    return this.#requests.get(`${name}\u001f${request}`);
  }

  deny(name: string, denial: CounterDenial | null, asking: Asking): CounterView {
    this.#fence(name, asking, true);
    const before = this.view(name).denial;
    if (denial === null) this.#denials.delete(name);
    else this.#denials.set(name, denial);
    this.#note('deny', name, before, denial, asking);
    return this.view(name);
  }

  route(name: string, route: string | null, asking: Asking): CounterView {
    this.#fence(name, asking, true);
    const before = this.view(name).route;
    if (route === null) this.#routes.delete(name);
    else this.#routes.set(name, route);
    this.#note('route', name, before, route, asking);
    return this.view(name);
  }

  #unchanged(value: number | null, expected: number | null | undefined): void {
    if (expected !== undefined && expected !== value)
      throw new Refusal(412, 'changed', `the value is ${value}, not ${expected}`, { value });
  }

  /** Clients add without a token; whoever changes state on a fenced service must have one. */
  #fence(name: string, { token }: Asking, required: boolean): void {
    const highest = this.#tokens.get(name) ?? 0;
    if (this.fenced && token === null && required) throw new Refusal(409, 'fenced', `changing ${name} takes a token here`, { highest });
    if (token === null) return;
    if (this.fenced && token < highest)
      throw new Refusal(409, 'fenced', `${name} has been changed under the newer token ${highest}`, { highest });
    this.#tokens.set(name, Math.max(highest, token));
  }

  #note(
    method: CounterEffect['method'],
    counter: string,
    before: CounterEffect['before'],
    after: CounterEffect['after'],
    { at, connection, token }: Asking,
    request: string | null = null,
  ): void {
    this.effects.push({ seq: this.effects.length + 1, at, connection, method, counter, before, after, token, request });
    this.#waiting = this.#waiting.filter((waiter) => {
      if (this.effects.length < waiter.count) return true;
      waiter.resolve();
      return false;
    });
  }
}

function noSuchCounter(name: string): Refusal {
  return new Refusal(404, 'no-such-counter', `there is no counter ${name} here`);
}
