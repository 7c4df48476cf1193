/**
 * VictoriaMetrics keeps the values of a block as whole numbers with one decimal exponent for all of them. What that costs in digits is
 * modelled here step by step, since a client that verifies has to live with it: a value alone keeps 12 to 16 digits, a small value beside a
 * huge one may become zero. Read from its source and compared with real servers of both versions.
 */

/** Whole number and exponent; a number where it is exact, else a bigint. */
interface Decimal {
  mantissa: number | bigint;
  exponent: number;
}

const INT64_MAX = 2n ** 63n - 1n;
/** The two ends of the int64 range stand for infinities, the one below the upper end for a stale marker. */
const LARGEST = INT64_MAX - 2n;
const SMALLEST = -INT64_MAX;
const TWO_55 = 2n ** 55n;
const LOG10_2 = 0.3010299956639812;
/** Digits up to which a fraction is followed: fewer below a million than above. */
const PRECISION = 1e12;
const PRECISION_OF_LARGE = 1e15;

const powers = new Map<number, number>();

function pow10(exponent: number): number {
  let power = powers.get(exponent);
  if (power === undefined) {
    power = goPower(exponent);
    powers.set(exponent, power);
  }
  return power;
}

/** A power of ten as Go's library makes it, of two table entries; now and then it is a bit off. */
function goPower(exponent: number): number {
  const size = Math.abs(exponent);
  const [coarse, fine] = [Math.floor(size / 32) * 32, Number(`1e${size % 32}`)];
  if (exponent >= 0) return exponent > 308 ? Number.POSITIVE_INFINITY : Number(`1e${coarse}`) * fine;
  return exponent < -323 ? 0 : Number(`1e-${coarse}`) / fine;
}

const bits = new DataView(new ArrayBuffer(8));

/** The binary exponent of a positive finite number written as 0.1xxx·2^e, bounded as the server bounds it. */
function binaryExponent(value: number): number {
  bits.setFloat64(0, value);
  const biased = (bits.getUint16(0) >> 4) & 0x7ff;
  return biased === 0 ? -1022 : Math.min(biased - 1022, 1023);
}

function narrow(mantissa: bigint): number | bigint {
  return mantissa <= BigInt(Number.MAX_SAFE_INTEGER) && mantissa >= -BigInt(Number.MAX_SAFE_INTEGER) ? Number(mantissa) : mantissa;
}

function wholeToDecimal(value: number): Decimal {
  let exponent = 0;
  if (value <= Number.MAX_SAFE_INTEGER) {
    let mantissa = value;
    while (mantissa % 10 === 0) {
      mantissa /= 10;
      exponent += 1;
    }
    return { mantissa, exponent };
  }
  let mantissa = BigInt(value);
  while (mantissa >= TWO_55) {
    mantissa /= 10n;
    exponent += 1;
  }
  while (mantissa % 10n === 0n) {
    mantissa /= 10n;
    exponent += 1;
  }
  return { mantissa: narrow(mantissa), exponent };
}

function fractionToDecimal(value: number): Decimal {
  let exponent = 0;
  let scaled = value;
  let precision = PRECISION;
  if (value > 1e6 || value < 1e-6) {
    if (value > 1e6) precision = PRECISION_OF_LARGE;
    exponent = Math.trunc(binaryExponent(value) * LOG10_2);
    scaled *= pow10(-exponent);
  }
  while (scaled < precision) {
    const whole = Math.trunc(scaled);
    const fraction = scaled - whole;
    if (fraction * precision < whole) {
      scaled = whole;
      break;
    }
    if ((1 - fraction) * precision < whole) {
      scaled = whole + 1;
      break;
    }
    scaled *= 100;
    exponent -= 2;
  }
  let mantissa = BigInt(Math.trunc(scaled));
  if (mantissa % 10n === 0n) {
    mantissa /= 10n;
    exponent += 1;
  }
  return { mantissa: narrow(mantissa), exponent };
}

function toDecimal(value: number): Decimal {
  if (value === 0) return { mantissa: 0, exponent: 0 };
  const size = Math.abs(value);
  const decimal = Number.isInteger(size) && size < 2 ** 64 ? wholeToDecimal(size) : fractionToDecimal(size);
  const signed =
    typeof decimal.mantissa === 'number' ? Math.sign(value) * decimal.mantissa : value < 0 ? -decimal.mantissa : decimal.mantissa;
  if (typeof signed === 'number') return { mantissa: signed, exponent: decimal.exponent };
  return { mantissa: signed > LARGEST ? LARGEST : signed < SMALLEST ? SMALLEST : signed, exponent: decimal.exponent };
}

