/** Reads the two forms of a query: parameters of a GET, JSON of a POST. */
import { TsdError } from './errors.ts';

export interface TagFilter {
  key: string;
  /** `literal_or`, `iliteral_or`, `wildcard`, `iwildcard`, `regexp`, `not_key`, `not_literal_or`. */
  type: string;
  filter: string;
  groupBy: boolean;
}

export interface SubQuery {
  aggregator: string;
  metric?: string;
  tsuids?: string[];
  filters: TagFilter[];
  /** Asked for, and not within what the stand-in does. */
  beyond?: string;
}

export interface QueryRequest {
  start: string;
  end: string | undefined;
  zone: string;
  ms: boolean;
  arrays: boolean;
  annotations: boolean;
  globalAnnotations: boolean;
  showTsuids: boolean;
  showSummary: boolean;
  showQuery: boolean;
  showStats: boolean;
  delete: boolean;
  queries: SubQuery[];
}

function tagFilters(text: string, groupBy: boolean): TagFilter[] {
  if (text === '') return [];
  return text.split(',').map((pair): TagFilter => {
    const mark = pair.indexOf('=');
    if (mark <= 0) throw new TsdError(400, `invalid tag: ${pair}`);
    const key = pair.slice(0, mark);
    const value = pair.slice(mark + 1);
    const typed = /^(\w+)\((.*)\)$/.exec(value);
    if (typed) return { key, type: typed[1] as string, filter: typed[2] as string, groupBy };
    return { key, type: value.includes('*') ? 'wildcard' : 'literal_or', filter: value, groupBy };
  });
}

function parseM(text: string): SubQuery {
  const [head = '', ...braces] = text.split('{');
  const parts = head.split(':');
  if (parts.length < 2) throw new TsdError(400, `Invalid parameter m=${text} (not enough :-separated parts)`);
  const filters = braces.flatMap((brace, at) => tagFilters(brace.replace(/\}$/, ''), at === 0));
  const beyond = parts.slice(1, -1).join(':');
  return { aggregator: parts[0] as string, metric: parts.at(-1) as string, filters, ...(beyond === '' ? {} : { beyond }) };
}

function parseTsuid(text: string): SubQuery {
  const mark = text.lastIndexOf(':');
  if (mark < 0) throw new TsdError(400, `Invalid parameter tsuid=${text} (not enough :-separated parts)`);
  return { aggregator: text.slice(0, text.indexOf(':')), tsuids: text.slice(mark + 1).split(','), filters: [] };
}

/** Flags count by being there, whatever their value: `ms=false` switches milliseconds on. */
export function fromParameters(params: URLSearchParams): QueryRequest {
  const start = params.get('start');
  if (start === null) throw new TsdError(400, 'Missing parameter <code>start</code>');
  const queries = [...params.getAll('m').map(parseM), ...params.getAll('tsuid').map(parseTsuid)];
  if (queries.length === 0) throw new TsdError(400, 'Missing sub queries');
  return {
    start,
    end: params.get('end') ?? undefined,
    // Neither `tz` nor `timezone` of a GET has any effect on 2.4.1: dates are read in the zone of the server.
    zone: 'UTC',
    ms: params.has('ms'),
    arrays: params.has('arrays'),
    annotations: !params.has('no_annotations'),
    globalAnnotations: params.has('global_annotations'),
    showTsuids: params.has('show_tsuids'),
    showSummary: params.has('show_summary'),
    showQuery: params.has('show_query'),
    showStats: params.has('show_stats'),
    delete: params.get('method_override') === 'delete',
    queries,
  };
}

type Fields = { [key: string]: unknown };

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new TsdError(400, 'Unable to parse the given JSON', `com.fasterxml.jackson.core.JsonParseException: ${error.message}`);
    throw error;
  }
}

function subQuery(value: unknown): SubQuery {
  if (!isFields(value)) throw new TsdError(400, 'Unable to parse the given JSON');
  const filters: TagFilter[] = Array.isArray(value.filters)
    ? value.filters.filter(isFields).map((one) => ({
        key: String(one.tagk),
        type: String(one.type),
        filter: String(one.filter),
        groupBy: one.groupBy === true,
      }))
    : [];
  const tags = isFields(value.tags)
    ? Object.entries(value.tags).map(([key, wanted]): TagFilter => {
        const filter = String(wanted);
        return { key, type: filter.includes('*') ? 'wildcard' : 'literal_or', filter, groupBy: true };
      })
    : [];
  const beyond = [value.downsample, value.rate === true ? 'rate' : undefined].filter((one) => typeof one === 'string').join(':');
  return {
    aggregator: String(value.aggregator),
    ...(typeof value.metric === 'string' ? { metric: value.metric } : {}),
    ...(Array.isArray(value.tsuids) ? { tsuids: value.tsuids.map(String) } : {}),
    filters: [...filters, ...tags],
    ...(beyond === '' ? {} : { beyond }),
  };
}

export function fromBody(text: string, params: URLSearchParams): QueryRequest {
  if (text.trim() === '')
    throw new TsdError(400, 'Missing message content', 'Supply valid JSON formatted data in the body of your request');
  const value = parseJson(text);
  if (!isFields(value)) throw new TsdError(400, 'Unable to parse the given JSON');
  if (!Array.isArray(value.queries)) throw new TsdError(500, 'An internal null pointer exception was thrown');
  if (value.start === undefined) throw new TsdError(400, 'Missing start time');
  return {
    start: String(value.start),
    end: value.end === undefined || value.end === null ? undefined : String(value.end),
    zone: typeof value.timezone === 'string' ? value.timezone : 'UTC',
    ms: value.msResolution === true || params.has('ms'),
    arrays: params.has('arrays'),
    annotations: value.noAnnotations !== true && !params.has('no_annotations'),
    globalAnnotations: value.globalAnnotations === true || params.has('global_annotations'),
    showTsuids: value.showTSUIDs === true,
    showSummary: value.showSummary === true,
    showQuery: value.showQuery === true,
    showStats: value.showStats === true,
    delete: value.delete === true,
    queries: value.queries.map(subQuery),
  };
}
