/** Answers queries. `none` as the real server does it; other aggregators where every group is one series, or points share their times. */
import type { Reply } from '../stand-in.ts';
import { TsdError } from './errors.ts';
import { isIntegerText, javaDouble } from './numbers.ts';
import type { QueryRequest, SubQuery, TagFilter } from './query-request.ts';
import type { OpenTsdbSettings } from './settings.ts';
import type { PointRange, StoredAnnotation, TsdbSeries, TsdbStore } from './store.ts';
import { annotationMs } from './store.ts';
import { parseTsdTime } from './time.ts';

export const AGGREGATORS: readonly string[] = [
  'mult',
  'zimsum',
  'mimmax',
  'sum',
  'none',
  'pfsum',
  'min',
  'avg',
  'dev',
  'mimmin',
  'last',
  'max',
  'count',
  'diff',
  'median',
  'squareSum',
  'first',
];

const HOUR_MS = 3_600_000;
const BYTES_PER_POINT = 16;
/** Rows that come from storage together. */
const ROWS_AT_ONCE = 128;
/** Points put into one piece of a reply. */
const POINTS_PER_PIECE = 16_384;
/** Replies up to so many points are made whole and get a Content-Length, as all do on a real server. */
const WHOLE_UP_TO_POINTS = 1_000_000;

interface Answer {
  metric: string;
  tags: readonly (readonly [string, string])[];
  aggregateTags: string[];
  tsuids: string[];
  range: PointRange;
  query: SubQuery;
  index: number;
}

function matches(filter: TagFilter, series: TsdbSeries): boolean {
  const value = series.tags.find(([key]) => key === filter.key)?.[1];
  const [type, wanted, own] =
    filter.type.startsWith('i') && filter.type !== 'in'
      ? [filter.type.slice(1), filter.filter.toLowerCase(), value?.toLowerCase()]
      : [filter.type, filter.filter, value];
  if (type === 'not_key') return own === undefined;
  if (type === 'not_literal_or') return own === undefined || !wanted.split('|').includes(own);
  if (own === undefined) return false;
  if (type === 'literal_or') return wanted.split('|').includes(own);
  if (type === 'wildcard')
    return new RegExp(
      `^${wanted
        .split('*')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('.*')}$`,
      's',
    ).test(own);
  if (type === 'regexp') return new RegExp(wanted).test(own);
  throw new TsdError(400, `Could not find a tag value filter of the type: ${filter.type}`);
}

export class Queries {
  readonly #store: TsdbStore;
  readonly #settings: OpenTsdbSettings;

  constructor(store: TsdbStore, settings: OpenTsdbSettings) {
    this.#store = store;
    this.#settings = settings;
  }