/** Largest mantissa that can be multiplied by ten so many times within an int64. */
const ROOM = Array.from({ length: 19 }, (_, times) => INT64_MAX / 10n ** BigInt(times));
const ROOM_OF_NUMBERS = ROOM.map(Number);

/** How many times ten the mantissa can be multiplied by within an int64, at most 18. Zero bears anything. */
function room(mantissa: number | bigint): number {
  if (mantissa === 0) return 1024;
  let times = 18;
  if (typeof mantissa === 'number') {
    const size = Math.abs(mantissa);
    while (times > 0 && size > (ROOM_OF_NUMBERS[times] as number)) times -= 1;
    return times;
  }
  const size = mantissa < 0n ? -mantissa : mantissa;
  while (times > 0 && size > (ROOM[times] as bigint)) times -= 1;
  return times;
}

function rescale(decimal: Decimal, exponent: number): number | bigint {
  let by = decimal.exponent - exponent;
  if (by === 0 || decimal.mantissa === 0) return decimal.mantissa;
  if (typeof decimal.mantissa === 'number' && by > 0 && by <= 15) {
    const product = decimal.mantissa * pow10(by);
    if (Math.abs(product) <= Number.MAX_SAFE_INTEGER) return product;
  }
  let mantissa = BigInt(decimal.mantissa);
  for (; by > 0; by -= 1) mantissa *= 10n;
  for (; by < 0 && mantissa !== 0n; by += 1) mantissa /= 10n;
  return narrow(mantissa);
}

/** Values of one block as whole numbers with one exponent. Infinities stand at the ends of the int64 range. */
export interface BlockDecimals {
  mantissas: (number | bigint)[];
  exponent: number;
}

/** There is no NaN among the values (they are dropped before). */
export function blockDecimals(values: Float64Array): BlockDecimals {
  const decimals: (Decimal | undefined)[] = [];
  let exponent = 32767;
  for (const value of values) {
    const decimal = Number.isFinite(value) ? toDecimal(value) : undefined;
    decimals.push(decimal);
    if (decimal && decimal.exponent < exponent) exponent = decimal.exponent;
  }
  let lost = 0;
  for (const decimal of decimals) {
    if (decimal && decimal.exponent > exponent) lost = Math.max(lost, decimal.exponent - exponent - room(decimal.mantissa));
  }
  exponent += lost;
  const mantissas = decimals.map((decimal, at) => {
    if (decimal) return rescale(decimal, exponent);
    return (values[at] as number) > 0 ? INT64_MAX : -INT64_MAX - 1n;
  });
  return { mantissas, exponent };
}

/** Values of one block as the server gives them back. Infinities pass; there is no NaN (they are dropped before). In place. */
export function roundTripBlock(values: Float64Array): Float64Array {
  storeBlock(values);
  return values;
}

/**
 * The same, with the whole numbers that are stored: made once more from the values that come out, they can be other ones. None for whole
 * values within 2^53, which come out as they went in.
 */
export function storeBlock(values: Float64Array): BlockDecimals | undefined {
  // Whole numbers within 2^53 are exact beside each other, and zero loses its sign.
  if (values.every(Number.isSafeInteger)) {
    for (let at = 0; at < values.length; at += 1) values[at] = (values[at] as number) + 0;
    return undefined;
  }
  const decimals = blockDecimals(values);
  const { mantissas, exponent } = decimals;
  for (const [at, whole] of mantissas.entries()) {
    if (!Number.isFinite(values[at])) continue;
    const mantissa = Number(whole);
    values[at] = mantissa === 0 ? 0 : exponent < 0 ? mantissa / pow10(-exponent) : mantissa * pow10(exponent);
  }
  return decimals;
}

/** A number as the server prints it: never with an exponent, whole numbers in the int64 range with all their digits. */
export function printValue(value: number, infinity: { positive: string; negative: string }): string {
  if (Number.isSafeInteger(value)) return String(value);
  if (!Number.isFinite(value)) return value > 0 ? infinity.positive : infinity.negative;
  if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) return BigInt(value).toString();
  const text = String(value);
  const mark = text.indexOf('e');
  if (mark < 0) return text;
  const sign = value < 0 ? '-' : '';
  const [whole = '', fraction = ''] = text.slice(sign.length, mark).split('.');
  const shift = Number(text.slice(mark + 1));
  const digits = whole + fraction;
  const point = whole.length + shift;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return point >= digits.length ? sign + digits.padEnd(point, '0') : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
