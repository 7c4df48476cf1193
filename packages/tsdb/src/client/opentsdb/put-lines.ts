/**
 * Import lines as the objects of `/api/put`, numbers as the source's own digits: an integer stays one, a float is stored as one. Times in
 * whole seconds go as seconds: the same moment stored both as seconds and as ms is two points to OpenTSDB, and an error when it is read.
 */
import { labelPairs } from '../labels.ts';
import { viewLines } from '../victoriametrics/lines.ts';

const NAME = '__name__';

export interface PutSeries {
  metric: string;
  tags: [string, string][];
}

export function seriesOf(labels: string): PutSeries {
  const pairs = labelPairs(labels);
  return { metric: pairs.find(([key]) => key === NAME)?.[1] ?? '', tags: pairs.filter(([key]) => key !== NAME) };
}

/** Seconds from here on (the year 2106) are taken for ms: servers look at the bits of a time, not at its digits. */
const FIRST_LONG = 2 ** 32;

/** Text of a time as OpenTSDB takes it: seconds in up to 32 bits, or ms. */
export function putTime(ms: string): string {
  return ms.endsWith('000') && ms.length > 3 && Number(ms) < FIRST_LONG * 1000 ? ms.slice(0, -3) : ms;
}

/** One object for each point, in the lines' order. */
export function* putObjects(lines: Buffer): Generator<string, void, undefined> {
  for (const view of viewLines(lines, 'a folder')) {
    const { metric, tags } = seriesOf(lines.toString('utf8', view.labelsStart, view.labelsEnd));
    const head = `{"metric":${JSON.stringify(metric)},"timestamp":`;
    const tail = `,"tags":{${tags.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}}`;
    const values = lines.toString('latin1', view.valuesStart, view.valuesEnd).split(',');
    const times = lines.toString('latin1', view.timesStart, view.timesEnd).split(',');
    for (let at = 0; at < times.length; at++) yield `${head}${putTime(times[at]!)},"value":${values[at]!}${tail}`;
  }
}

/**
 * A name in import lines that OpenTSDB does not keep: it takes every letter, but stores names as ISO-8859-1, with question marks for what that
 * lacks (2.4.1: called so after its next start, and another name that looks the same then is refused with "Unexpected exception").
 */
export function nameBeyondLatin1(lines: Buffer): string | undefined {
  for (const view of viewLines(lines, 'a folder')) {
    const { metric, tags } = seriesOf(lines.toString('utf8', view.labelsStart, view.labelsEnd));
    const lost = [metric, ...tags.flat()].find((name) => /[^\0-\u00ff]/.test(name));
    if (lost !== undefined) return lost;
  }
  return undefined;
}

/** `tsdb import` reads floats with 32 bits, and stops at one that is too large for these (2.4.1: `value is NaN or Infinite`). */
const tooLargeForImport = (number: string): boolean => /[.eE]/.test(number) && !Number.isFinite(Math.fround(Number(number)));

/** Lines of `tsdb import`: `metric seconds value tag=value …`; names and numbers that cannot stand there are left out and counted. */
export function importText(lines: Buffer): { text: string; leftOut: number } {
  let text = '';
  let leftOut = 0;
  for (const view of viewLines(lines, 'a folder')) {
    const { metric, tags } = seriesOf(lines.toString('utf8', view.labelsStart, view.labelsEnd));
    const values = lines.toString('latin1', view.valuesStart, view.valuesEnd).split(',');
    const times = lines.toString('latin1', view.timesStart, view.timesEnd).split(',');
    const tail = tags.map(([key, value]) => ` ${key}=${value}`).join('');
    if (/[\s=]/.test(metric) || tags.some((pair) => pair.some((name) => /[\s=]/.test(name))) || tags.length === 0) {
      leftOut += times.length;
      continue;
    }
    for (let at = 0; at < times.length; at++)
      if (tooLargeForImport(values[at]!)) leftOut += 1;
      else text += `${metric} ${putTime(times[at]!)} ${values[at]!}${tail}\n`;
  }
  return { text, leftOut };
}

export interface ImportRow extends PutSeries {
  timestampMs: number;
}

const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

/** A line of `tsdb import` without its end, or what is wrong with it. Times of up to 10 digits are seconds. */
export function parseImportText(line: string): ImportRow | { wrong: string } {
  const [metric = '', time = '', value = '', ...pairs] = line.split(' ');
  if (metric === '') return { wrong: 'the metric has no name' };
  if (!/^\d{1,13}$/.test(time)) return { wrong: `"${time.slice(0, 40)}" is no time` };
  if (!NUMBER.test(value)) return { wrong: `"${value.slice(0, 40)}" is no number` };
  const tags: [string, string][] = [];
  for (const pair of pairs) {
    const [, key, text] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
    if (key === undefined || text === undefined) return { wrong: `"${pair.slice(0, 60)}" is no tag` };
    tags.push([key, text]);
  }
  if (tags.length === 0) return { wrong: 'it has no tag' };
  return { metric, tags, timestampMs: time.length > 10 ? Number(time) : Number(time) * 1000 };
}
