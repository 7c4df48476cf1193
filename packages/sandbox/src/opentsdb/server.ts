/** An OpenTSDB stand-in: the HTTP API of 2.2 to 2.4 as far as dumping and putting need it. */
import { gunzipSync, inflateSync } from 'node:zlib';
import { type Clock, systemClock } from '@longshore/core';
import { type Exchange, type Reply, type StandIn, startStandIn } from '../stand-in.ts';
import { ENDPOINT_NOT_FOUND, errorBody, TsdError } from './errors.ts';
import { Puts } from './put.ts';
import { AGGREGATORS, Queries } from './query.ts';
import { fromBody, fromParameters, parseJson, type QueryRequest } from './query-request.ts';
import { configTexts, DEFAULT_SETTINGS, type OpenTsdbSettings, REQUEST_LINE_LIMIT, UNCHUNKED_LIMIT_BYTES } from './settings.ts';
import { type NameKind, type SeriesInput, type StoredAnnotation, type TsdbSeries, TsdbStore } from './store.ts';
import { parseTsdTime } from './time.ts';

export interface OpenTsdbOptions extends Partial<OpenTsdbSettings> {
  /** 0 or absent: a free port. */
  port?: number;
  clock?: Clock;
  series?: Iterable<SeriesInput>;
}

export interface OpenTsdbStandIn extends StandIn<OpenTsdbSettings> {
  readonly store: TsdbStore;
}

const HOUR_S = 3_600;
const UID_KINDS: Readonly<Record<string, NameKind>> = { metric: 'metrics', tagk: 'tagk', tagv: 'tagv' };
const DEFAULT_SUGGESTIONS = 25;
const JSON_TYPE = { 'content-type': 'application/json; charset=UTF-8' };

/** The body could not be taken at all; the real server closes the connection. */
class Unreadable extends Error {}

class Tsd {
  readonly store: TsdbStore = new TsdbStore();
  readonly #settings: OpenTsdbSettings;
  readonly #clock: Clock;
  readonly #queries: Queries;
  readonly #puts: Puts;

  constructor(settings: OpenTsdbSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#queries = new Queries(this.store, settings);
    this.#puts = new Puts(this.store, settings);
  }

