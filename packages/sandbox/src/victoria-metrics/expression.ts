/**
 * The little of MetricsQL that a client needs to count what it has stored and to find the largest value: selectors, `count_over_time`,
 * `max_over_time`, `min_over_time`, `rollup_scrape_interval`, and sums, minima and maxima of them.
 */
import type { StoredSeries } from './store.ts';
import { parseDuration } from './time.ts';

/** A query the server, or this stand-in, does not understand. */
export class BadQuery extends Error {}

export type Selector = (series: StoredSeries) => boolean;

export type Expression =
  | { kind: Rollup; selector: Selector; windowMs: number; offsetMs: number; keepNames: boolean }
  | { kind: 'aggregate'; function: Aggregate; by: string[] | undefined; of: Expression }
  | { kind: 'number'; value: number };

const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|((?:[\p{L}_:]|\\.)(?:[\p{L}\p{N}_:.-]|\\.)*)|(\d[\w.]*)|(=~|!~|!=|[{}()[\],=]))/uy;

type Rollup = 'count' | 'largest' | 'smallest' | 'intervals';
type Aggregate = 'sum' | 'count' | 'min' | 'max';

interface Token {
  kind: 'string' | 'name' | 'number' | 'sign' | 'end';
  text: string;
}

function unquote(text: string): string {
  const body = text.slice(1, -1).replace(/\\x([0-9a-fA-F]{2})/g, '\\u00$1');
  if (text.startsWith("'")) return JSON.parse(`"${body.replace(/\\'/g, "'").replace(/(?<!\\)"/g, '\\"')}"`) as string;
  return JSON.parse(`"${body.replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`) as string;
}

function anchored(pattern: string): RegExp {
  const flags = pattern.startsWith('(?i)') ? 'iu' : 'u';
  const source = pattern.replace(/^\(\?i\)/, '');
  for (const flag of [flags, flags.replace('u', '')]) {
    try {
      return new RegExp(`^(?:${source})$`, flag);
    } catch (error) {
      // Escapes such as `\-` are an error in Unicode mode only.
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  throw new BadQuery(`invalid regexp "${pattern}"`);
}

class Parser {
  readonly #text: string;
  #at = 0;
  #token: Token = { kind: 'end', text: '' };

  constructor(text: string) {
    this.#text = text;
    this.#next();
  }

  selectorOnly(): Selector {
    const selector = this.#selector();
    this.#end();
    return selector;
  }

  expressionOnly(): Expression {
    const expression = this.#expression();
    this.#end();
    return expression;
  }

  #expression(): Expression {
    if (this.#token.kind === 'number') {
      const value = Number(this.#next().text);
      return { kind: 'number', value };
    }
    const word = this.#token.kind === 'name' ? this.#token.text.toLowerCase() : '';
    if (word === 'count_over_time') return this.#rollup('count');
    if (word === 'max_over_time') return this.#rollup('largest');
    if (word === 'min_over_time') return this.#rollup('smallest');
    if (word === 'rollup_scrape_interval') return this.#rollup('intervals');
    if (word === 'sum' || word === 'count' || word === 'min' || word === 'max') return this.#aggregate(word);
    throw new BadQuery(
      `unexpected token "${this.#token.text}"; the stand-in knows count_over_time(), max_over_time(), min_over_time(), rollup_scrape_interval(), sum(), count(), min() and max() alone`,
    );
  }

  #aggregate(name: Aggregate): Expression {
    this.#next();
    let by = this.#by();
    this.#sign('(');
    const of = this.#expression();
    this.#sign(')');
    by ??= this.#by();
    return { kind: 'aggregate', function: name, by, of };
  }

  #by(): string[] | undefined {
    if (this.#token.text.toLowerCase() !== 'by') return undefined;
    this.#next();
    this.#sign('(');
    const names: string[] = [];
    while (this.#token.text !== ')') {
      names.push(this.#next().text);
      if (this.#token.text === ',') this.#next();
    }
    this.#sign(')');
    return names;
  }

  #rollup(kind: Rollup): Expression {
    this.#next();
    this.#sign('(');
    const selector = this.#selector();
    this.#sign('[');
    const windowMs = this.#duration();
    this.#sign(']');
    let offsetMs = 0;
    if (this.#token.text.toLowerCase() === 'offset') {
      this.#next();
      offsetMs = this.#duration();
    }
    this.#sign(')');
    const keepNames = this.#token.text.toLowerCase() === 'keep_metric_names';
    if (keepNames) this.#next();
    return { kind, selector, windowMs, offsetMs, keepNames };
  }

  #duration(): number {
    const { text } = this.#next();
    const ms = parseDuration(text);
    if (ms === undefined) throw new BadQuery(`cannot parse duration "${text}"`);
    return ms;
  }

  #selector(): Selector {
    const tests: Selector[] = [];
    if (this.#token.kind === 'name') {
      const name = this.#next().text.replace(/\\(.)/g, '$1');
      tests.push((series) => series.byName.get('__name__') === name);
    }
    if (this.#is('{')) {
      this.#next();
      while (!this.#is('}')) {
        tests.push(this.#labelFilter());
        if (this.#is(',')) this.#next();
        else if (!this.#is('}')) throw new BadQuery(`labelFilters: unexpected token "${this.#token.text}"; want ",", "}"`);
      }
      this.#next();
    } else if (tests.length === 0) {
      throw new BadQuery(`singleExpr: unexpected token "${this.#token.text}"; want "(", "{", "-", "+"`);
    }
    if (tests.length === 0) throw new BadQuery('labelFilters cannot be empty');
    return (series) => tests.every((test) => test(series));
  }

  #labelFilter(): Selector {
    const name = this.#next();
    if (name.kind !== 'name') throw new BadQuery(`labelFilterExpr: unexpected token "${name.text}"; want "ident"`);
    const label = name.text.replace(/\\(.)/g, '$1');
    const operator = this.#next().text;
    const value = this.#next();
    if (value.kind !== 'string') throw new BadQuery(`StringExpr: unexpected token "${value.text}"; want "string"`);
    const wanted = unquote(value.text);
    const of = (series: StoredSeries): string => series.byName.get(label) ?? '';
    if (operator === '=') return (series) => of(series) === wanted;
    if (operator === '!=') return (series) => of(series) !== wanted;
    if (operator !== '=~' && operator !== '!~')
      throw new BadQuery(`labelFilterExpr: unexpected token "${operator}"; want "=", "!=", "=~", "!~"`);
    const pattern = anchored(wanted);
    return (series) => pattern.test(of(series)) === (operator === '=~');
  }

  #is(text: string): boolean {
    return this.#token.text === text;
  }

  #sign(text: string): void {
    if (!this.#is(text)) throw new BadQuery(`unexpected token "${this.#token.text}"; want "${text}"`);
    this.#next();
  }

  #end(): void {
    if (this.#token.kind !== 'end') throw new BadQuery(`unparsed data: "${this.#token.text}${this.#text.slice(this.#at)}"`);
  }

  /** Gives the current token and steps to the next one. */
  #next(): Token {
    const current = this.#token;
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#text);
    if (!found) {
      const rest = this.#text.slice(this.#at).trim();
      if (rest !== '') throw new BadQuery(`cannot recognize "${rest}"`);
      this.#token = { kind: 'end', text: '' };
      return current;
    }
    this.#at = TOKEN.lastIndex;
    const [, string, name, number, sign] = found;
    if (string !== undefined) this.#token = { kind: 'string', text: string };
    else if (name !== undefined) this.#token = { kind: 'name', text: name };
    else if (number !== undefined) this.#token = { kind: 'number', text: number };
    else this.#token = { kind: 'sign', text: sign as string };
    return current;
  }
}

