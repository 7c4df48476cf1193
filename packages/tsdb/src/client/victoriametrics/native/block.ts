/**
 * One block of one series: up to 8192 rows (twice as many at most) as the server has them on its disk, in order of time.
 *
 * As variable-length numbers: first and last time (ms), first value, number of rows, decimal exponent; then a byte each for the encoding
 * of the times, that of the values, and the bits kept of each number; then times and values, each behind its length in bytes. A value is
 * its whole number times ten to the exponent (read in `lib/storage/block_header.go`, `lib/storage/block.go`, `lib/decimal`).
 *
 * Old versions leave out the last time and the bits (seen on 1.79.5). Nothing in a reply says which it is; the probe of a run finds out.
 */
import type { TimeRange } from '../../../model.ts';
import type { Int64, Int64List } from './int64s.ts';
import { decodeInt64s, floatOf, plainStepOf, readInt64, readUint64, Undecodable } from './int64s.ts';

/** `bare`: without the last time and the bits kept. */
export type BlockLayout = 'full' | 'bare';

/** What the server itself takes for a fault. */
const MOST_ROWS = 2 * 8192;
/** Fewer, and times and values are rounded: the server can be built so, and nothing could be compared exactly. */
const ALL_BITS = 64;
const TWO_32 = 2 ** 32;
const INT16_MIN = -(2 ** 15);
const LARGEST_POWER = 308;

/** A block in its parts. */
export interface BlockHead {
  times: Int64List;
  values: Int64List;
  exponent: number;
  /** Last time, where the block tells it. */
  last: number | undefined;
}

/** Takes the block in `[start, end)` apart. Throws `Undecodable` on anything that is not exactly one block. */
export function readHead(layout: BlockLayout, data: Buffer, start: number, end: number): BlockHead {
  const number: Int64 = { hi: 0, lo: 0 };
  const full = layout === 'full';
  let at = readInt64(data, start, end, number);
  const firstTime = { ...number };
  if (full) at = readInt64(data, at, end, number);
  const last = full ? number.hi * TWO_32 + number.lo : undefined;
  at = readInt64(data, at, end, number);
  const firstValue = { ...number };
  at = readUint64(data, at, end, number);
  const count = number.hi === 0 ? number.lo : MOST_ROWS + 1;
  if (count === 0 || count > MOST_ROWS) throw new Undecodable('a block has no rows, or more than there can be');
  at = readInt64(data, at, end, number);
  const exponent = number.hi * TWO_32 + number.lo;
  // No finite value has an exponent above; one far below makes a zero.
  if (exponent > LARGEST_POWER || exponent < INT16_MIN) throw new Undecodable('an exponent is out of range');
  const types = at;
  at += full ? 3 : 2;
  if (at > end) throw new Undecodable('a block is cut off');
  if (full && data[types + 2] !== ALL_BITS) throw new Undecodable(`numbers are rounded to ${data[types + 2]} bits`);
  const list = (type: number, first: Int64): Int64List => {
    const from = readUint64(data, at, end, number);
    at = from + number.lo;
    if (number.hi !== 0 || at > end) throw new Undecodable('a block is cut off');
    return { count, type, first, data, start: from, end: at };
  };
  const times = list(data[types]!, firstTime);
  const values = list(data[types + 1]!, firstValue);
  if (at !== end) throw new Undecodable('behind a block there is something else');
  return { times, values, exponent, last };
}

/** Holds the rows of the block that was decoded last, as far as they are within the times asked for; used again and again. */
export class NativeBlock {
  /** Rows `[from, to)` of the block are there, at these places of `times` and `values`. */
  from = 0;
  to = 0;
  readonly times: Float64Array = new Float64Array(MOST_ROWS);
  /** As queries have them: stale markers are NaN. */
  readonly values: Float64Array = new Float64Array(MOST_ROWS);

  /** Decodes the rows of a block within `range`. Throws `Undecodable`. */
  decode({ times, values, exponent, last }: BlockHead, range: TimeRange): void {
    this.from = 0;
    this.to = 0;
    this.#readTimes(times, last, range);
    const special = decodeInt64s(this.values, values, this.from, this.to);
    scale(this.values, this.from, this.to, exponent, special);
  }

  /** All times are looked at, for they must be in order; only where they have a constant step no more than those asked for are needed. */
  #readTimes(list: Int64List, last: number | undefined, { startMs, stopMs }: TimeRange): void {
    const { times } = this;
    const { count } = list;
    const step = plainStepOf(list);
    const first = floatOf(list.first);
    if (step !== undefined && step > 0) {
      checkLast(first + step * (count - 1), last);
      this.from = Math.min(count, Math.max(0, Math.ceil((startMs - first) / step)));
      this.to = Math.min(count, Math.max(this.from, Math.ceil((stopMs - first) / step)));
      for (let at = this.from, time = first + step * at; at < this.to; at++, time += step) times[at] = time;
      return;
    }
    decodeInt64s(times, list, 0, count);
    let before = first;
    for (let at = 0; at < count; at++) {
      const time = times[at]!;
      if (!(time >= before)) throw new Undecodable('times are not in order');
      before = time;
    }
    checkLast(before, last);
    this.from = lowerBound(times, count, startMs);
    this.to = lowerBound(times, count, stopMs);
  }
}

function checkLast(found: number, said: number | undefined): void {
  if (!Number.isSafeInteger(found) || (said !== undefined && found !== said))
    throw new Undecodable('times are not those that the block says it has');
}

function scale(values: Float64Array, from: number, to: number, exponent: number, special: boolean): void {
  if (exponent === 0) return;
  const power = powerOfTen(Math.abs(exponent));
  for (let at = from; at < to; at++) {
    const whole = values[at]!;
    if (special && !Number.isFinite(whole)) continue;
    values[at] = exponent < 0 ? whole / power : whole * power;
  }
}

/** The first of `count` places whose time is at least `time`. */
export function lowerBound(times: Float64Array, count: number, time: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

const EXACT = Float64Array.from({ length: 32 }, (_, power) => Number(`1e${power}`));
const THIRTY_TWOS = Float64Array.from({ length: 10 }, (_, index) => Number(`1e${index * 32}`));

/** As Go has it: the product of two table entries, which now and then is a bit off the power itself. */
function powerOfTen(power: number): number {
  return power > LARGEST_POWER ? Number.POSITIVE_INFINITY : THIRTY_TWOS[power >> 5]! * EXACT[power & 31]!;
}
