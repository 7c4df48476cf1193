/** Times as queries give them. Answers are ms since the epoch. */
import { TsdError } from './errors.ts';

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  n: 2_592_000_000,
  y: 31_536_000_000,
};

function zoneOffsetMs(ms: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(ms);
  const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value);
  return (
    Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) - Math.floor(ms / 1000) * 1000
  );
}

function absolute(text: string, zone: string): number {
  const found = /^(\d{4})\/(\d\d)\/(\d\d)(?:[- ](\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text);
  if (!found) throw new TsdError(400, `Invalid absolute date: ${text}`);
  const [year, month, day, hour, minute, second] = found.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const utc = Date.UTC(year, month - 1, day, hour, minute, second);
  try {
    return utc - zoneOffsetMs(utc, zone);
  } catch (error) {
    if (error instanceof RangeError) throw new TsdError(400, `Invalid timezone name: ${zone}`);
    throw error;
  }
}

/** Up to 10 digits are seconds, more are ms; also `1678233600.123`, `…ms`, `now`, `1h-ago`, `2023/03/08-00:00:00`. */
export function parseTsdTime(text: string, nowMs: number, zone: string): number {
  if (text.toLowerCase() === 'now') return nowMs;
  const ago = /^(\d+)(ms|[smhdwny])-ago$/i.exec(text);
  if (ago) return nowMs - Number(ago[1]) * (UNIT_MS[(ago[2] as string).toLowerCase()] as number);
  if (text.toLowerCase().endsWith('-ago')) throw new TsdError(400, `Invalid duration (suffix): ${text.slice(0, -4)}`);
  if (text.includes('/') || text.includes(':')) return absolute(text, zone);
  if (text.includes('.')) {
    if (!/^\d{10}\.\d{1,3}$/.test(text)) {
      throw new TsdError(
        400,
        `Invalid time: ${text}. Millisecond timestamps must be in the format <seconds>.<ms> where the milliseconds are limited to 3 digits`,
      );
    }
    // The point is taken out and what is left read as ms: with fewer than three digits behind it, that is a time in 1970.
    return Number(text.replace('.', ''));
  }
  const bare = text.replace(/ms$/, '');
  const strange = /[^0-9-]/.exec(bare);
  if (strange) throw new TsdError(400, `Invalid time: ${text}. Invalid character '${strange[0]}' in ${text}`);
  const time = Number(bare);
  if (time < 0) throw new TsdError(400, `Invalid time: ${text}. Negative timestamps are not supported.`);
  return bare.length <= 10 && bare === text ? time * 1000 : time;
}
