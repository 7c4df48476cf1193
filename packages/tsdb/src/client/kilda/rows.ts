/**
 * A row of a kilda dump, `<metric>.ndjson`, which is no JSON but CSV with pipes, one point a row, CRLF at its end:
 *
 *   1678233600.0|kilda.a|{'host': 'h1', 'dc': 'x'}|2.5
 *
 * seconds as a Python float, the metric, the tags as a Python dict, the number. A field that holds a pipe, a double quote or a line
 * end stands in double quotes, those inside it doubled.
 */
import { dumpedNumber, floatRepr, parseTagsRepr, tagsRepr } from './python.ts';

export interface Row {
  timestampMs: number;
  metric: string;
  tags: [string, string][];
  /** As it stands in the file. */
  value: string;
}

function csvField(text: string): string {
  return /[|"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What stands between the time and the number in every row of a series, pipes included. */
export function rowMiddle(metric: string, tags: Iterable<readonly [string, string]>): string {
  return `|${csvField(metric)}|${csvField(tagsRepr(tags))}|`;
}

/** A row with its line end. `number` is the source's own text. */
export function rowText(timestampMs: number, middle: string, number: string): string {
  return `${floatRepr(timestampMs / 1000)}${middle}${dumpedNumber(number)}\r\n`;
}

/** Fields of one line without its end; undefined when a quote is not closed. */
function csvFields(line: string): string[] | undefined {
  const fields: string[] = [];
  for (let at = 0; ; at++) {
    let field = '';
    if (line[at] === '"') {
      for (at++; ; at++) {
        const quote = line.indexOf('"', at);
        if (quote < 0) return undefined;
        field += line.slice(at, quote);
        at = quote + 1;
        if (line[at] !== '"') break;
        field += '"';
      }
      if (at < line.length && line[at] !== '|') return undefined;
    } else {
      const pipe = line.indexOf('|', at);
      const end = pipe < 0 ? line.length : pipe;
      field = line.slice(at, end);
      at = end;
    }
    fields.push(field);
    if (at >= line.length) return fields;
  }
}

/** OpenTSDB has nothing before 1970. */
const PLAIN_TIME = /^\d+(\.\d+)?([eE][-+]?\d+)?$/;
const PLAIN_FLOAT = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/;

/** The row in a line without its end, or what is wrong with it. */
export function parseRow(line: string): Row | { wrong: string } {
  const fields = csvFields(line);
  if (fields === undefined) return { wrong: 'a quote is not closed' };
  if (fields.length !== 4) return { wrong: `it has ${fields.length} fields where 4 belong` };
  const [time, metric, tagsText, value] = fields as [string, string, string, string];
  if (!PLAIN_TIME.test(time)) return { wrong: `"${time.slice(0, 40)}" is no time` };
  const timestampMs = Math.round(Number(time) * 1000);
  if (!Number.isSafeInteger(timestampMs)) return { wrong: `"${time.slice(0, 40)}" is no time` };
  if (metric === '') return { wrong: 'the metric has no name' };
  const tags = parseTagsRepr(tagsText);
  if (tags === undefined) return { wrong: `"${tagsText.slice(0, 60)}" are no tags` };
  const odd = oddity(tags);
  if (odd !== undefined) return { wrong: `"${tagsText.slice(0, 60)}" cannot be tags: ${odd}` };
  if (!PLAIN_FLOAT.test(value) || !Number.isFinite(Number(value))) return { wrong: `"${value.slice(0, 40)}" is no number` };
  return { timestampMs, metric, tags, value };
}

/** What no tags of a series can have. */
function oddity(tags: readonly [string, string][]): string | undefined {
  if (new Set(tags.map(([key]) => key)).size < tags.length) return 'one stands there twice';
  if (tags.some(([key, text]) => key === '' || text === '')) return 'one is empty';
  if (tags.some(([key, text]) => !key.isWellFormed() || !text.isWellFormed())) return 'one is no Unicode text';
  return tags.some(([key]) => key === '__name__') ? '__name__ is the name of the metric' : undefined;
}