  handle(exchange: Exchange): Reply {
    try {
      const reply = this.#route(exchange);
      const callback = exchange.params.get('jsonp');
      if (callback === null || typeof reply.body !== 'string') return reply;
      return { ...reply, body: `${callback}(${reply.body})` };
    } catch (error) {
      if (error instanceof Unreadable) return { status: 400, drop: true };
      if (!(error instanceof TsdError)) throw error;
      return { status: error.status, headers: JSON_TYPE, body: errorBody(error, this.#settings.showStackTrace) };
    }
  }

  #route(exchange: Exchange): Reply {
    this.#checkSize(exchange);
    const [, api, version, ...rest] = exchange.path.split('/');
    if (api !== 'api') return this.#outsideApi(exchange);
    let parts = [version, ...rest];
    if (/^v\d+$/.test(version ?? '')) {
      const asked = Number(version?.slice(1));
      if (asked > 1)
        throw new TsdError(
          501,
          'Requested API version is greater than the max implemented',
          `API version [${asked}] is greater than the max [1]`,
        );
      parts = rest;
    }
    switch (parts.filter((part) => part !== '').join('/')) {
      case 'suggest':
        return this.#suggest(exchange);
      case 'query':
        return this.#query(exchange);
      case 'put':
        if (exchange.method !== 'POST') throw notAllowed(exchange);
        return this.#puts.take(this.#text(exchange), exchange.params, exchange.keep);
      case 'annotation':
      case 'annotation/bulk':
        return this.#annotate(exchange, parts.includes('bulk'));
      case 'annotations':
        if (exchange.method !== 'GET') throw notAllowed(exchange);
        return json(this.#globalAnnotations(exchange.params));
      case 'uid/assign':
        return this.#assign(exchange);
      case 'uid/uidmeta':
        return this.#uidMeta(exchange);
      case 'search/lookup':
        return this.#lookup(exchange);
      case 'version':
        return json({
          short_revision: '',
          repo: '',
          host: 'stand-in',
          version: `${this.#settings.version}.1`,
          full_revision: '',
          repo_status: '',
          timestamp: '0',
        });
      case 'config':
        if (exchange.method !== 'GET' && exchange.method !== 'POST') throw notAllowed(exchange);
        return json(configTexts(this.#settings));
      case 'aggregators':
        if (exchange.method !== 'GET' && exchange.method !== 'POST') throw notAllowed(exchange);
        return json(this.#settings.version === '2.2' ? AGGREGATORS.filter((name) => name !== 'none') : AGGREGATORS);
      case 'stats':
        return json([
          {
            metric: 'tsd.connectionmgr.connections',
            timestamp: Math.floor(this.#clock.now() / 1000),
            value: '1',
            tags: { host: 'stand-in', type: 'open' },
          },
        ]);
      default:
        throw new TsdError(404, ENDPOINT_NOT_FOUND);
    }
  }

  #outsideApi(exchange: Exchange): Reply {
    if (exchange.params.has('json'))
      return { status: 404, headers: { 'content-type': 'application/json' }, body: '{"err":"Page Not Found"}' };
    return {
      status: 404,
      headers: { 'content-type': 'text/html; charset=UTF-8' },
      body: '<!DOCTYPE html><html><body><h1>Page Not Found</h1></body></html>',
    };
  }

  /** Large bodies arrive in chunks inside the server, whether or not they were sent so. */
  #checkSize(exchange: Exchange): void {
    const line = `${exchange.method} ${exchange.path}?${exchange.query} HTTP/1.1`;
    if (line.length > REQUEST_LINE_LIMIT) throw new Unreadable();
    const chunked = exchange.headers['transfer-encoding'] !== undefined;
    if (this.#settings.enableChunked) {
      if (exchange.bodyBytes > this.#settings.maxChunkBytes) throw new Unreadable();
    } else if (chunked || exchange.bodyBytes > UNCHUNKED_LIMIT_BYTES) {
      throw new TsdError(400, 'Chunked request not supported.');
    }
  }

  #text(exchange: Exchange): string {
    const encoding = exchange.headers['content-encoding'];
    try {
      if (encoding === 'gzip') return gunzipSync(exchange.body).toString();
      if (encoding === 'deflate') return inflateSync(exchange.body).toString();
    } catch (error) {
      throw new Unreadable(undefined, { cause: error });
    }
    return exchange.body.toString();
  }

  #query(exchange: Exchange): Reply {
    const { method } = exchange;
    if (method !== 'GET' && method !== 'POST' && method !== 'DELETE') throw notAllowed(exchange);
    if (method === 'DELETE' && !this.#settings.allowDelete) {
      throw new TsdError(400, 'Bad request', 'Deleting data is not enabled (tsd.http.query.allow_delete=false)');
    }
    const request: QueryRequest = method === 'POST' ? fromBody(this.#text(exchange), exchange.params) : fromParameters(exchange.params);
    // The field of a POST is obeyed whatever the setting says; the verb and the override only when it is on.
    const remove = (method === 'POST' && request.delete) || (this.#settings.allowDelete && (method === 'DELETE' || request.delete));
    const reply = this.#queries.answer(request, this.#clock.now(), remove);
    return request.delete || method === 'DELETE' ? { ...reply, deleting: true } : reply;
  }

  #suggest(exchange: Exchange): Reply {
    if (exchange.method !== 'GET' && exchange.method !== 'POST') throw notAllowed(exchange);
    const asked = exchange.method === 'POST' ? suggestBody(this.#text(exchange)) : exchange.params;
    const type = asked.get('type');
    if (type === null)
      throw new TsdError(400, exchange.method === 'POST' ? "Missing 'type' parameter" : 'Missing parameter <code>type</code>');
    if (type !== 'metrics' && type !== 'tagk' && type !== 'tagv') throw new TsdError(400, `Invalid 'type' parameter:${type}`);
    const max = asked.get('max') ?? '';
    if (!/^[+-]?\d*$/.test(max)) throw new TsdError(400, "Unable to parse 'max' as a number");
    const limit = Number(max) > 0 ? Number(max) : DEFAULT_SUGGESTIONS;
    return json(
      this.#names(type)
        .filter((name) => name.startsWith(asked.get('q') ?? ''))
        .slice(0, limit),
    );
  }

  #names(kind: NameKind): string[] {
    const names = this.store.names[kind].sorted();
    return kind === 'metrics' ? names.filter((name) => !this.#settings.hiddenMetrics.has(name)) : names;
  }

  #annotate(exchange: Exchange, bulk: boolean): Reply {
    if (exchange.method !== 'POST') throw notAllowed(exchange);
    const body = parseJson(this.#text(exchange));
    const given = (bulk && Array.isArray(body) ? body : [body]) as (Partial<StoredAnnotation> & { startTime: number })[];
    for (const { startTime, tsuid = '', description = '' } of given) {
      const about = `Annotation error: TSUID: ${tsuid} Start: ${startTime}  Description: ${description}`;
      if (!(startTime > 0)) throw new TsdError(400, 'The start timestamp has not been set', about);
    }
    const kept = given.map((one) => this.store.annotate(one));
    return json(bulk ? kept : kept[0]);
  }

  /** Those of no series in the rows of a range; what begins before it, or ends after it, is left out, whatever the unit of its times. */
  #globalAnnotations(params: URLSearchParams): StoredAnnotation[] {
    const seconds = (name: string, usual: number): number => {
      const text = params.get(name);
      return text === null ? usual : Math.floor(parseTsdTime(text, this.#clock.now(), 'UTC') / 1000);
    };
    const start = seconds('start_time', 0);
    if (start < 1) throw new TsdError(400, 'Missing start time');
    const end = seconds('end_time', this.#clock.now());
    if (end < start)
      throw new TsdError(500, 'java.lang.IllegalArgumentException: The end timestamp cannot be less than the start timestamp');
    // Rows are named by 32 bits of seconds.
    const last = (end - (end % HOUR_S) + HOUR_S) % 2 ** 32;
    return this.store
      .annotationsOf('', (start - (start % HOUR_S)) * 1000, last * 1000 - 1)
      .filter(({ startTime, endTime }) => startTime >= start && endTime <= end);
  }

  /** New names get an id; for those that have one the answer is an error that says it. */
  #assign(exchange: Exchange): Reply {
    const answer: Record<string, Record<string, string>> = {};
    let status = 200;
    for (const [type, kind] of Object.entries(UID_KINDS)) {
      const names = exchange.params.get(type)?.split(',');
      if (names === undefined) continue;
      answer[type] = {};
      for (const name of names) {
        const known = this.store.names[kind].has(name);
        const id = this.store.names[kind].id(name);
        if (!known) answer[type][name] = id;
        else {
          status = 400;
          answer[`${type}_errors`] = { ...answer[`${type}_errors`], [name]: `Name already exists with UID: ${id}` };
        }
      }
    }
    return { ...json(answer), status };
  }

  #uidMeta(exchange: Exchange): Reply {
    const [type = '', uid = ''] = [exchange.params.get('type') ?? '', exchange.params.get('uid') ?? ''];
    const kind = UID_KINDS[type];
    const name = kind === undefined ? undefined : this.store.names[kind].named(uid);
    if (name === undefined) throw new TsdError(404, 'Could not find the requested UID');
    return json({ uid, type: type.toUpperCase(), name, description: '', notes: '', created: 0, custom: null, displayName: '' });
  }

  #lookup(exchange: Exchange): Reply {
    const body = exchange.method === 'POST' ? parseJson(this.#text(exchange)) : undefined;
    const fields = typeof body === 'object' && body !== null ? (body as { metric?: unknown; limit?: unknown; useMeta?: unknown }) : {};
    const m = exchange.method === 'POST' ? fields.metric : exchange.params.get('m');
    if (typeof m !== 'string') throw new TsdError(400, 'Missing parameter <code>m</code>');
    const [metric = '', braces = ''] = m.split('{');
    if (!this.store.names.metrics.has(metric)) {
      throw new TsdError(404, 'Unable to resolve one or more UIDs', `No such name for 'metrics': '${metric}'`);
    }
    const limit = Number(exchange.method === 'POST' ? (fields.limit ?? 25) : (exchange.params.get('limit') ?? 25));
    const tags = braces
      .replace(/\}$/, '')
      .split(',')
      .filter((pair) => pair !== '')
      .map((pair) => ({ key: pair.split('=')[0] ?? '', value: pair.split('=')[1] ?? '' }));
    const found = this.store
      .series(metric)
      .filter((series) => tags.every(({ key, value }) => series.tags.some(([k, v]) => k === key && (value === '*' || value === v))));
    // Read from the data, a series is named for every row it has, in the order of the rows.
    const named = fields.useMeta === false ? rowsOf(found) : found;
    const results = (limit > 0 ? named.slice(0, limit) : named).map((series) => ({
      tsuid: series.tsuid,
      metric,
      tags: Object.fromEntries(series.tags),
    }));
    const asked = exchange.method === 'POST' ? {} : { tags };
    return json({ type: 'LOOKUP', metric, ...asked, limit, time: 1, results, startIndex: 0, totalResults: results.length });
  }
}

const HOUR_MS = 3_600_000;

function rowsOf(found: readonly TsdbSeries[]): TsdbSeries[] {
  const rows: { hour: number; series: TsdbSeries }[] = [];
  for (const series of found) {
    const hours = new Set<number>();
    const all = series.range(0, Number.MAX_SAFE_INTEGER);
    for (let at = 0; at < all.length; at += 1) hours.add(Math.floor(all.time(at) / HOUR_MS));
    for (const hour of hours) rows.push({ hour, series });
  }
  return rows.sort((a, b) => a.hour - b.hour || (a.series.tsuid < b.series.tsuid ? -1 : 1)).map(({ series }) => series);
}

function suggestBody(text: string): URLSearchParams {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) throw new TsdError(400, 'Unable to parse the given JSON');
  return new URLSearchParams(Object.entries(value).map(([key, one]): [string, string] => [key, String(one)]));
}

function json(value: unknown): Reply {
  return { status: 200, headers: JSON_TYPE, body: JSON.stringify(value) };
}

function notAllowed(exchange: Exchange): TsdError {
  return new TsdError(405, 'Method not allowed', `The HTTP method [${exchange.method}] is not permitted for this endpoint`);
}

/** Starts the stand-in on 127.0.0.1. It forgets everything when it is closed. */
export async function startOpenTsdb(options: OpenTsdbOptions = {}): Promise<OpenTsdbStandIn> {
  const { port, clock = systemClock, series = [], ...given } = options;
  const settings: OpenTsdbSettings = { ...DEFAULT_SETTINGS, hiddenMetrics: new Set(), ...given };
  const tsd = new Tsd(settings, clock);
  for (const one of series) tsd.store.add(one);
  const running = await startStandIn({
    ...(port === undefined ? {} : { port }),
    settings,
    clock,
    gzipFrom: 0,
    handle: (exchange) => tsd.handle(exchange),
  });
  return Object.assign(running, { store: tsd.store });
}
