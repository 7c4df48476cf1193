/**
 * When is a value that was read back the value that was sent?
 *
 * VictoriaMetrics makes a float64 of the text and then a decimal `m·10^e` of it, `m` a whole number of 64 bits. What that
 * does to a value **by itself** (60,000 random doubles each on 1.79.5 and 1.147, one value a series) is the sink's stated
 * precision, and what it yields is *matched*:
 *
 * - whole numbers below 2^53: nothing at all, so no deviation is accepted (a counter that is off by one is wrong);
 * - other values of up to 10^6: 12 decimal digits, relative deviation up to 1.0001e-12 seen;
 * - above that, and whole numbers from 2^53: 15 digits, relative deviation up to 1.5e-15 seen;
 * - negative zero: zero.
 *
 * The values of one series are stored in **blocks** of up to 8192, never across the end of a calendar month (UTC), and a
 * block has one `e` only. The largest of them decides: its `m` has at least 9.2·10^17, so the others are cut off (towards
 * zero, never rounded) at a decimal place of at most largest/9.2·10^17. Such a value is *precision lost*, and it is told from
 * a wrong one by three things: it must be exactly the cut at a decimal place, the cut must be at the last digit it still has
 * or behind it, and a value large enough to explain the cut must be known. The same goes for values below 10^-290, which the sink makes zero.
 *
 * A whole number from 2^52 on may also come back one or two off, where its block has decimals: precision lost, never a match.
 *
 * Anything else is *different*.
 */
export const RELATIVE_SMALL = 1.001e-12;
export const RELATIVE_LARGE = 4e-15;
const SMALL_LIMIT = 1e6;
const WHOLE_DIGITS_OF_SMALL = 6;
const EXACT_LIMIT = 2 ** 53;
const VANISHES_BELOW = 1e-290;
/** The largest value of a block is at least this many times the decimal place at which the block is cut. */
const LEAST_MANTISSA = 9.2e17;
const ONE_ULP = 2 ** -52;

/** `judge` gives this for a match, `DIFFERENT` for a wrong value; a positive number is the magnitude that would explain the loss. */
export const MATCHED = 0;
export const DIFFERENT = -1;
/** The loss needs no neighbour to be explained. */
export const LOST_ALONE: number = Number.MIN_VALUE;

const DOT = 46;
const MINUS = 45;
const ZERO = 48;
const QUOTE = 34;
/** Significant digits taken into a float64 without rounding. */
const EXACT_DIGITS = 15;
const POWERS: Float64Array = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/** Set by `quickNumber`: its result is off by less than 1.1e-14 relatively, because digits were left out. */
let shortened = false;

/**
 * The number written in `[start, end)`. Plain decimals without exponent and with at most 15 significant digits are read
 * exactly, digit by digit; of longer ones the first 15 digits (`shortened`). NaN: something for `fullNumber`.
 */
function quickNumber(buffer: Buffer, start: number, end: number): number {
  shortened = false;
  let at = start;
  const negative = buffer[at] === MINUS;
  if (negative) at++;
  let mantissa = 0;
  let digits = 0;
  let scale = 0;
  let dot = false;
  for (; at < end; at++) {
    const digit = buffer[at]! - ZERO;
    if (digit >= 0 && digit <= 9) {
      if (digits < EXACT_DIGITS) {
        mantissa = mantissa * 10 + digit;
        if (mantissa !== 0) digits++;
        if (dot) scale++;
      } else {
        shortened = true;
        if (!dot) return Number.NaN;
      }
    } else if (digit === DOT - ZERO && !dot) dot = true;
    else return Number.NaN;
  }
  if (scale > 22 || end - start > 40 || (digits === 0 && scale === 0 && buffer[end - 1] !== ZERO)) return Number.NaN;
  const value = mantissa / POWERS[scale]!;
  return negative ? -value : value;
}

/** The number written in `[start, end)`, exactly as `Number` has it; NaN for `null` and whatever is none. Exports put infinities in quotes. */
export function fullNumber(buffer: Buffer, start: number, end: number): number {
  if (start >= end) return Number.NaN;
  const value = quickNumber(buffer, start, end);
  if (!shortened && !Number.isNaN(value)) return value;
  const text = buffer[start] === QUOTE ? buffer.toString('latin1', start + 1, end - 1) : buffer.toString('latin1', start, end);
  return Number(text);
}

/** Judges the found value in `b[bStart, bEnd)` against the sent one in `a[aStart, aEnd)`: MATCHED, DIFFERENT, or the magnitude that would explain the loss. */
export function judge(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): number {
  const quickSent = quickNumber(a, aStart, aEnd);
  const sentShortened = shortened;
  const quickFound = quickNumber(b, bStart, bEnd);
  if (!shortened && !Number.isNaN(quickFound)) {
    if (!sentShortened && !Number.isNaN(quickSent)) return judgeNumbers(quickSent, quickFound);
    // Most readings with 16 or 17 digits: far inside the tolerance, so the digits left out cannot change the verdict.
    const size = Math.abs(quickSent);
    if (size < SMALL_LIMIT && Math.abs(quickSent - quickFound) < size * (RELATIVE_SMALL * 0.98) && !Number.isInteger(quickSent))
      return MATCHED;
  }
  return judgeNumbers(fullNumber(a, aStart, aEnd), fullNumber(b, bStart, bEnd));
}

