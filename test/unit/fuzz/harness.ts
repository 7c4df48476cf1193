/**
 * Fuzzing: some thousands of inputs each in the suite, a million with `LONGSHORE_FUZZ=1` (another number: so many). Every input is made from
 * the seed of the run and its own number, so that a failure names what brings it back:
 *
 *   LONGSHORE_FUZZ_SEED=7 LONGSHORE_FUZZ_CASE=1234 pnpm test test/unit/fuzz/<file>
 */
import { test } from 'vitest';

const MILLION = 1_000_000;
/** Nothing here asserts on time; this is for a hang. */
const TIMEOUT_MS = 4 * 3_600_000;
/** Whoever waits for a reader lets the reporter speak now and then. */
const BREATHE_EVERY = 20_000;

/** A small generator; fast, and the same everywhere. */
export class Dice {
  #state: number;

  constructor(seed: number, number: number) {
    this.#state = (Math.imul(seed, 0x9e37_79b1) ^ Math.imul(number + 1, 0x85eb_ca6b)) >>> 0;
    this.below(2);
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** True once in so many times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  times<T>(count: number, make: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => make(index));
  }
}

function setting(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${name} is no whole number: ${text}`);
  return number;
}

/** `few`: inputs in the suite; `most`: in a long run. `one` judges a single input and throws when it was read wrongly. */
export function fuzz(name: string, few: number, one: (dice: Dice, number: number) => void | Promise<void>, most: number = MILLION): void {
  const many = setting('LONGSHORE_FUZZ');
  const only = setting('LONGSHORE_FUZZ_CASE');
  const seed = setting('LONGSHORE_FUZZ_SEED') ?? 1 + Math.floor(Math.random() * 1e9);
  const count = many === undefined ? few : many === 1 ? most : Math.min(many, most);
  test(
    `${name} (${only === undefined ? `${count} inputs` : `input ${only}`}, seed ${seed})`,
    async () => {
      const [from, to] = only === undefined ? [0, count] : [only, only + 1];
      for (let number = from; number < to; number++) {
        try {
          const judged = one(new Dice(seed, number), number);
          if (judged !== undefined) await judged;
        } catch (error) {
          throw new Error(
            `LONGSHORE_FUZZ_SEED=${seed} LONGSHORE_FUZZ_CASE=${number}: ${error instanceof Error ? error.message : String(error)}`,
            {
              cause: error,
            },
          );
        }
        if (number % BREATHE_EVERY === BREATHE_EVERY - 1) await new Promise((resolve) => setImmediate(resolve));
      }
    },
    TIMEOUT_MS,
  );
}

const HOSTILE = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\n',
  '\r\n',
  '\u0000',
  'null',
  'NaN',
  '-0',
  '1e999',
  '9'.repeat(40),
  '0'.repeat(300),
  '['.repeat(300),
  '\\u',
  '\\ud800',
  '\\u0022',
  '"dps":[',
  '"tags":{',
  ',"metric":"x"',
  '|',
  "'",
  '\\x41',
  '\\',
];

/** Damages bytes in one way or a few: bits flipped, cut off, pieces left out, doubled, overwritten, made zero, hostile texts put in. */
export function damaged(bytes: Buffer, dice: Dice): Buffer {
  let result = Buffer.from(bytes);
  for (let left = dice.oneIn(3) ? 1 + dice.below(4) : 1; left > 0; left--) {
    const at = dice.below(result.length + 1);
    const length = Math.min(result.length - at, 1 + dice.below(dice.oneIn(4) ? 400 : 8));
    switch (dice.below(8)) {
      case 0:
      case 1:
        if (at < result.length) result[at]! ^= 1 << dice.below(8);
        break;
      case 2:
        result = result.subarray(0, at);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at + length), result.subarray(at)]);
        break;
      case 5:
        if (at < result.length) result[at] = dice.below(256);
        break;
      case 6:
        result = Buffer.concat([result.subarray(0, at), Buffer.alloc(length), result.subarray(at + length)]);
        break;
      default:
        result = Buffer.concat([
          result.subarray(0, at),
          Buffer.from(dice.pick(HOSTILE)),
          result.subarray(at + (dice.oneIn(2) ? length : 0)),
        ]);
    }
  }
  return result;
}

/** Cuts bytes into pieces: at every byte, at one place, or at some. */
export function pieces(bytes: Buffer, dice: Dice): Buffer[] {
  if (dice.oneIn(8)) return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  const cuts = dice.times(1 + dice.below(4), () => dice.below(bytes.length + 1)).sort((a, b) => a - b);
  const all = [0, ...cuts, bytes.length];
  return all.slice(1).map((to, index) => bytes.subarray(all[index], to));
}