  /** `remove` deletes what was read; only where the server allows it. */
  answer(request: QueryRequest, nowMs: number, remove: boolean): Reply {
    const time = (text: string): number => {
      try {
        return parseTsdTime(text, nowMs, request.zone);
      } catch (error) {
        throw error instanceof TsdError ? new TsdError(error.status, error.message, describe(request)) : error;
      }
    };
    const start = time(request.start);
    const end = request.end === undefined || request.end === '' ? nowMs : time(request.end);
    if (end <= start) throw new TsdError(400, `End time [${end}] must be greater than the start time [${start}]`, describe(request));
    for (const query of request.queries) this.#check(query, request);
    const answers = request.queries.flatMap((query, index) => this.#run(query, index, start, end));
    for (const query of request.queries) this.#checkLimits(query, start, end);
    const points = answers.reduce((sum, { range }) => sum + range.length, 0);
    if (remove) for (const query of request.queries) for (const series of this.#select(query)) this.#store.remove(series, start, end);
    const pieces = this.#print(request, answers, start, end);
    return {
      status: 200,
      headers: { 'content-type': 'application/json; charset=UTF-8' },
      body: points <= WHOLE_UP_TO_POINTS ? [...pieces].join('') : pieces,
    };
  }

  #check(query: SubQuery, request: QueryRequest): void {
    if (!AGGREGATORS.includes(query.aggregator) || (query.aggregator === 'none' && this.#settings.version === '2.2')) {
      throw new TsdError(400, `No such aggregation function: ${query.aggregator}`, describe(request));
    }
    if (query.beyond !== undefined) throw new TsdError(400, `The stand-in does neither downsample nor rates: ${query.beyond}`);
    if (query.metric === undefined && !query.tsuids?.length) throw new TsdError(400, 'Missing the metric or tsuids, provide at least one');
    if (query.metric !== undefined) this.#resolve('metrics', query.metric);
    for (const filter of query.filters) {
      this.#resolve('tagk', filter.key);
      if (filter.type === 'literal_or') for (const value of filter.filter.split('|')) this.#resolve('tagv', value);
    }
  }

  #resolve(kind: 'metrics' | 'tagk' | 'tagv', name: string): void {
    if (this.#store.names[kind].has(name)) return;
    const message = `No such name for '${kind}': '${name}'`;
    throw new TsdError(400, message, message);
  }

  /**
   * Rows are read some at a time, in order of hours and of series in them. Before it takes in the next ones the server looks at what the ones
   * before have come to; so what comes with the first ones is never too much, and the last ones do not count. A row counts whole, also where
   * less than its hour was asked for, and also where a filter that is no list of values leaves its series out later.
   */
  #checkLimits(query: SubQuery, start: number, end: number): void {
    const { maxPointsPerQuery, maxBytesPerQuery } = this.#settings;
    if (maxPointsPerQuery === 0 && maxBytesPerQuery === 0) return;
    const literal = { ...query, filters: query.filters.filter(({ type }) => type === 'literal_or') };
    const scanned = this.#select(literal).sort((a, b) => (a.tsuid < b.tsuid ? -1 : 1));
    let [rows, points] = [0, 0];
    for (let hour = Math.floor(start / HOUR_MS) * HOUR_MS; hour <= end; hour += HOUR_MS)
      for (const series of scanned) {
        const { length } = series.range(hour, hour + HOUR_MS - 1);
        if (length === 0) continue;
        if (rows % ROWS_AT_ONCE === 0) this.#checkLimit(points);
        rows += 1;
        points += length;
      }
  }

  #checkLimit(points: number): void {
    const { maxPointsPerQuery, maxBytesPerQuery } = this.#settings;
    if (maxPointsPerQuery > 0 && points >= maxPointsPerQuery) {
      throw new TsdError(
        413,
        `Sorry, you have attempted to fetch more than our limit of ${maxPointsPerQuery} data points. Please try filtering using more tags or decrease your time range.`,
      );
    }
    if (maxBytesPerQuery > 0 && points * BYTES_PER_POINT > maxBytesPerQuery) {
      throw new TsdError(
        413,
        `Sorry, you have attempted to fetch more than our maximum amount of ${Math.floor(maxBytesPerQuery / 1_048_576)}MB from storage. Please try filtering using more tags or decrease your time range.`,
      );
    }
  }

  #select(query: SubQuery): TsdbSeries[] {
    const all = query.tsuids?.length
      ? query.tsuids.flatMap((tsuid) => this.#store.byTsuid(tsuid) ?? [])
      : this.#store.series(query.metric as string);
    return all.filter((series) => query.filters.every((filter) => matches(filter, series)));
  }

