/** Bodies of `/api/put` as `kilda-otsdb-restore` sends them: every number as a float, every time in 13 digits of ms. */
import { asciiJson, floatRepr } from './python.ts';
import type { Row } from './rows.ts';

export function putObject({ metric, timestampMs, value, tags }: Row): string {
  const tagTexts = tags.map(([key, text]) => `${asciiJson(key)}: ${asciiJson(text)}`).join(', ');
  return `{"metric": ${asciiJson(metric)}, "timestamp": ${timestampMs}, "value": ${floatRepr(Number(value))}, "tags": {${tagTexts}}}`;
}

/** The body of some objects; brackets and commas count for its size. */
export function putBody(objects: readonly string[]): string {
  return `[${objects.join(',')}]`;
}
