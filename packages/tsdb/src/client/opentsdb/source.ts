/**
 * A client of one OpenTSDB, for reading. It never gates on a version (the Maven build reports "BuildData"), never follows a
 * redirect, and never sends `delete`.
 */
import type { Clock, Log, LongshoreError, Random, TargetSystem } from '@longshore/core';
import type { HttpClient, HttpReply, HttpRequest } from '@longshore/http';
import { openHttp, parseRetryAfter } from '@longshore/http';
import { z } from 'zod';
import type { FrameSummary, LineSink, SourceAnnotation, TimeRange } from '../../model.ts';
import { joined, SERIES_PER_QUERY, seriesReading, tsuidsIn } from './by-series.ts';
import { DensityMemory } from './density.ts';
import type { Discovery } from './discovery.ts';
import { discover } from './discovery.ts';
import { BadSourceSettings, MalformedReply, NoRawReads } from './errors.ts';
import type { RangeOptions, RangeSummary } from './frames.ts';
import { readRange } from './frames.ts';
import { globalQuery, globalsIn } from './global-annotations.ts';
import { inOneRow, needsParts, readInParts } from './in-parts.ts';
import type { Part } from './parts.ts';
import { listedSeries } from './parts.ts';
import type { Reading } from './queries.ts';
import { frameQuery } from './queries.ts';
import { errorText, replyError } from './replies.ts';
import type { FoundAnnotation } from './scanner.ts';
import { ReplyScanner } from './scanner.ts';
import type { SeriesList } from './series-lists.ts';
import { SeriesLists } from './series-lists.ts';

export interface OpenTsdbSettings {
  /** `auto`: gzip, but not on the loopback, where it costs more than it saves. */
  compression: 'auto' | 'gzip' | 'none';
  /** For one query, reply included. */
  deadlineMs: number;
  /** What one frame's reply should come to. */
  targetReplyBytes: number;
  connections: number;
  headers: Record<string, string>;
}

export const OpenTsdbSettings: z.ZodType<OpenTsdbSettings> = z.strictObject({
  compression: z.enum(['auto', 'gzip', 'none']).default('auto'),
  deadlineMs: z.number().int().min(100).max(3_600_000).default(60_000),
  targetReplyBytes: z.number().int().min(1024).max(1_073_741_824).default(8_388_608),
  connections: z.number().int().min(1).max(256).default(4),
  headers: z.record(z.string(), z.string()).default({}),
});

/** What the source says of itself; each part is absent when it does not say. */
export interface SourceProbe {
  version?: string;
  /** `/api/config`, flat. */
  config?: Record<string, string>;
  /** Whether it has the aggregator `none`. */
  rawReads?: boolean;
}

export interface OpenTsdbClient extends AsyncDisposable {
  readonly name: string;
  readonly settings: OpenTsdbSettings;
  probe(options?: { signal?: AbortSignal }): Promise<SourceProbe>;
  /** Every metric whose name begins with the prefix. */
  metrics(prefix: string, options?: { signal?: AbortSignal }): Promise<Discovery>;
  /** Why the server does not list annotations of no series, which not every version and proxy does; undefined where it does. */
  withoutGlobals(atMs: number, options?: { signal?: AbortSignal }): Promise<string | undefined>;
  /** Annotations of no series that begin in a half-open range. */
  globalAnnotations(range: TimeRange, options?: { signal?: AbortSignal }): Promise<SourceAnnotation[]>;
  /**
   * Raw points of all series of a metric in a half-open range, as import lines. One request, no retry. After a failure the
   * sink is no longer in use, and what it was given counts for nothing.
   */
  readFrame(metric: string, range: TimeRange, sink: LineSink, options?: ReadOptions): Promise<FrameSummary>;
  /** The same for a range of any length, in as many frames as it takes; retries, splits and grows by itself. */
  readRange(metric: string, range: TimeRange, options: RangeOptions & ReadOptions): Promise<RangeSummary>;
}

export interface ReadOptions {
  signal?: AbortSignal;
  /** Default: raw points of all series. */
  reading?: Reading;
}