  #run(query: SubQuery, index: number, start: number, end: number): Answer[] {
    const found = this.#select(query).flatMap((series): { series: TsdbSeries; range: PointRange }[] => {
      const range = series.range(start, end);
      if (range.length > 0) return [{ series, range }];
      // Rows are hours: one that the range touches is read whole, and its series is answered even if nothing of it lies within.
      const sameHour =
        this.#settings.emptySeriesOfSameHour &&
        series.range(Math.floor(start / HOUR_MS) * HOUR_MS, Math.floor(end / HOUR_MS) * HOUR_MS + HOUR_MS - 1).length > 0;
      return sameHour ? [{ series, range }] : [];
    });
    if (query.aggregator === 'none') {
      const answers = found.map(
        ({ series, range }): Answer => ({
          metric: series.metric,
          tags: series.tags,
          aggregateTags: [],
          tsuids: [series.tsuid],
          range,
          query,
          index,
        }),
      );
      return [...answers, ...this.#nameless(query, index, start, end, new Set(found.map(({ series }) => series.tsuid)))];
    }
    const groups = new Map<string, typeof found>();
    for (const one of found) {
      const key = JSON.stringify(
        query.filters.filter(({ groupBy }) => groupBy).map((filter) => one.series.tags.find(([tag]) => tag === filter.key)?.[1]),
      );
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
    return [...groups.values()].map((group) => aggregated(group, query, index));
  }

  /** Series that have annotations in an hour and no point come as objects without names. */
  #nameless(query: SubQuery, index: number, start: number, end: number, found: ReadonlySet<string>): Answer[] {
    const tsuids = query.tsuids ?? (query.metric === undefined ? [] : this.#store.annotated(query.metric));
    return tsuids.flatMap((tsuid): Answer[] => {
      const series = this.#store.byTsuid(tsuid);
      const asked = series === undefined ? query.filters.length === 0 : query.filters.every((filter) => matches(filter, series));
      if (!asked || found.has(tsuid) || this.#inHours(tsuid, start, end).length === 0) return [];
      const range = { length: 0, time: () => 0, text: () => undefined };
      return [{ metric: '', tags: [], aggregateTags: [], tsuids: [tsuid], range, query, index }];
    });
  }

  /** Annotations in the rows of a range. */
  #inHours(tsuid: string, start: number, end: number): StoredAnnotation[] {
    return this.#store.annotationsOf(tsuid, Math.floor(start / HOUR_MS) * HOUR_MS, Math.floor(end / HOUR_MS) * HOUR_MS + HOUR_MS - 1);
  }

  /** As they stand in a reply: of a series that has some in its rows, those that begin in the range; general ones with every series. */
  #annotations(request: QueryRequest, answer: Answer, start: number, end: number): string {
    if (!request.annotations) return '';
    const rows = answer.tsuids.flatMap((tsuid) => this.#inHours(tsuid, start, end));
    const within = (one: StoredAnnotation): boolean => annotationMs(one) >= start && annotationMs(one) <= end;
    const own = rows.length === 0 ? '' : `,"annotations":${JSON.stringify(rows.filter(within))}`;
    const general = request.globalAnnotations ? this.#store.annotationsOf('', start, end) : [];
    return `${own}${general.length === 0 ? '' : `,"globalAnnotations":${JSON.stringify(general)}`}`;
  }

  *#print(request: QueryRequest, answers: Answer[], start: number, end: number): Generator<string> {
    let text = '[';
    for (const [at, answer] of answers.entries()) {
      text += `${at > 0 ? ',' : ''}{"metric":${JSON.stringify(answer.metric)},"tags":${JSON.stringify(Object.fromEntries(answer.tags))}`;
      text += `,"aggregateTags":${JSON.stringify(answer.aggregateTags)}`;
      if (request.showQuery)
        text += `,"query":${JSON.stringify({ aggregator: answer.query.aggregator, metric: answer.query.metric, index: answer.index })}`;
      if (request.showTsuids) text += `,"tsuids":${JSON.stringify(answer.tsuids)}`;
      text += this.#annotations(request, answer, start, end);
      text += request.arrays ? ',"dps":[' : ',"dps":{';
      const print = timePrinter(request.ms);
      const [open, between, close] = request.arrays ? ['[', ',', ']'] : ['"', '":', ''];
      for (let point = 0; point < answer.range.length; point += 1) {
        text += `${point > 0 ? ',' : ''}${open}${print(answer.range.time(point))}${between}${this.#text(answer.range, point)}${close}`;
        if (point % POINTS_PER_PIECE === POINTS_PER_PIECE - 1) {
          yield text;
          text = '';
        }
      }
      text += request.arrays ? ']' : '}';
      if (request.showStats) text += `,"stats":{"emittedDPs":${answer.range.length},"queryIndex":${answer.index}}`;
      yield `${text}}`;
      text = '';
    }
    if (request.showSummary)
      text += `${answers.length > 0 ? ',' : ''}{"statsSummary":{"avgHBaseTime":1.0,"processingPreWriteTime":1.0,"totalTime":1.0}}`;
    yield `${text}]`;
  }

  #text(range: PointRange, at: number): string {
    const value = range.text(at) as string;
    if (!this.#settings.widenIntegersBeforeFloats || !isIntegerText(value)) return value;
    const next = range.text(at + 1);
    return next !== undefined && !isIntegerText(next) ? javaDouble(Number(value)) : value;
  }
}

