/** Lengths of time as people write them, to milliseconds. */
import { BadDuration } from '../errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const WORD_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 };

/** A thousand years: what is longer is a slip of the pen. */
const LONGEST_MS = 1_000 * 365 * 86_400_000;

/** Reads `day`, `hour`, `6h`, `90m`, `1h30m`, `1.5h`. Throws `LSH_DURATION_INVALID`. */
export function parseDuration(text: string): number {
  const wanted = text.trim().toLowerCase();
  const word = WORD_MS[wanted];
  if (word !== undefined) return word;
  if (/^\d+$/.test(wanted)) throw BadDuration({ text, why: 'it has no unit' });
  if (!/^(\d+(\.\d+)?(ms|s|min|m|h|d|w)\s*)+$/.test(wanted))
    throw BadDuration({ text, why: 'it is not made of numbers with ms, s, m, h, d or w' });
  let sum = 0;
  for (const [, number, unit] of wanted.matchAll(/(\d+(?:\.\d+)?)(ms|s|min|m|h|d|w)/g)) sum += Number(number) * (UNIT_MS[unit!] ?? 0);
  const ms = Math.round(sum);
  if (ms > LONGEST_MS) throw BadDuration({ text, why: 'it is longer than a thousand years' });
  return ms;
}
