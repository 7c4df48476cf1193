/**
 * The series of a metric in parts, for a metric of which even one row of storage, an hour, is more than one query may read: by the values of
 * a tag, and where that does not do, by the names of the series. Pure.
 *
 * OpenTSDB 2.4 counts what it fetches, whole hours of every series the storage gives it, whatever part of the hour was asked for; literal
 * values of tags and series' names are looked at in the storage, so that what they leave out does not count.
 */
import { encodePart } from '@longshore/http';
import type { Reading } from './queries.ts';

export interface ListedSeries {
  tsuid: string;
  tags: Readonly<Record<string, string>>;
}

/** Some series of a metric: all that have one of these values of a tag, beside others that are `fixed`, or those of these names. */
export interface Part {
  series: readonly ListedSeries[];
  by?: { key: string; values: readonly string[]; fixed: Readonly<Record<string, string>> };
}

/** What a request line has room for beside the metric and the times, in percent-encoded bytes; a server takes 4 KiB of it. */
export const PART_TEXT_BYTES = 2_400;
/** These mean something in a query's list of values. */
const NO_LITERAL = /[|*:{},=()]/;

/** Series from a reply of `/api/search/lookup`, each once: read from the data, a series is named once for every hour. Undefined for a reply of another shape. */
export function listedSeries(reply: unknown): ListedSeries[] | undefined {
  const results: unknown = typeof reply === 'object' && reply !== null ? Reflect.get(reply, 'results') : undefined;
  if (!Array.isArray(results)) return undefined;
  const found = new Map<string, ListedSeries>();
  for (const one of results as unknown[]) {
    if (typeof one !== 'object' || one === null) return undefined;
    const { tsuid, tags } = one as { tsuid?: unknown; tags?: unknown };
    if (typeof tsuid !== 'string' || !/^[\dA-Fa-f]+$/.test(tsuid) || typeof tags !== 'object' || tags === null) return undefined;
    if (!found.has(tsuid)) found.set(tsuid, { tsuid, tags: tags as Record<string, string> });
  }
  return [...found.values()].sort((a, b) => (a.tsuid < b.tsuid ? -1 : 1));
}

/** Whether a series is one of those a query with these tags would give: `*` any value, `web*` such as begin so in any case, `a|b` one of them. */
export function hasTags({ tags }: Pick<ListedSeries, 'tags'>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, filter]) => {
    const value = tags[key];
    if (value === undefined) return false;
    if (!filter.includes('*')) return filter.split('|').includes(value);
    const rule = filter
      .toLowerCase()
      .split('*')
      .map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${rule.join('.*')}$`, 's').test(value.toLowerCase());
  });
}

/** All of them: those that have a tag by its values, the others by name. */
export function wholeInParts(series: readonly ListedSeries[]): Part[] {
  if (series.length === 0) return [];
  const key = bestKey(series, {});
  if (key === undefined) return [{ series }];
  const having = series.filter(({ tags }) => literal(tags[key]));
  const others = series.filter(({ tags }) => !literal(tags[key]));
  return [byKey(having, key, {}), ...(others.length === 0 ? [] : [{ series: others }])];
}

/** A smaller one and the rest of it; undefined for a part of one series. */
export function halved(part: Part): [Part, Part] | undefined {
  const { series, by } = part;
  if (by !== undefined && by.values.length > 1) {
    const middle = Math.ceil(by.values.length / 2);
    return [narrowed(part, by.values.slice(0, middle)), narrowed(part, by.values.slice(middle))];
  }
  if (series.length < 2) return undefined;
  if (by !== undefined) {
    // All have the same value of this tag: another one that all of them have, else their names.
    const fixed = { ...by.fixed, [by.key]: by.values.join() };
    const key = bestKey(series, fixed);
    if (key !== undefined && series.every(({ tags }) => literal(tags[key]))) return halved(byKey(series, key, fixed));
  }
  const middle = Math.ceil(series.length / 2);
  return [{ series: series.slice(0, middle) }, { series: series.slice(middle) }];
}

/** As it is asked for; undefined when it has no room in one request. */
export function partReading({ series, by }: Part, reading: Reading): Reading | undefined {
  if (by === undefined) {
    const { tags: _named, ...rest } = reading;
    const tsuids = series.map(({ tsuid }) => tsuid);
    return encodePart(tsuids.join(',')).length > PART_TEXT_BYTES ? undefined : { ...rest, tsuids };
  }
  const tags = { ...reading.tags, ...by.fixed, [by.key]: by.values.join('|') };
  const text = Object.entries(tags).map(([key, value]) => `${key}=${value}`);
  return encodePart(text.join(',')).length > PART_TEXT_BYTES ? undefined : { ...reading, tags };
}

function literal(value: string | undefined): boolean {
  return value !== undefined && value !== '' && !NO_LITERAL.test(value);
}

/**
 * The tag to go by: the one that the most of them have, and of those the one of the fewest values, two at least: what is still too much is
 * cut by the next one.
 */
function bestKey(series: readonly ListedSeries[], without: Readonly<Record<string, string>>): string | undefined {
  const found = new Map<string, { having: number; values: Set<string> }>();
  for (const { tags } of series)
    for (const [key, value] of Object.entries(tags)) {
      if (Object.hasOwn(without, key) || NO_LITERAL.test(key) || !literal(value)) continue;
      const one = found.get(key) ?? { having: 0, values: new Set<string>() };
      found.set(key, one);
      one.having += 1;
      one.values.add(value);
    }
  const keys = [...found].filter(([, { values }]) => values.size > 1);
  keys.sort(([nameA, a], [nameB, b]) => b.having - a.having || a.values.size - b.values.size || (nameA < nameB ? -1 : 1));
  return keys[0]?.[0];
}

function byKey(series: readonly ListedSeries[], key: string, fixed: Readonly<Record<string, string>>): Part {
  return { series, by: { key, values: [...new Set(series.map(({ tags }) => tags[key] ?? ''))].sort(), fixed } };
}

function narrowed({ series, by }: Part, values: readonly string[]): Part {
  const { key = '', fixed = {} } = by ?? {};
  const wanted = new Set(values);
  return { series: series.filter(({ tags }) => wanted.has(tags[key] ?? '')), by: { key, values, fixed } };
}
