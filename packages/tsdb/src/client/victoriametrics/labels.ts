/** One name for a series, however its labels are ordered and escaped. */
import { labelPairs } from '../labels.ts';

/** More series than this in one client's hands, and the cache starts over. */
const CACHED_SERIES = 200_000;

/**
 * Canonical keys of `metric` objects. Labels are sorted by name; those with an empty value are left out, as the sink
 * leaves them out. The bytes seen before are looked up, not parsed.
 */
export class SeriesKeys {
  readonly #cache = new Map<string, string>();
  readonly #texts = new Map<string, string>();
  readonly #whose: string;

  constructor(whose: string) {
    this.#whose = whose;
  }

  /** Of an object given as text. Throws as `keyAt`. */
  keyOf(labels: string): string {
    const known = this.#texts.get(labels);
    if (known !== undefined) return known;
    const key = canonicalKey(labels, this.#whose);
    if (this.#texts.size >= CACHED_SERIES) this.#texts.clear();
    this.#texts.set(labels, key);
    return key;
  }

  /** Of the object in `[start, end)`. Throws LSH_VM_EXPORT when it is not an object of texts. */
  keyAt(buffer: Buffer, start: number, end: number): string {
    const raw = buffer.toString('latin1', start, end);
    const known = this.#cache.get(raw);
    if (known !== undefined) return known;
    const key = canonicalKey(buffer.toString('utf8', start, end), this.#whose);
    if (this.#cache.size >= CACHED_SERIES) this.#cache.clear();
    this.#cache.set(raw, key);
    return key;
  }
}

/** The key of a `metric` object given as text. */
export function canonicalKey(text: string, whose: string): string {
  const pairs = labelPairs(text, whose).filter(([, value]) => value !== '');
  return keyOfPairs(pairs.map(([name, value]) => [name.toWellFormed(), value.toWellFormed()]));
}

/** The key of labels that are not empty; sorts them in place. */
export function keyOfPairs(pairs: [string, string][]): string {
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify(pairs);
}