export interface OpenTsdbDeps {
  clock: Clock;
  random: Random;
  log?: Log;
  /** Ends every request that is given no signal of its own. */
  signal?: AbortSignal;
  densities?: DensityMemory;
  seriesLists?: SeriesLists;
}

const GLOBALS_PATH = '/api/annotations';
const SMALL_REPLY_BYTES = 1024 * 1024;
const SUGGEST_REPLY_BYTES = 512 * 1024 * 1024;
const SERIES_REPLY_BYTES = 256 * 1024 * 1024;
/** Read from the data a series is named once for every hour it has; a text of more than this has no room in memory. */
const LOOKUP_REPLY_BYTES = 400 * 1024 * 1024;
const ERROR_REPLY_BYTES = 256 * 1024;
const ACCEPT = { none: 'identity', gzip: 'gzip' } as const;

/** Densities seen by this process, kept between the short lives of clients. */
const processDensities = new DensityMemory();
const processSeriesLists = new SeriesLists();

/** A target of system `opentsdb`. Secrets: `authorization`, sent as it is. */
export const openTsdb: TargetSystem<OpenTsdbClient> = {
  system: 'opentsdb',
  connect(target, { clock, random, log, signal }) {
    const settings = OpenTsdbSettings.safeParse(target.settings);
    if (!settings.success) throw BadSourceSettings({ source: target.name, reason: z.prettifyError(settings.error) });
    const secret = target.secrets.authorization;
    const headers = secret === undefined ? settings.data.headers : { ...settings.data.headers, authorization: secret };
    const http = openHttp({ base: target.address, connections: settings.data.connections, headers, clock });
    return new OpenTsdbSource(target.name, http, settings.data, { clock, random, log, signal });
  },
};

export class OpenTsdbSource implements OpenTsdbClient {
  readonly name: string;
  readonly settings: OpenTsdbSettings;
  readonly #http: HttpClient;
  readonly #deps: OpenTsdbDeps;
  readonly #accept: string;
  /** The source has shown that it has no aggregator `none`. */
  #bySeries = false;
  readonly #uidNames = new Map<string, string>();
  /** Metrics of which the source has refused a whole hour, by their names and the tags they are asked for: the parts it has answered last. */
  readonly #parts = new Map<string, { parts: readonly Part[]; listedMs: number }>();

  constructor(name: string, http: HttpClient, settings: OpenTsdbSettings, deps: OpenTsdbDeps) {
    this.name = name;
    this.settings = settings;
    this.#http = http;
    this.#deps = deps;
    this.#accept = ACCEPT[settings.compression === 'auto' ? (isLocal(http.origin) ? 'none' : 'gzip') : settings.compression];
  }

  async probe(options: { signal?: AbortSignal } = {}): Promise<SourceProbe> {
    const probe: SourceProbe = {};
    const [version, config, aggregators] = [
      await this.#ask('/api/version', {}, `version of ${this.name}`, SMALL_REPLY_BYTES, options.signal, true),
      await this.#ask('/api/config', {}, `configuration of ${this.name}`, SMALL_REPLY_BYTES, options.signal, true),
      await this.#ask('/api/aggregators', {}, `aggregators of ${this.name}`, SMALL_REPLY_BYTES, options.signal, true),
    ];
    const versionText = z.object({ version: z.string() }).safeParse(version);
    if (versionText.success) probe.version = versionText.data.version;
    const settings = z.record(z.string(), z.string()).safeParse(config);
    if (settings.success) probe.config = settings.data;
    const names = z.array(z.string()).safeParse(aggregators);
    if (names.success) probe.rawReads = names.data.includes('none');
    return probe;
  }

  async metrics(prefix: string, options: { signal?: AbortSignal } = {}): Promise<Discovery> {
    const what = `metrics of ${this.name}`;
    const config = await this.#ask('/api/config', {}, `configuration of ${this.name}`, SMALL_REPLY_BYTES, options.signal, true);
    const special = z.object({ 'tsd.core.tag.allow_specialchars': z.string() }).safeParse(config);
    const suggest = async (q: string, max: number): Promise<string[]> => {
      const reply = await this.#ask('/api/suggest', { type: 'metrics', q, max }, what, SUGGEST_REPLY_BYTES, options.signal, false);
      const names = z.array(z.string()).safeParse(reply);
      if (!names.success) throw MalformedReply({ what, at: 0, reason: 'names were expected' });
      return names.data;
    };
    return discover(prefix, suggest, special.success ? special.data['tsd.core.tag.allow_specialchars'] : '');
  }

