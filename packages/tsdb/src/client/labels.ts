/** The labels of an import line as pairs. */
import { BadExport } from './victoriametrics/errors.ts';

const PAIR = /[{,]("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*")/y;
const EXCERPT_CHARS = 120;

/**
 * Names and values in their order (an object of JavaScript would put names like `1` first). Throws LSH_VM_EXPORT, naming `whose`, when `labels`
 * is anything but an object of texts, without blanks, in which no name stands twice.
 */
export function labelPairs(labels: string, whose: string = 'a line'): [string, string][] {
  const refused = (reason: string): Error => BadExport({ sink: whose, reason, excerpt: labels.slice(0, EXCERPT_CHARS) });
  const pairs: [string, string][] = [];
  let at = 0;
  for (PAIR.lastIndex = 0; ; at = PAIR.lastIndex) {
    const found = PAIR.exec(labels);
    if (found === null || found[0].startsWith('{') !== (at === 0)) break;
    pairs.push([textIn(found[1]!, refused), textIn(found[2]!, refused)]);
  }
  if (labels.slice(at) !== (at === 0 ? '{}' : '}')) throw refused('labels are no object of texts');
  if (new Set(pairs.map(([name]) => name)).size < pairs.length) throw refused('a label stands there twice');
  return pairs;
}

function textIn(json: string, refused: (reason: string) => Error): string {
  try {
    return JSON.parse(json) as string;
  } catch {
    throw refused('a label is no text of JSON');
  }
}

/** The same series has the same key, whatever the order of its labels. */
export function seriesKey(pairs: readonly (readonly [string, string])[]): string {
  return JSON.stringify([...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
