/** Points in time as people and scripts write them, to milliseconds since 1970. Without a zone they are UTC. */
import { BadTime } from '../errors.ts';

const CALENDAR = /^(\d{4})[-/](\d{2})[-/](\d{2})(?:[T\s-](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

/** The last millisecond of the year 9999. */
const LAST_MS = 253_402_300_799_999;

/**
 * Reads `now`, `2023-03-08`, `2023-03-08T23:59:59.5`, `2023-03-08 23:59`, the same with `Z` or `+01:00`, seconds (9 or 10 digits) or
 * milliseconds (12 or 13 digits) since 1970. Throws `LSH_TIME_INVALID`.
 */
export function parseTime(text: string, nowMs: number): number {
  const wanted = text.trim();
  if (wanted.toLowerCase() === 'now') return nowMs;
  if (/^\d+$/.test(wanted)) return epoch(wanted);
  const found = CALENDAR.exec(wanted);
  if (!found) throw BadTime({ text, why: 'it is neither a date, a number of seconds or milliseconds, nor now' });
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = found;
  const parts = [year, month, day, hour, minute, second].map(Number) as [number, number, number, number, number, number];
  const local = Date.UTC(parts[0], parts[1] - 1, parts[2], parts[3], parts[4], parts[5], Number(fraction.padEnd(3, '0').slice(0, 3)));
  if (isoSeconds(local) !== `${year}-${month}-${day}T${hour}:${minute}:${second}` || parts[0] < 100)
    throw BadTime({ text, why: 'there is no such day or time of day' });
  const ms = local - offsetMs(text, zone);
  if (ms < 0 || ms > LAST_MS) throw BadTime({ text, why: 'it is before 1970 or after 9999' });
  return ms;
}

function epoch(digits: string): number {
  if (digits === '0') return 0;
  if (digits.length === 9 || digits.length === 10) return Number(digits) * 1000;
  if (digits.length === 12 || digits.length === 13) return Number(digits);
  throw BadTime({ text: digits, why: 'seconds since 1970 have 9 or 10 digits, milliseconds 12 or 13' });
}

function offsetMs(text: string, zone: string): number {
  if (/^z$/i.test(zone)) return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  if (hours > 14 || minutes > 59) throw BadTime({ text, why: `there is no time zone ${zone}` });
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function isoSeconds(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 19) : '';
}

/** `2023-03-08 00:00:00 UTC`, with milliseconds only where there are some. */
export function showTime(ms: number): string {
  const [date, time] = new Date(ms).toISOString().split('T') as [string, string];
  return `${date} ${time.replace('.000Z', '').replace('Z', '')} UTC`;
}
