/** Times as the kilda tools read them: without a zone, in the zone of this process. */

const FORMS = ['%Y-%m-%d', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S'] as const;
const TEXT = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{1,2}):(\d{1,2}))?$/;

/** The sentence the original says of a text it cannot read. */
export function notADate(text: string): string {
  return `invalid datetime format: ${text}. (choose from ${FORMS.join(', ')})`;
}

/** Milliseconds since 1970; undefined for any other form, and for days that do not exist. */
export function localTime(text: string): number | undefined {
  const [, year, month, day, hour = '0', minute = '0', second = '0'] = TEXT.exec(text) ?? [];
  if (year === undefined) return undefined;
  const parts = [year, month, day, hour, minute, second].map(Number) as [number, number, number, number, number, number];
  const [y, mo, d, h, mi, s] = parts;
  if (mo < 1 || mo > 12 || d < 1 || d > new Date(y, mo, 0).getDate() || h > 23 || mi > 59 || s > 59 || y < 1970) return undefined;
  return new Date(y, mo - 1, d, h, mi, s).getTime();
}

/** `2023-03-08 00:00:00+00:00` */
export function utcText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}+00:00`;
}
