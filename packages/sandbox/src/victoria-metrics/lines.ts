/** Reads the bodies of `/api/v1/import` and `/api/v1/import/prometheus` as leniently, and as oddly, as the real server does. */
import type { Rows } from './store.ts';

export interface ParsedLine {
  labels: [string, string][];
  rows: Rows;
}

/** The shape nearly every line has; three parts that can be read alone. */
const PARTS = /^\s*\{\s*"metric"\s*:\s*(\{.*\})\s*,\s*"values"\s*:\s*\[([^\]]*)\]\s*,\s*"timestamps"\s*:\s*\[([^\]]*)\]/s;
const PLAIN_INTEGER = /^-?\d+$/;
const NUMBER = /^-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|inf|nan)$/i;
const LENIENT_NUMBER = /^-?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|nan)$/i;
const QUOTED_NUMBER = /^"-?(?:inf(?:inity)?|nan)"$/i;

function numberOf(text: string, lenient: boolean): number | undefined {
  let bare = text.trim();
  if (lenient && bare === 'null') return Number.NaN;
  if (lenient && QUOTED_NUMBER.test(bare)) bare = bare.slice(1, -1);
  else if (!(lenient ? LENIENT_NUMBER : NUMBER).test(bare)) return undefined;
  if (/nan/i.test(bare)) return Number.NaN;
  if (/inf/i.test(bare)) return bare.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(bare);
}

/** Digits at both ends and no hexadecimal: what Number and the server read alike, which is nearly everything. */
function isPlain(part: string): boolean {
  const last = part.charCodeAt(part.length - 1);
  if (!(last >= 48 && last <= 57)) return false;
  const start = part.charCodeAt(0) === 45 ? 1 : 0;
  const first = part.charCodeAt(start);
  return first >= 48 && first <= 57 && (part.charCodeAt(start + 1) | 32) !== 120;
}

function values(text: string, lenient: boolean): Float64Array | undefined {
  const parts = text.split(',');
  const result = new Float64Array(parts.length);
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at] as string;
    const value = isPlain(part) ? Number(part) : numberOf(part, lenient);
    if (value === undefined) return undefined;
    result[at] = value;
  }
  return result;
}

function timestamps(text: string): Float64Array | undefined {
  const parts = text.split(',');
  const result = new Float64Array(parts.length);
  for (let at = 0; at < parts.length; at += 1) {
    const part = (parts[at] as string).trim();
    if (!PLAIN_INTEGER.test(part)) return undefined;
    result[at] = Number(part);
  }
  return result;
}

function parseLabels(text: string): [string, string][] | undefined {
  let metric: unknown;
  try {
    metric = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof metric !== 'object' || metric === null || Array.isArray(metric)) return undefined;
  const labels = Object.entries(metric).flatMap(([name, value]): [string, string][] => (typeof value === 'string' ? [[name, value]] : []));
  return labels.length > 0 ? labels : undefined;
}

/** The same with the keys in another order: whole-line JSON, then back into the three parts. */
function reordered(line: string): string | undefined {
  let whole: unknown;
  try {
    whole = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof whole !== 'object' || whole === null || !('metric' in whole) || !('values' in whole) || !('timestamps' in whole))
    return undefined;
  return `{"metric":${JSON.stringify(whole.metric)},"values":${JSON.stringify(whole.values)},"timestamps":${JSON.stringify(whole.timestamps)}}`;
}

/** One line of `/api/v1/import`; undefined when it is invalid as a whole, which the server counts and passes over. */
export function parseImportLine(line: string, lenient: boolean): ParsedLine | undefined {
  let parts = PARTS.exec(line);
  if (!parts) {
    const again = reordered(line);
    parts = again === undefined ? null : PARTS.exec(again);
  }
  if (!parts) return undefined;
  const [, metric = '', valuesText = '', timesText = ''] = parts;
  const labels = parseLabels(metric);
  const numbers = labels && values(valuesText, lenient);
  const times = numbers && timestamps(timesText);
  if (!labels || !numbers || !times || times.length !== numbers.length) return undefined;
  return { labels, rows: { times, values: numbers } };
}

const SAMPLE = /^\s*([^\s{]+)?\s*(?:\{(.*)\})?\s+(\S+)(?:\s+(-?\d+))?\s*$/s;
const PAIR = /\s*([^=,\s]+)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?/gy;
const ESCAPED: Record<string, string> = { n: '\n', '\\': '\\', '"': '"' };

/** One line of the text exposition format; `now` is the time of samples without one. */
export function parsePrometheusLine(line: string, now: number): ParsedLine | undefined {
  const sample = SAMPLE.exec(line);
  if (!sample) return undefined;
  const [, name, pairs = '', text = '', time] = sample;
  const value = numberOf(text.replace(/^\+/, ''), true);
  if (value === undefined) return undefined;
  const labels: [string, string][] = name === undefined ? [] : [['__name__', name]];
  PAIR.lastIndex = 0;
  for (let pair = PAIR.exec(pairs); pair; pair = PAIR.exec(pairs)) {
    labels.push([pair[1] as string, (pair[2] as string).replace(/\\(.)/g, (_, letter: string) => ESCAPED[letter] ?? `\\${letter}`)]);
  }
  if (labels.length === 0) return undefined;
  return { labels, rows: { times: Float64Array.of(time === undefined ? now : Number(time)), values: Float64Array.of(value) } };
}