  async withoutGlobals(atMs: number, options: { signal?: AbortSignal } = {}): Promise<string | undefined> {
    const range = { startMs: atMs, stopMs: atMs + 1 };
    const what = `global annotations of ${this.name}`;
    const request: HttpRequest = {
      method: 'GET',
      path: GLOBALS_PATH,
      query: globalQuery(range),
      deadlineMs: this.settings.deadlineMs,
      what,
    };
    const signal = options.signal ?? this.#deps.signal;
    if (signal !== undefined) request.signal = signal;
    const reply = await this.#http.request(request);
    const body = await reply.text(SERIES_REPLY_BYTES);
    if (reply.status === 200) return isGlobals(body, range) ? undefined : 'its reply is no list of annotations';
    const error = replyError({ status: reply.status, body, what });
    // It has answered other requests: these are its words for not knowing this one.
    if (error.data.retryable && reply.status !== 500 && reply.status !== 501) throw error;
    return `${reply.status}: ${errorText(body)}`;
  }

  async globalAnnotations(range: TimeRange, options: { signal?: AbortSignal } = {}): Promise<SourceAnnotation[]> {
    const what = `global annotations of ${this.name}`;
    const reply = await this.#ask(GLOBALS_PATH, globalQuery(range), what, SERIES_REPLY_BYTES, options.signal, false);
    const found = globalsIn(reply, range);
    if (found === undefined) throw MalformedReply({ what, at: 0, reason: 'it is no list of annotations' });
    return found;
  }

  async readFrame(metric: string, range: TimeRange, sink: LineSink, options: ReadOptions = {}): Promise<FrameSummary> {
    const { reading = {} } = options;
    const { method, path, query, body, asked } = frameQuery(metric, range, reading);
    const what = `query ${metric} from ${this.name}`;
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const request: HttpRequest = {
      method,
      path,
      query,
      headers: { 'accept-encoding': this.#accept, ...json },
      deadlineMs: this.settings.deadlineMs,
      what,
    };
    if (body !== undefined) request.body = body;
    const signal = options.signal ?? this.#deps.signal;
    if (signal !== undefined) request.signal = signal;
    const reply = await this.#http.request(request);
    if (reply.status !== 200) throw await this.#refusal(reply, what, metric);
    const scanner = new ReplyScanner(
      { metric, frame: range, asked, what, seconds: reading.seconds === true, annotations: reading.annotations === true },
      sink,
    );
    try {
      for await (const chunk of reply.body) {
        const wait = scanner.push(chunk);
        if (wait !== undefined) await wait;
      }
      const { found, ...summary } = await scanner.end();
      const annotations = await this.#named(found, signal);
      return { ...summary, ...(annotations.length === 0 ? {} : { annotations }), replyBytes: reply.wireBytes() };
    } catch (error) {
      await scanner.abandon();
      throw error;
    }
  }

  readRange(metric: string, range: TimeRange, options: RangeOptions & ReadOptions): Promise<RangeSummary> {
    const { clock, random, densities = processDensities } = this.#deps;
    const signal = options.signal ?? this.#deps.signal;
    const ending = { ...(signal === undefined ? {} : { signal }), ...(options.reading === undefined ? {} : { reading: options.reading }) };
    const key = `${this.#http.origin}\n${metric}`;
    return readRange(
      {
        readFrame: (frame, sink) => this.#readAnyhow(metric, frame, sink, ending),
        clock,
        random,
      },
      range,
      { targetReplyBytes: this.settings.targetReplyBytes, density: densities.get(key), ...options, ...ending },
      (density) => densities.set(key, density),
    );
  }

  /** All series at once where the source can do that, else some at a time. */
  async #readAnyhow(metric: string, frame: TimeRange, sink: LineSink, options: ReadOptions): Promise<FrameSummary> {
    const key = `${metric}\n${JSON.stringify(options.reading?.tags ?? {})}`;
    const known = this.#parts.get(key);
    // Series that have come since are in no part.
    const before = known !== undefined && known.listedMs >= frame.stopMs && inOneRow(frame) ? known.parts : undefined;
    let listedMs = known?.listedMs ?? 0;
    let refusal: LongshoreError | undefined;
    if (before === undefined) {
      try {
        return await this.#readWhole(metric, frame, sink, options);
      } catch (error) {
        if (!needsParts(error, frame)) throw error;
        refusal = error;
      }
    }
    const { reading = {} } = options;
    const { summary, parts } = await readInParts(
      {
        what: `query ${metric} from ${this.name}`,
        read: (part, lines, asked) => this.#readPart(metric, part, lines, { ...options, reading: asked }),
        list: async () => {
          const { series, takenMs } = await this.#listSeries(metric, frame.stopMs, options.signal);
          listedMs = takenMs;
          return series;
        },
      },
      frame,
      sink,
      reading,
      { ...(refusal === undefined ? {} : { refusal }), ...(before === undefined ? {} : { before }) },
    );
    this.#parts.set(key, { parts, listedMs });
    return summary;
  }

