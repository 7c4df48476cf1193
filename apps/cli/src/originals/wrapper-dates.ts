/** Dates of otsdb-to-vm: whatever form they have, they mean the hour or the day they lie in. */
import { parseTime } from '../arguments/time.ts';

export type Interval = 'day' | 'hour';

const HOUR_MS = 3_600_000;
export const INTERVAL_MS: Readonly<Record<Interval, number>> = { day: 24 * HOUR_MS, hour: HOUR_MS };

const ZONELESS = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T\s](\d{1,2}):(\d{2})(?::(\d{2}))?)?$/;

/** Without a zone in the zone of this process, as `date` reads it. Throws `LSH_TIME_INVALID`. */
export function wrapperTime(text: string, nowMs: number): number {
  const [, year, month, day, hour = '0', minute = '0', second = '0'] = ZONELESS.exec(text.trim()) ?? [];
  if (year === undefined) return parseTime(text, nowMs);
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as [number, number, number, number, number, number];
  const at = new Date(y, mo - 1, d, h, mi, s);
  // Lets the other reader say what is wrong with a day that does not exist.
  if (at.getMonth() !== mo - 1 || at.getDate() !== d || h > 23) return parseTime(text.trim().replace(' ', 'T'), nowMs);
  return at.getTime();
}

/** Start of the local day or hour. */
export function floorTo(interval: Interval, ms: number): number {
  const at = new Date(ms);
  return interval === 'day' ? at.setHours(0, 0, 0, 0) : at.setMinutes(0, 0, 0);
}

/** End of the local day or hour that was begun: an end inside an interval means all of it, or its last part would be lost. */
export function ceilTo(interval: Interval, ms: number): number {
  const floor = floorTo(interval, ms);
  if (floor === ms) return ms;
  const at = new Date(floor);
  return interval === 'day' ? at.setDate(at.getDate() + 1) : floor + HOUR_MS;
}
