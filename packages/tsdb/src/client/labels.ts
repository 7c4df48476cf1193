/** The labels of an import line as pairs. */

const PAIR = /"((?:[^"\\]|\\.)*)":"((?:[^"\\]|\\.)*)"/g;

/** Names and values in their order (an object of JavaScript would put names like `1` first). */
export function labelPairs(labels: string): [string, string][] {
  return [...labels.matchAll(PAIR)].map(([, key, value]) => [JSON.parse(`"${key}"`) as string, JSON.parse(`"${value}"`) as string]);
}

/** The same series has the same key, whatever the order of its labels. */
export function seriesKey(pairs: readonly (readonly [string, string])[]): string {
  return JSON.stringify([...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