/** Prints times that mostly share their leading digits; a number of 13 digits is slow to print anew each time. */
function timePrinter(ms: boolean): (time: number) => string {
  let head = Number.NaN;
  let text = '';
  return (time) => {
    const whole = ms ? time : Math.floor(time / 1000);
    const leading = Math.floor(whole / 100_000);
    if (leading !== head) {
      head = leading;
      text = leading > 0 ? String(leading) : '';
    }
    const rest = whole - leading * 100_000;
    return leading > 0 ? text + String(rest + 100_000).slice(1) : String(rest);
  };
}

const REDUCE: Record<string, (values: number[]) => number> = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  mimmax: (values) => Math.max(...values),
  avg: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  count: (values) => values.length,
};

function aggregated(group: { series: TsdbSeries; range: PointRange }[], query: SubQuery, index: number): Answer {
  const [first] = group as [{ series: TsdbSeries; range: PointRange }];
  const keys = new Set(group.flatMap(({ series }) => series.tags.map(([key]) => key)));
  const tags: [string, string][] = [];
  const aggregateTags: string[] = [];
  for (const key of keys) {
    const values = new Set(group.flatMap(({ series }) => series.tags.find(([own]) => own === key)?.[1] ?? []));
    if (values.size === 1) tags.push([key, [...values][0] as string]);
    else aggregateTags.push(key);
  }
  const base = { metric: first.series.metric, tags, aggregateTags, tsuids: group.map(({ series }) => series.tsuid), query, index };
  if (group.length === 1) return { ...base, range: first.range };
  const reduce = REDUCE[query.aggregator];
  if (!reduce) throw new TsdError(400, `The stand-in cannot aggregate several series by ${query.aggregator}`);
  const byTime = new Map<number, string[]>();
  for (const { range } of group) {
    for (let at = 0; at < range.length; at += 1)
      byTime.set(range.time(at), [...(byTime.get(range.time(at)) ?? []), range.text(at) as string]);
  }
  const times = [...byTime.keys()].sort((a, b) => a - b);
  const results = times.map((time) => {
    const texts = byTime.get(time) ?? [];
    const value = reduce(texts.map(Number));
    // As 2.4.1 does, instead of an answer.
    if (!Number.isFinite(value)) throw new TsdError(400, `Got Infinity: ${value} in this SpanGroup.Iterator`);
    return texts.every(isIntegerText) && Number.isInteger(value) ? String(value) : javaDouble(value);
  });
  return { ...base, range: { length: times.length, time: (at) => times[at] as number, text: (at) => results[at] } };
}

function describe(request: QueryRequest): string {
  const subs = request.queries.map((query) => `TSSubQuery(metric=${query.metric}, agg=${query.aggregator})`).join(', ');
  return `TSQuery(start_time=${request.start}, end_time=${request.end ?? null}, subQueries[${subs}])`;
}