export function parseSelector(text: string): Selector {
  return new Parser(text).selectorOnly();
}

export function parseExpression(text: string): Expression {
  return new Parser(text).expressionOnly();
}

/** A sample of an instant vector. */
export interface Sample {
  labels: Map<string, string>;
  value: number;
}

export interface Vector {
  samples: Sample[];
  /** Series that had points in the window. */
  fetched: number;
  /** Two samples have equal labels: harmless inside a sum, an error when it is the answer. */
  ambiguous: boolean;
}

/** Evaluates at one time. `rowsOf` gives the points of a series with `from < time <= to`, in order of time. */
export function evaluate(
  expression: Expression,
  atMs: number,
  series: StoredSeries[],
  rowsOf: (series: StoredSeries, fromMs: number, toMs: number) => readonly (readonly [time: number, value: number])[],
): Vector {
  if (expression.kind === 'number') return { samples: [{ labels: new Map(), value: expression.value }], fetched: 0, ambiguous: false };
  if (expression.kind === 'aggregate') {
    const inner = evaluate(expression.of, atMs, series, rowsOf);
    const groups = new Map<string, Sample>();
    for (const sample of inner.samples) {
      const labels = new Map(
        (expression.by ?? []).flatMap((name): [string, string][] =>
          sample.labels.has(name) ? [[name, sample.labels.get(name) as string]] : [],
        ),
      );
      const key = JSON.stringify([...labels]);
      const group = groups.get(key) ?? { labels, value: EMPTY[expression.function] };
      if (expression.function === 'min') group.value = Math.min(group.value, sample.value);
      else if (expression.function === 'max') group.value = Math.max(group.value, sample.value);
      else group.value += expression.function === 'sum' ? sample.value : 1;
      groups.set(key, group);
    }
    return { samples: [...groups.values()], fetched: inner.fetched, ambiguous: false };
  }
  const to = atMs - expression.offsetMs;
  const samples: Sample[] = [];
  let fetched = 0;
  const seen = new Set<string>();
  for (const one of series) {
    if (!expression.selector(one)) continue;
    const rows = rowsOf(one, to - expression.windowMs, to);
    if (rows.length === 0) continue;
    fetched += 1;
    const labels = one.labels.filter(([name]) => expression.keepNames || name !== '__name__');
    const found = rolledUp(expression.kind, rows);
    for (const [rollup, value] of found) {
      const of = new Map<string, string>(rollup === '' ? labels : [...labels, ['rollup', rollup]]);
      samples.push({ labels: of, value });
      seen.add(JSON.stringify([...of]));
    }
  }
  return { samples, fetched, ambiguous: seen.size < samples.length };
}

const EMPTY: Record<Aggregate, number> = { sum: 0, count: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };

function rolledUp(kind: Rollup, rows: readonly (readonly [number, number])[]): (readonly [rollup: string, value: number])[] {
  if (kind === 'count') return [['', rows.length]];
  if (kind === 'intervals') return intervals(rows.map(([time]) => time));
  const order = kind === 'largest' ? Math.max : Math.min;
  return [['', rows.reduce((most, [, value]) => order(most, value), rows[0]![1])]];
}

/** Least, greatest and mean distance of neighbours, in seconds; of a single point there is none. */
function intervals(times: readonly number[]): (readonly [rollup: string, seconds: number])[] {
  const steps = times.slice(1).map((time, at) => (time - times[at]!) / 1000);
  if (steps.length === 0) return [];
  const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length;
  return [
    ['min', Math.min(...steps)],
    ['max', Math.max(...steps)],
    ['avg', mean],
  ];
}