/**
 * Quick, and only ever true for a match: two plain decimals that are the same from `a[start]` up to `a[split]` and `b[bSplit]`,
 * behind the dot (at `dot`), and then go on differently. With `k` common significant digits they differ by less than one unit of the k-th,
 * the next three digits say by how much; the first three bound the value from below. Nothing is computed digit by digit.
 */
export function alikeFrom(
  a: Buffer,
  start: number,
  dot: number,
  split: number,
  end: number,
  b: Buffer,
  bSplit: number,
  bEnd: number,
): boolean {
  let first = a[start] === MINUS ? start + 1 : start;
  if (dot - first > WHOLE_DIGITS_OF_SMALL) return false;
  while (first < split && (a[first] === ZERO || first === dot)) first++;
  const common = split - first - (first < dot ? 1 : 0);
  // 12 digits at least, else it is no match; one of them behind the dot that is not zero, else the value may be a whole number.
  if (common < 12 || common > 17) return false;
  let last = split - 1;
  while (a[last] === ZERO) last--;
  if (last <= dot) return false;
  const lead = leadOf(a, first, dot);
  const aNext = thousandths(a, split, end);
  const bNext = thousandths(b, bSplit, bEnd);
  if (aNext < 0 || bNext < 0) return false;
  return Math.abs(aNext - bNext) + 1 <= lead * POWERS[common - 3]! * (1000 * RELATIVE_SMALL);
}

/** The first three significant digits as a whole number; there are more of them. */
function leadOf(buffer: Buffer, first: number, dot: number): number {
  const second = first + 1 === dot ? first + 2 : first + 1;
  const third = second + 1 === dot ? second + 2 : second + 1;
  return (buffer[first]! - ZERO) * 100 + (buffer[second]! - ZERO) * 10 + (buffer[third]! - ZERO);
}

/** The next three digits, zeros where there are none; negative when something else than digits is there. */
function thousandths(buffer: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < start + 3; at++) {
    const digit = at < end ? buffer[at]! - ZERO : 0;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  // An exponent further on would change everything.
  for (let at = start + 3; at < end; at++) if (buffer[at]! > ZERO + 9) return -1;
  return value;
}

/** As `judge`, of numbers. */
export function judgeNumbers(sent: number, found: number): number {
  if (sent === found) return MATCHED;
  const size = Math.abs(sent);
  const off = Math.abs(sent - found);
  if (!(off < Number.POSITIVE_INFINITY)) return DIFFERENT;
  const whole = size < EXACT_LIMIT && Number.isInteger(sent);
  const tolerance = whole ? 0 : size * (size <= SMALL_LIMIT ? RELATIVE_SMALL : RELATIVE_LARGE);
  if (off <= tolerance) return MATCHED;
  if (found === 0 && size < VANISHES_BELOW) return LOST_ALONE;
  // A block with a negative exponent gives whole numbers back through a division: the last bit may be off, which makes them broken numbers.
  if (whole && off <= size * ONE_ULP) return Number.isInteger(found) ? size : MATCHED;
  const cut = size - Math.abs(found);
  if (cut < 0 || found * sent < 0) return DIFFERENT;
  // The lowest decimal place that takes off so much; the found value must not have digits behind it.
  let place = Math.max(-330, Math.floor(Math.log10(cut - tolerance)));
  while (powerOfTen(place) <= cut - tolerance) place++;
  if (found !== 0 && place > lastPlace(found)) return DIFFERENT;
  return powerOfTen(place) * LEAST_MANTISSA;
}

/**
 * The decimal place of a number's last digit that is not zero: -3 for 0.123, 2 for 1200. Of its shortest decimal, not of the
 * text that was read: the sink prints 8.6257800814·10^18 as 8625780081400000512.
 */
function lastPlace(value: number): number {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const dot = mantissa.indexOf('.');
  const digits = mantissa.replace('.', '');
  const zeros = digits.length - digits.replace(/0+$/, '').length;
  return zeros - (dot < 0 ? 0 : mantissa.length - dot - 1) + Number(exponent);
}

function powerOfTen(place: number): number {
  return place >= 0 && place <= 22 ? POWERS[place]! : Number(`1e${place}`);
}

/** Whether `largest`, the largest magnitude known near a value, explains a loss that needs `magnitude`. */
export function explains(largest: number, magnitude: number): boolean {
  return largest * 1.001 >= magnitude;
}