  /** Some series; without the aggregator `none` each in a part of the query of its own. */
  #readPart(metric: string, frame: TimeRange, sink: LineSink, options: ReadOptions): Promise<FrameSummary> {
    const { reading = {} } = options;
    if (!this.#bySeries || reading.tsuids === undefined) return this.#readWhole(metric, frame, sink, options);
    return this.#readNamed(metric, frame, sink, reading.tsuids, options);
  }

  async #readWhole(metric: string, frame: TimeRange, sink: LineSink, options: ReadOptions): Promise<FrameSummary> {
    if (!this.#bySeries) {
      try {
        return await this.readFrame(metric, frame, sink, options);
      } catch (error) {
        if (!NoRawReads.is(error)) throw error;
        this.#bySeries = true;
      }
    }
    return this.#readBySeries(metric, frame, sink, options);
  }

  /** Every series that the metric has ever had, from the data: the table of names the source may keep besides need not be whole. */
  async #listSeries(metric: string, stopMs: number, signal: AbortSignal | undefined): Promise<SeriesList> {
    const { clock, seriesLists = processSeriesLists } = this.#deps;
    const key = `${this.#http.origin}\n${metric}`;
    const begunMs = clock.now();
    const known = seriesLists.get(key, stopMs, begunMs);
    if (known !== undefined) return known;
    const what = `series of ${metric} from ${this.name}`;
    const request: HttpRequest = {
      method: 'POST',
      path: '/api/search/lookup',
      headers: { 'accept-encoding': this.#accept, 'content-type': 'application/json' },
      body: JSON.stringify({ metric, useMeta: false, limit: 0 }),
      deadlineMs: this.settings.deadlineMs,
      what,
    };
    const ending = signal ?? this.#deps.signal;
    if (ending !== undefined) request.signal = ending;
    const reply = await this.#http.request(request);
    if (reply.status !== 200) throw await this.#refusal(reply, what, metric);
    const series = listedSeries(await reply.json(LOOKUP_REPLY_BYTES));
    if (series === undefined) throw MalformedReply({ what, at: 0, reason: 'it does not name the series' });
    const list = { series, takenMs: begunMs };
    seriesLists.set(key, list);
    return list;
  }

  async #readBySeries(metric: string, frame: TimeRange, sink: LineSink, options: ReadOptions): Promise<FrameSummary> {
    const { reading = {} } = options;
    const what = `series of ${metric} from ${this.name}`;
    const { path, query, body } = frameQuery(metric, frame, seriesReading(reading.tags));
    const reply = await this.#ask(path, query, what, SERIES_REPLY_BYTES, options.signal, false, {
      metric,
      ...(body === undefined ? {} : { body }),
    });
    const tsuids = tsuidsIn(reply);
    if (tsuids === undefined) throw MalformedReply({ what, at: 0, reason: 'it does not name the series' });
    return this.#readNamed(metric, frame, sink, tsuids, options);
  }

  /** Series by their names without the aggregator `none`. */
  async #readNamed(
    metric: string,
    frame: TimeRange,
    sink: LineSink,
    tsuids: readonly string[],
    options: ReadOptions,
  ): Promise<FrameSummary> {
    const parts: FrameSummary[] = [];
    for (let at = 0; at < tsuids.length; at += SERIES_PER_QUERY) {
      const some: Reading = { ...options.reading, aggregator: 'sum', tsuids: tsuids.slice(at, at + SERIES_PER_QUERY) };
      parts.push(await this.readFrame(metric, frame, sink, { ...options, reading: some }));
    }
    return joined(parts, frame);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  /** Annotations with the labels of their series. */
  async #named(found: readonly FoundAnnotation[], signal: AbortSignal | undefined): Promise<SourceAnnotation[]> {
    const named: SourceAnnotation[] = [];
    for (const { labels, tsuid, startMs, fields } of found)
      named.push({ labels: labels ?? (await this.#labelsOf(tsuid, signal)), startMs, fields });
    return named;
  }

  /** What a series' name of ids stands for: a metric, then pairs of tags. */
  async #labelsOf(tsuid: string, signal: AbortSignal | undefined): Promise<string> {
    const ids = tsuid.match(/.{6}/g) ?? [];
    const what = `names of the series ${tsuid} of ${this.name}`;
    if (ids.join('') !== tsuid || ids.length % 2 === 0) throw MalformedReply({ what, at: 0, reason: 'its ids have no usual width' });
    const names: string[] = [];
    for (const [at, uid] of ids.entries()) {
      const type = at === 0 ? 'metric' : at % 2 === 1 ? 'tagk' : 'tagv';
      const key = `${type} ${uid}`;
      let name = this.#uidNames.get(key);
      if (name === undefined) {
        const reply = await this.#ask('/api/uid/uidmeta', { type, uid }, what, SMALL_REPLY_BYTES, signal, false);
        const meta = z.object({ name: z.string() }).safeParse(reply);
        if (!meta.success) throw MalformedReply({ what, at: 0, reason: 'a name was expected' });
        name = meta.data.name;
        this.#uidNames.set(key, name);
      }
      names.push(name);
    }
    const pairs = names.slice(1).flatMap((name, at, all) => (at % 2 === 0 ? [[name, all[at + 1]!] as const] : []));
    const texts = [['__name__', names[0]!] as const, ...pairs].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    return `{${texts.join(',')}}`;
  }

  /** A small JSON answer. `optional`: undefined for any other status, since not every server has every endpoint. */
  async #ask(
    path: string,
    query: HttpRequest['query'] & {},
    what: string,
    maxBytes: number,
    signal: AbortSignal | undefined,
    optional: boolean,
    { metric, body }: { metric?: string; body?: string } = {},
  ): Promise<unknown> {
    const request: HttpRequest = {
      method: body === undefined ? 'GET' : 'POST',
      path,
      query,
      headers: { 'accept-encoding': this.#accept, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      deadlineMs: this.settings.deadlineMs,
      what,
    };
    if (body !== undefined) request.body = body;
    const ending = signal ?? this.#deps.signal;
    if (ending !== undefined) request.signal = ending;
    const reply = await this.#http.request(request);
    if (reply.status === 200) return reply.json(maxBytes);
    if (!optional || reply.status === 401 || reply.status === 403) throw await this.#refusal(reply, what, metric);
    await reply.discard();
    return undefined;
  }

  async #refusal(reply: HttpReply, what: string, metric?: string): Promise<Error> {
    const retryAfterMs = parseRetryAfter(reply.headers['retry-after'], this.#deps.clock.now());
    const body = await reply.text(ERROR_REPLY_BYTES);
    return replyError({
      status: reply.status,
      body,
      what,
      ...(metric === undefined ? {} : { metric }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}

function isGlobals(body: string, range: TimeRange): boolean {
  try {
    return globalsIn(JSON.parse(body), range) !== undefined;
  } catch {
    return false;
  }
}

function isLocal(origin: string): boolean {
  return origin.startsWith('unix:') || /^https?:\/\/(localhost|127\.[0-9.]+|\[::1\])(:\d+)?$/.test(origin);
}
