/**
 * Finding every metric. `/api/suggest` gives the names that begin with a prefix, sorted, at most `max` of them and without
 * saying that there are more: 25 unless told otherwise, with no upper bound of its own, though a proxy or a fork may have one.
 */
export interface Discovery {
  /** Sorted, each once. */
  metrics: string[];
  /** False when the source may have more than it told. */
  complete: boolean;
  reason?: string;
}

/** Asks for the names that begin with `prefix`, at most `max`. */
export type Suggest = (prefix: string, max: number) => Promise<string[]>;

export const SUGGEST_MAX = 1_000_000;
/** Requests of one discovery. */
const MAX_REQUESTS = 20_000;
const ASCII = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./';
/** Letters of Latin-1: OpenTSDB allows any letter in names and stores names as ISO-8859-1. */
const LATIN1 = 'ªµºÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ';

/**
 * All names with the prefix. A reply that may have been cut (as long as was asked for, or as long as one that proved to be
 * cut) is asked again one character deeper. `special` are further characters the source allows in names.
 */
export async function discover(prefix: string, suggest: Suggest, special: string, max: number = SUGGEST_MAX): Promise<Discovery> {
  const names = new Set<string>();
  const alphabet = new Set([...ASCII, ...LATIN1, ...special]);
  const waiting = [prefix];
  let full = max;
  let requests = 0;
  let deepened: string | undefined;

  const ask = async (start: string): Promise<string[]> => {
    requests++;
    const found = (await suggest(start, max)).filter((name) => name.startsWith(start));
    for (const name of found) names.add(name);
    return found;
  };

  for (let start = waiting.pop(); start !== undefined; start = waiting.pop()) {
    if (requests >= MAX_REQUESTS) return result(names, `the discovery was given up after ${MAX_REQUESTS} requests`);
    const found = await ask(start);
    const last = start === prefix && found.length < full ? found.toSorted().at(-1) : undefined;
    if (last !== undefined && last.length > start.length) {
      // A silent bound below `max` shows when the last names are asked for by themselves: there are suddenly more.
      const before = names.size;
      await ask(start + firstChar(last.slice(start.length)));
      if (names.size > before) full = found.length;
    }
    if (found.length < full) continue;
    deepened ??= `more than ${full} names begin with "${start}"; names that go on with a character outside its alphabet may be missing`;
    for (const name of names) {
      if (name.startsWith(start) && name.length > start.length) alphabet.add(firstChar(name.slice(start.length)));
    }
    for (const char of alphabet) waiting.push(start + char);
  }
  return result(names, deepened);
}

/** A whole character, also where that takes two code units. */
function firstChar(text: string): string {
  return String.fromCodePoint(text.codePointAt(0) ?? 0);
}

function result(names: Set<string>, reason: string | undefined): Discovery {
  const metrics = [...names].sort();
  return reason === undefined ? { metrics, complete: true } : { metrics, complete: false, reason };
}
