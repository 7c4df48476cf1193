/** `/api/put`: good points of a bad batch are stored, whatever the status says. */
import type { Reply } from '../stand-in.ts';
import { TsdError } from './errors.ts';
import { storedText } from './numbers.ts';
import { parseJson } from './query-request.ts';
import { MAX_TAGS, type OpenTsdbSettings } from './settings.ts';
import type { TsdbStore } from './store.ts';

interface Datapoint {
  metric?: string;
  timestamp: number;
  value?: string;
  tags?: Record<string, string>;
}

class BadPoint extends Error {}

type Fields = { [key: string]: unknown };

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Numbers keep their own digits: a reviver that turns every number into its source text. */
function parseKeepingDigits(text: string): unknown {
  try {
    return JSON.parse(text, (_key: string, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' ? (context?.source ?? String(value)) : value,
    );
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The server's parser takes NaN and infinities for numbers; they fail later, one by one.
    const quoted = text.replace(/(:\s*)(-?(?:NaN|Infinity))(\s*[,}])/g, '$1"$2"$3');
    if (quoted === text) return parseJson(text);
    return parseKeepingDigits(quoted);
  }
}

function datapoint(value: unknown): Datapoint {
  if (!isFields(value)) throw new TsdError(400, 'Unable to parse the given JSON');
  const text = (field: unknown): string | undefined =>
    typeof field === 'string' ? field : typeof field === 'boolean' ? String(field) : undefined;
  const [metric, number] = [text(value.metric), text(value.value)];
  const tags = isFields(value.tags) ? Object.fromEntries(Object.entries(value.tags).map(([key, one]) => [key, String(one)])) : undefined;
  return {
    ...(metric === undefined ? {} : { metric }),
    timestamp: Math.trunc(Number(text(value.timestamp) ?? 0)),
    ...(number === undefined ? {} : { value: number }),
    ...(tags === undefined ? {} : { tags }),
  };
}

export class Puts {
  readonly #store: TsdbStore;
  readonly #settings: OpenTsdbSettings;

  constructor(store: TsdbStore, settings: OpenTsdbSettings) {
    this.#store = store;
    this.#settings = settings;
  }

  /** `keep`: share of the points that take effect; the reply does not tell. */
  take(text: string, params: URLSearchParams, keep: number): Reply {
    if (text === '') throw new TsdError(400, 'Missing request content');
    const start = text.trimStart()[0];
    if (start !== '{' && start !== '[') throw new TsdError(400, 'The JSON must start as an object or an array');
    const value = parseKeepingDigits(text);
    const points = (Array.isArray(value) ? value : [value]).map(datapoint);
    if (points.length === 0) throw new TsdError(400, 'No datapoints found in content');
    const kept = keep < 1 ? Math.floor(points.length * keep) : points.length;
    const errors: { datapoint: Datapoint; error: string }[] = [];
    for (const [at, point] of points.entries()) {
      try {
        this.#point(point, at < kept);
      } catch (error) {
        if (!(error instanceof BadPoint)) throw error;
        errors.push({ datapoint: point, error: error.message });
      }
    }
    return this.#reply(points.length, errors, params);
  }

  #reply(total: number, errors: { datapoint: Datapoint; error: string }[], params: URLSearchParams): Reply {
    const failed = errors.length;
    const headers = { 'content-type': 'application/json; charset=UTF-8' };
    if (!params.has('details') && !params.has('summary')) {
      if (failed === 0) return { status: 204, headers };
      throw new TsdError(400, 'One or more data points had errors', 'Please see the TSD logs or append "details" to the put request');
    }
    const body = {
      success: total - failed,
      ...(params.has('sync_timeout') ? { timeouts: 0 } : {}),
      failed,
      ...(params.has('details') ? { errors } : {}),
    };
    return { status: failed > 0 ? 400 : 200, headers, body: JSON.stringify(body) };
  }

  #point(point: Datapoint, effective: boolean): void {
    if (!point.metric) throw new BadPoint('Metric name was empty');
    if (point.timestamp <= 0) throw new BadPoint('Invalid timestamp');
    if (!point.value) throw new BadPoint('Empty value');
    if (!point.tags || Object.keys(point.tags).length === 0) throw new BadPoint('Missing tags');
    const text = storedText(point.value, this.#settings.version === '2.4');
    if (text === undefined) throw new BadPoint('Unable to parse value to a number');
    this.#checkName('metric name', point.metric);
    for (const [key, value] of Object.entries(point.tags)) {
      this.#checkName('tag name', key);
      this.#checkName('tag value', value);
    }
    if (Object.keys(point.tags).length > MAX_TAGS)
      throw new BadPoint(`Too many tags: ${Object.keys(point.tags).length} maximum allowed: ${MAX_TAGS}`);
    if (String(point.timestamp).length > 13) throw new BadPoint('Invalid timestamp');
    if (!this.#settings.autoCreateMetrics && !this.#store.names.metrics.has(point.metric)) throw new BadPoint('Unknown metric');
    if (!effective) return;
    // Up to 32 bits are seconds; the server looks at the bits, not at the digits.
    const ms = point.timestamp > 0xffff_ffff ? point.timestamp : point.timestamp * 1000;
    this.#store.put(point.metric, point.tags, ms, text);
  }

  #checkName(what: string, name: string): void {
    if (name === '') throw new BadPoint(`Invalid ${what}: empty string`);
    for (const letter of name) {
      if (/[a-zA-Z0-9\-_./\p{L}]/u.test(letter) || this.#settings.specialCharacters.includes(letter)) continue;
      throw new BadPoint(`Invalid ${what} ("${name}"): illegal character: ${letter}`);
    }
  }
}
