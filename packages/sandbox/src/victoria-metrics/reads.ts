/** The read half of the HTTP API: export, instant queries, series and label lists. */
import type { Clock } from '@longshore/core';
import type { Exchange, Reply } from '../stand-in.ts';
import { printValue } from './decimal.ts';
import { BadQuery, evaluate, parseExpression, parseSelector, type Selector } from './expression.ts';
import type { NativePart } from './native.ts';
import { nativeReply } from './native.ts';
import type { NativeExport, VersionFacts } from './settings.ts';
import type { Labels, Rows, SeriesStore, StoredSeries } from './store.ts';
import { parseTime } from './time.ts';

/** A request that is answered with a plain 400. */
export class BadRequest extends Error {}

const DAY_MS = 86_400_000;
const LINE_BUFFER_ROWS = 8192;

/** Query and form parameters of a request together. */
export function parameters(exchange: Exchange): URLSearchParams {
  const params = new URLSearchParams(exchange.query);
  if (exchange.method === 'POST' && String(exchange.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')) {
    for (const [name, value] of new URLSearchParams(exchange.body.toString())) params.append(name, value);
  }
  return params;
}

const ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\', '<': '\\u003c', "'": '\\u0027' };

export class Reads {
  readonly #store: SeriesStore;
  readonly #facts: VersionFacts;
  readonly #clock: Clock;

  constructor(store: SeriesStore, facts: VersionFacts, clock: Clock) {
    this.#store = store;
    this.#facts = facts;
    this.#clock = clock;
  }

  /** Both ends are inclusive. */
  #range(params: URLSearchParams): [start: number, end: number] {
    const start = this.#time(params, 'start') ?? 0;
    // A range that ends before it starts is the one instant `start`.
    return [start, Math.max(start, this.#time(params, 'end') ?? this.#clock.now())];
  }

  /** `/api/v1/export/native`: blocks as they are stored, without regard to dedup and to where the range ends inside of them. */
  exportNative(params: URLSearchParams, kind: Exclude<NativeExport, 'absent'>): Reply {
    const [start, end] = this.#range(params);
    const store = this.#store;
    const series = this.#select(params);
    const parts = function* (): Generator<NativePart> {
      for (const one of series) for (const block of store.blocks(one, start, end)) yield { labels: one.labels, block };
    };
    const body = nativeReply(start, end, parts(), this.#facts.fullNativeBlocks, kind);
    return { status: 200, headers: { 'content-type': 'VictoriaMetrics/native' }, body };
  }

  /** `/api/v1/export`. */
  export(params: URLSearchParams): Reply {
    const [start, end] = this.#range(params);
    const series = this.#select(params);
    const wanted = Number.parseInt(params.get('max_rows_per_line') ?? '', 10);
    const perLine = wanted > 0 ? wanted : Number.POSITIVE_INFINITY;
    const blockwise = /^(?:1|t|true|y|yes)$/i.test(params.get('reduce_mem_usage') ?? '');
    const body = this.#exportLines(series, start, end, blockwise, perLine);
    return { status: 200, headers: { 'content-type': 'application/stream+json; charset=utf-8' }, body: smallAsText(body) };
  }

  /** `/api/v1/query`, for the expressions a counting client needs. */
  query(params: URLSearchParams): Reply {
    const text = params.get('query') ?? '';
    const at = this.#queryTime(params);
    if (text === '') return queryError('missing `query` arg');
    if (at === undefined) return queryError(`cannot parse "time"="${params.get('time')}"`);
    const failed = (why: string): Reply =>
      queryError(`error when executing query=${JSON.stringify(text)} for (time=${at}, step=300000): ${why}`);
    try {
      const { samples, fetched, ambiguous } = evaluate(parseExpression(text), at, this.#store.visible, (series, from, to) =>
        this.#store
          .read(series, from + 1, to, true)
          .flatMap(({ times, values }) => Array.from(times, (time, at) => [time, values[at]!] as const))
          .sort(([a], [b]) => a - b),
      );
      if (ambiguous) return failed('duplicate output timeseries: {}');
      const result = samples
        .map(({ labels, value }) => `{"metric":${this.#labels([...labels])},"value":[${at / 1000},"${value}"]}`)
        .join(',');
      const stats = this.#facts.queryStats ? `,"stats":{"seriesFetched": "${fetched}","executionTimeMsec":0}` : '';
      return json(`{"status":"success","data":{"resultType":"vector","result":[${result}]}${stats}}`);
    } catch (error) {
      if (error instanceof BadQuery) return failed(error.message);
      throw error;
    }
  }

  /** `/api/v1/series`. Without times, or with `start=0`, only the last days are looked at: backfilled series do not appear. */
  series(params: URLSearchParams): Reply {
    if (params.getAll('match[]').length === 0) return queryError('missing `match[]` arg');
    const list = this.#recent(params, this.#select(params), true).map((series) => this.#labels(series.labels));
    return json(`{"status":"success","data":[${list.join(',')}]}`);
  }

  labels(params: URLSearchParams): Reply {
    const names = new Set(this.#listed(params).flatMap((series) => [...series.byName.keys()]));
    return this.#strings(names);
  }

  labelValues(params: URLSearchParams, label: string): Reply {
    const values = new Set(this.#listed(params).flatMap((series) => series.byName.get(label) ?? []));
    return this.#strings(values);
  }

  seriesCount(): Reply {
    return json(`{"status":"success","data":[${this.#store.visible.length}]}`);
  }

  deleteSeries(params: URLSearchParams): Reply {
    this.#store.remove(this.#select(params));
    return { status: 204, deleting: true };
  }

  #listed(params: URLSearchParams): StoredSeries[] {
    const series = params.getAll('match[]').length > 0 ? this.#select(params) : this.#store.visible;
    return this.#recent(params, series, this.#facts.labelsDefaultToRecent);
  }

  #strings(values: Set<string>): Reply {
    const sorted = [...values].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return json(`{"status":"success","data":[${sorted.map((value) => this.#quote(value)).join(',')}]}`);
  }

  #recent(params: URLSearchParams, series: StoredSeries[], limited: boolean): StoredSeries[] {
    if (!limited) return series;
    const now = this.#clock.now();
    const end = this.#time(params, 'end') || now;
    const start = this.#time(params, 'start') || end - 5 * 60_000;
    // The index knows days, not milliseconds.
    const [from, to] = [Math.floor(start / DAY_MS) * DAY_MS, Math.floor(end / DAY_MS) * DAY_MS + DAY_MS - 1];
    return series.filter((one) => this.#store.read(one, from, to, true).length > 0);
  }

  #select(params: URLSearchParams): StoredSeries[] {
    const given = [...params.getAll('match[]'), ...params.getAll('match')];
    if (given.length === 0) throw new BadRequest('missing `match[]` arg');
    const selectors = given.map((text): Selector => {
      try {
        return parseSelector(text);
      } catch (error) {
        if (error instanceof BadQuery) throw new BadRequest(`cannot parse matches[]=${text}: ${error.message}`);
        throw error;
      }
    });
    return this.#store.visible.filter((series) => selectors.some((selector) => selector(series)));
  }

  #time(params: URLSearchParams, name: string): number | undefined {
    const text = params.get(name);
    if (text === null || text === '') return undefined;
    const time = parseTime(text, this.#clock.now(), this.#facts.guessesTimeUnit);
    if (time === undefined)
      throw new BadRequest(this.#facts.guessesTimeUnit ? `cannot parse ${name}=${text}` : `cannot parse "${name}"="${text}"`);
    return time;
  }

  #queryTime(params: URLSearchParams): number | undefined {
    const text = params.get('time');
    return text === null || text === '' ? this.#clock.now() : parseTime(text, this.#clock.now(), this.#facts.guessesTimeUnit);
  }

  *#exportLines(series: StoredSeries[], start: number, end: number, blockwise: boolean, perLine: number): Generator<string> {
    for (const one of series) {
      const head = `{"metric":${this.#labels(one.labels)},"values":[`;
      for (const rows of this.#store.read(one, start, end, !blockwise)) {
        for (let at = 0; at < rows.times.length; at += perLine)
          yield* this.#line(head, rows, at, Math.min(at + perLine, rows.times.length));
      }
    }
  }

  /** One line, in pieces of a bounded number of rows. */
  *#line(head: string, rows: Rows, from: number, to: number): Generator<string> {
    let text = head;
    for (let at = from; at < to; at += 1) {
      text += `${at > from ? ',' : ''}${printValue(rows.values[at] as number, this.#facts.infinity)}`;
      if ((at - from) % LINE_BUFFER_ROWS === LINE_BUFFER_ROWS - 1) {
        yield text;
        text = '';
      }
    }
    text += '],"timestamps":[';
    for (let at = from; at < to; at += 1) {
      text += `${at > from ? ',' : ''}${rows.times[at]}`;
      if ((at - from) % LINE_BUFFER_ROWS === LINE_BUFFER_ROWS - 1) {
        yield text;
        text = '';
      }
    }
    yield `${text}]}\n`;
  }

  #labels(labels: Labels): string {
    return `{${labels.map(([name, value]) => `${this.#quote(name)}:${this.#quote(value)}`).join(',')}}`;
  }

  #quote(text: string): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be escaped
    return `"${text.replace(/[\u0000-\u001f"\\<']/g, (letter) => {
      if (this.#facts.shortEscapes && letter === '\b') return '\\b';
      if (this.#facts.shortEscapes && letter === '\f') return '\\f';
      return ESCAPES[letter] ?? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
    })}"`;
  }
}

/** Replies below it get a Content-Length, like the real server's. */
const TEXT_UP_TO = 2048;

function smallAsText(pieces: Generator<string>): string | Iterable<string> {
  let text = '';
  for (let next = pieces.next(); ; next = pieces.next()) {
    if (next.done) return text;
    text += next.value;
    if (text.length > TEXT_UP_TO) break;
  }
  return (function* (): Generator<string> {
    yield text;
    yield* pieces;
  })();
}

function json(body: string): Reply {
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

function queryError(message: string): Reply {
  return {
    status: 422,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ status: 'error', errorType: '422', error: message }),
  };
}
