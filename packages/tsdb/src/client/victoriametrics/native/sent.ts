/** The lines of a series as numbers, to be held against what native blocks hold. */
import type { LineView } from '../lines.ts';
import { fullNumber } from '../values.ts';

const COMMA = 44;
const DOT = 46;
const MINUS = 45;
const ZERO = 48;
/** So many digits always fit into 32 bits. */
const SHORT_DIGITS = 9;
/** Powers of ten up to this one are exact, and with them the quotient of two exact numbers. */
const EXACT_POWER = 22;
const POWERS = Float64Array.from({ length: EXACT_POWER + 1 }, (_, power) => Number(`1e${power}`));
const SAFE = Number.MAX_SAFE_INTEGER;
const FIVE_DIGITS = 1e5;
const ZEROS = 0x3030_3030;
const UPPER_HALVES = 0xf0f0_f0f0;
/** Of the times between the years 2001 and 2286. */
const TIME_DIGITS = 13;

/** Points of one series. The arrays are larger than `count` where they are used again. */
export class SentPoints {
  count = 0;
  times: Float64Array;
  values: Float64Array;
  /** 1: the value is off by up to 10^-14 of itself, because it has more digits than can be taken at once. */
  rough: Uint8Array;
  /** Times go up or stay; else nothing can be looked up in them. */
  ordered = true;
  /** Times of no two points are alike. */
  distinct = true;

  constructor(capacity: number) {
    this.times = new Float64Array(capacity);
    this.values = new Float64Array(capacity);
    this.rough = new Uint8Array(capacity);
  }

  /** A copy that has room for nothing more. */
  copy(): SentPoints {
    const copy = new SentPoints(0);
    copy.count = this.count;
    copy.times = this.times.slice(0, this.count);
    copy.values = this.values.slice(0, this.count);
    copy.rough = this.rough.slice(0, this.count);
    copy.ordered = this.ordered;
    copy.distinct = this.distinct;
    return copy;
  }

  /** Reads all points of some lines in place of what was there. False when their values and timestamps do not go together. */
  read(lines: readonly LineView[]): boolean {
    // No point takes less than two bytes of timestamps.
    const room = lines.reduce((sum, { timesStart, timesEnd }) => sum + ((timesEnd - timesStart + 1) >> 1), 0);
    if (room > this.times.length) Object.assign(this, new SentPoints(room));
    let count = 0;
    for (const line of lines) {
      const upTo = this.#readTimes(line, count);
      if (this.#readValues(line, count) !== upTo) return false;
      count = upTo;
    }
    this.count = count;
    this.#look();
    return true;
  }

  /** Replaces rough values by exact ones. */
  refine(lines: readonly LineView[]): void {
    let at = 0;
    for (const { buffer, valuesStart, valuesEnd } of lines) {
      for (let start = valuesStart; start < valuesEnd; at++) {
        let end = start;
        while (end < valuesEnd && buffer[end] !== COMMA) end++;
        if (this.rough[at] === 1) {
          this.values[at] = fullNumber(buffer, start, end);
          this.rough[at] = 0;
        }
        start = end + 1;
      }
    }
  }

  #readTimes({ buffer, timesStart, timesEnd }: LineView, from: number): number {
    const { times } = this;
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    let count = from;
    let at = timesStart;
    while (at < timesEnd) {
      let end = at + TIME_DIGITS;
      if (end === timesEnd || (end < timesEnd && buffer[end] === COMMA)) {
        const first = view.getUint32(at, true);
        const second = view.getUint32(at + 4, true);
        const third = view.getUint32(at + 8, true);
        const last = buffer[at + 12]!;
        // Nothing that can be in a number but digits has such upper halves.
        if ((((first ^ ZEROS) | (second ^ ZEROS) | (third ^ ZEROS)) & UPPER_HALVES) === 0 && last >= ZERO) {
          times[count++] = (fourDigits(first) * 10_000 + fourDigits(second)) * FIVE_DIGITS + (fourDigits(third) * 10 + last - ZERO);
          at = end + 1;
          continue;
        }
      }
      end = at;
      while (end < timesEnd && buffer[end] !== COMMA) end++;
      times[count++] = fullNumber(buffer, at, end);
      at = end + 1;
    }
    return count;
  }

  #readValues({ buffer, valuesStart, valuesEnd }: LineView, from: number): number {
    const { values, rough } = this;
    const room = values.length;
    let count = from;
    let at = valuesStart;
    while (at < valuesEnd) {
      if (count >= room) return -1;
      const start = at;
      const negative = buffer[at] === MINUS;
      if (negative) at++;
      // A bracket stands behind the last item, so that nothing here runs over the end.
      const first = at;
      let short = 0;
      let digit = buffer[at]! - ZERO;
      while (digit >= 0 && digit <= 9 && at - first < SHORT_DIGITS) {
        short = (short * 10 + digit) | 0;
        digit = buffer[++at]! - ZERO;
      }
      let whole = short;
      while (digit >= 0 && digit <= 9) {
        whole = whole * 10 + digit;
        digit = buffer[++at]! - ZERO;
      }
      let places = 0;
      if (digit === DOT - ZERO && at > first) {
        const dot = at;
        digit = buffer[++at]! - ZERO;
        while (digit >= 0 && digit <= 9) {
          whole = whole * 10 + digit;
          digit = buffer[++at]! - ZERO;
        }
        places = at - dot - 1;
      }
      const ended = at === valuesEnd || digit === COMMA - ZERO;
      const simple = ended && at > first && places <= EXACT_POWER;
      if (simple && (whole <= SAFE || (places > 0 && whole < Number.MAX_VALUE))) {
        const value = places === 0 ? whole : whole / POWERS[places]!;
        values[count] = negative ? -value : value;
        rough[count] = whole <= SAFE ? 0 : 1;
      } else {
        while (at < valuesEnd && buffer[at] !== COMMA) at++;
        values[count] = fullNumber(buffer, start, at);
        rough[count] = 0;
      }
      count++;
      at++;
    }
    return count;
  }

  #look(): void {
    const { times, count } = this;
    let before = Number.NEGATIVE_INFINITY;
    let ordered = true;
    let distinct = true;
    for (let at = 0; at < count; at++) {
      const time = times[at]!;
      if (!(time > before)) {
        if (time === before) distinct = false;
        else ordered = false;
      }
      before = time;
    }
    this.ordered = ordered;
    this.distinct = distinct;
  }
}

/** The number that four digits make, which are the bytes of `text` from the lowest on: neighbours are joined, all at once, then the pairs. */
function fourDigits(text: number): number {
  const digits = text - ZEROS;
  const pairs = (digits * 10 + (digits >>> 8)) & 0x00ff_00ff;
  return ((pairs & 0xff) * 100 + (pairs >>> 16)) | 0;
}
