/**
 * The kinds of values in the data set, as endless streams of texts. Each text is what OpenTSDB prints for the number again, so that a
 * migration can be checked digit by digit: integers whole, decimals in their shortest form with a last digit other than 0.
 */
import type { SeededRandom } from './random.ts';

/**
 * `text` is what a query prints, `sent` what is put. They differ in one case: an integer whose next point in the same query is a decimal
 * is printed as a decimal (`-3333.0`), since OpenTSDB looks one point ahead to choose the type.
 */
export interface Value {
  text: string;
  sent: string;
}

export type ValueKind = 'counter' | 'gauge' | 'decimal' | 'double' | 'mixed' | 'huge' | 'hugest';

const same = (text: string): Value => ({ text, sent: text });

/** Thousandths that need all their three digits. */
function thousandths(random: SeededRandom, from: number, to: number): string {
  const hundredths = random.whole(from * 100, to * 100 - 1);
  return (hundredths / 100 + random.whole(1, 9) / 1000).toFixed(3);
}

function* counter(random: SeededRandom): Generator<Value> {
  for (let total = random.whole(0, 1_000_000_000); ; total += random.whole(0, 2_000_000)) yield same(String(total));
}

function* gauge(random: SeededRandom): Generator<Value> {
  for (;;) yield same(String(random.whole(0, 40_000)));
}

function* decimal(random: SeededRandom): Generator<Value> {
  for (;;) yield same(thousandths(random, 1, 500));
}

/** Fifteen digits, as many as a double surely keeps. */
function* double(random: SeededRandom): Generator<Value> {
  for (;;) {
    const head = String(random.whole(1_000_000, 9_999_999));
    const middle = String(random.whole(0, 9_999_999)).padStart(7, '0');
    yield same(`0.${head}${middle}${random.whole(1, 9)}`);
  }
}

/** Below zero, integers and decimals in turn. */
function* mixed(random: SeededRandom): Generator<Value> {
  for (;;) {
    const integer = -random.whole(1_000, 9_999);
    yield { text: `${integer}.0`, sent: String(integer) };
    yield same(`-${thousandths(random, 1, 90)}`);
  }
}

/** Integers from `start` upward, beyond what a double can tell apart. */
function* hugeFrom(random: SeededRandom, start: bigint): Generator<Value> {
  for (let total = start; ; total += BigInt(random.whole(1, 1_000_000))) yield same(total.toString());
}

export function values(kind: ValueKind, random: SeededRandom): Generator<Value> {
  switch (kind) {
    case 'counter':
      return counter(random);
    case 'gauge':
      return gauge(random);
    case 'decimal':
      return decimal(random);
    case 'double':
      return double(random);
    case 'mixed':
      return mixed(random);
    case 'huge':
      return hugeFrom(random, 2n ** 53n + 1n);
    case 'hugest':
      return hugeFrom(random, 9_009_007_199_254_740_993n);
  }
}
