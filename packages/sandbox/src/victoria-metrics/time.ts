/** Times and durations as the read API takes them. All in ms. */

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const PARTIAL_DATE = /^\d{4}-\d\d(?:-\d\d(?:T\d\d(?::\d\d(?::\d\d)?)?)?)?Z?$/;
/** Largest time the server works with. */
const MAX_MS = 9_223_372_036_854;
/** Numbers below it are seconds, and a thousand times that for each finer unit. */
const SECONDS_BELOW = 2 ** 31;

/** `1h30m`, `1.5s`, `60001ms`, or a bare number of seconds. Undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!DURATION.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)) sum += Number(count) * (UNIT_MS[unit as string] as number);
  return sum;
}

function fromNumber(value: number, guessesUnit: boolean): number {
  if (!guessesUnit) return Math.trunc(value * 1000);
  const size = Math.abs(value);
  if (size < SECONDS_BELOW) return Math.round(value * 1000);
  if (size < SECONDS_BELOW * 1e3) return Math.round(value);
  return Math.trunc(value / (size < SECONDS_BELOW * 1e6 ? 1e3 : 1e6));
}

/** A time parameter; undefined when it cannot be read. */
export function parseTime(text: string, nowMs: number, guessesUnit: boolean): number | undefined {
  const clamp = (ms: number): number => Math.min(Math.max(ms, 0), MAX_MS);
  if (/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return clamp(fromNumber(Number(text), guessesUnit));
  if (RFC3339.test(text)) return clamp(Date.parse(text));
  const ago = parseDuration(text.replace(/^-/, ''));
  if (ago !== undefined) return clamp(nowMs - ago);
  if (!guessesUnit) return undefined;
  if (text === 'now') return nowMs;
  if (PARTIAL_DATE.test(text)) {
    const full = '0000-01-01T00:00:00';
    const bare = text.replace(/Z$/, '');
    return clamp(Date.parse(`${bare}${full.slice(bare.length)}Z`));
  }
  return undefined;
}
