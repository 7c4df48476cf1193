/**
 * Lists of 64-bit integers as VictoriaMetrics stores them (read in `lib/encoding` of 1.147; 1.79.5 was seen to do the same).
 *
 * The first number stands in the block's header. The rest is one of: nothing (all are equal), one variable-length number (a constant
 * step), or such a number for each: the step to the next one, or the change of the step. Lists of steps are zstd frames where that pays.
 * Variable-length: 7 bits a byte, lowest first, at most 10 bytes, the sign in the lowest bit (zig-zag). Sums wrap around at 64 bits.
 */
import { zstdDecompressSync } from 'node:zlib';

/** Why bytes are no block. Becomes LSH_VM_NATIVE with the name of the sink. */
export class Undecodable extends Error {}

/** A signed 64-bit integer in two halves. */
export interface Int64 {
  hi: number;
  /** Unsigned. */
  lo: number;
}

const ZSTD_STEPS_OF_STEPS = 1;
const CONSTANT_STEP = 2;
const CONSTANT = 3;
const ZSTD_STEPS = 4;
const STEPS_OF_STEPS = 5;
const STEPS = 6;

const TWO_32 = 2 ** 32;
const SAFE = Number.MAX_SAFE_INTEGER;
const LONGEST_VARINT = 10;
const ZSTD_MAGIC = 0xfd2f_b528;
/** Magic, descriptor, a byte of length, the head of a block. */
const LEAST_FRAME_BYTES = 9;
/** What zlib takes for a chunk at least. */
const LEAST_CHUNK_BYTES = 64;

/** What stands for an infinity or a stale marker: the two ends of the range, and the number below the upper one. */
export function floatOf({ hi, lo }: Int64): number {
  if (hi === 0x7fff_ffff && lo >= 0xffff_fffe) return lo === 0xffff_ffff ? Number.POSITIVE_INFINITY : Number.NaN;
  if (hi === -0x8000_0000 && lo === 0) return Number.NEGATIVE_INFINITY;
  // The product is exact, so that the sum is rounded once.
  return hi * TWO_32 + lo;
}

/** A list as it stands in a block; see `unpackTogether` for what changes in it. */
export interface Int64List {
  count: number;
  type: number;
  first: Int64;
  data: Buffer;
  start: number;
  end: number;
}

/**
 * Decodes the numbers `[from, to)` of a list to the same places of `into`, each as the float64 nearest to it, special ones as `floatOf` has
 * them; places before `from` are left in no certain state. True when there is a special one among them. Throws `Undecodable` on an unknown
 * type, on too few or too many bytes, also behind the wanted numbers, and on wanted numbers of more than 64 bits.
 */
export function decodeInt64s(into: Float64Array, list: Int64List, from: number, to: number): boolean {
  const { type, first, start, end } = list;
  switch (type) {
    case CONSTANT: {
      if (start !== end) throw new Undecodable('a list of equal numbers has more than its first');
      const value = floatOf(first);
      into.fill(value, from, to);
      return !Number.isFinite(value);
    }
    case CONSTANT_STEP:
      return constantStep(into, first, stepOf(list), from, to);
    case STEPS:
    case STEPS_OF_STEPS:
      return steps(into, list, type === STEPS_OF_STEPS, from, to);
    case ZSTD_STEPS:
    case ZSTD_STEPS_OF_STEPS:
      unpackTogether([list]);
      return steps(into, list, list.type === STEPS_OF_STEPS, from, to);
    default:
      throw new Undecodable(`numbers are stored in a way that is not known (${type})`);
  }
}

/** The step of a list that has a constant one, where it and all numbers are exact as float64; else undefined. */
export function plainStepOf(list: Int64List): number | undefined {
  if (list.type === CONSTANT) return list.start === list.end && Math.abs(floatOf(list.first)) <= SAFE ? 0 : undefined;
  if (list.type !== CONSTANT_STEP) return undefined;
  const { hi, lo } = stepOf(list);
  const step = hi * TWO_32 + lo;
  const from = floatOf(list.first);
  return Math.abs(from) <= SAFE && Math.abs(step) <= SAFE && Math.abs(from + step * (list.count - 1)) <= SAFE ? step : undefined;
}

/**
 * Decompresses lists in place; those that are not compressed stay as they are. All frames in one go: a decompressor for each takes several
 * times as long as its work. Throws `Undecodable`, also when a frame does not say how long its content is, as the server's do.
 */
export function unpackTogether(lists: readonly Int64List[]): void {
  const packed = lists.filter(({ type }) => type === ZSTD_STEPS || type === ZSTD_STEPS_OF_STEPS);
  if (packed.length === 0) return;
  const sizes = packed.map(unpackedBytes);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const frames = packed.map(({ data, start, end }) => data.subarray(start, end));
  let plain: Buffer;
  try {
    const all = frames.length === 1 ? frames[0]! : Buffer.concat(frames);
    plain = zstdDecompressSync(all, { maxOutputLength: total, chunkSize: total + LEAST_CHUNK_BYTES });
  } catch (error) {
    throw new Undecodable('numbers cannot be decompressed', { cause: error });
  }
  if (plain.length !== total) throw new Undecodable('compressed numbers are not as long as they say');
  let at = 0;
  for (const [index, list] of packed.entries()) {
    list.type = list.type === ZSTD_STEPS ? STEPS : STEPS_OF_STEPS;
    list.data = plain;
    list.start = at;
    at += sizes[index]!;
    list.end = at;
  }
}

/** What the frame of a compressed list says of its content, in bytes (RFC 8878, 3.1.1.1); 0 for other lists. */
export function unpackedBytes({ type, data, start, end, count }: Int64List): number {
  if (type !== ZSTD_STEPS && type !== ZSTD_STEPS_OF_STEPS) return 0;
  if (end - start < LEAST_FRAME_BYTES || data.readUInt32LE(start) !== ZSTD_MAGIC) throw new Undecodable('numbers are no zstd frame');
  const descriptor = data[start + 4]!;
  const single = (descriptor & 0x20) !== 0;
  const at = start + 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  const width = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  if (at + width > end || width === 0 || width === 8) throw new Undecodable('compressed numbers do not say how long they are');
  const size = width === 1 ? data[at]! : width === 2 ? data.readUInt16LE(at) + 256 : data.readUInt32LE(at);
  if (size > count * LONGEST_VARINT) throw new Undecodable('compressed numbers are longer than they can be');
  return size;
}

function stepOf({ data, start, end }: Int64List): Int64 {
  const step = { hi: 0, lo: 0 };
  if (readInt64(data, start, end, step) !== end) throw new Undecodable('behind a constant step there is something else');
  return step;
}

function constantStep(into: Float64Array, first: Int64, step: Int64, from: number, to: number): boolean {
  let special = false;
  let { hi, lo } = first;
  for (let at = 0; at < to; at++) {
    const value = floatOf({ hi, lo });
    into[at] = value;
    special ||= at >= from && !Number.isFinite(value);
    const sum = lo + step.lo;
    hi = (hi + step.hi + (sum >= TWO_32 ? 1 : 0)) | 0;
    lo = sum >>> 0;
  }
  return special;
}

function steps(into: Float64Array, list: Int64List, ofSteps: boolean, from: number, to: number): boolean {
  const { first, count } = list;
  if (ofSteps && count < 2) throw new Undecodable('a single number has steps');
  const start = first.hi * TWO_32 + first.lo;
  if (Math.abs(start) <= SAFE && narrowSteps(into, list, start, ofSteps, to)) return false;
  return wideSteps(into, list, ofSteps, from, to);
}

/** All in float64, which is exact up to 2^53; false as soon as a number goes beyond that. */
function narrowSteps(into: Float64Array, { count, data, start, end }: Int64List, first: number, ofSteps: boolean, to: number): boolean {
  let value = first;
  let step = 0;
  let at = start;
  into[0] = value;
  for (let index = 1; index < to; index++) {
    if (at >= end) throw new Undecodable('numbers are missing');
    let byte = data[at++]!;
    let change: number;
    if (byte < 0x80) change = (byte >>> 1) ^ -(byte & 1);
    else {
      let low = byte & 0x7f;
      byte = data[at++]!;
      low |= (byte & 0x7f) << 7;
      if (byte >= 0x80) {
        byte = data[at++]!;
        low |= (byte & 0x7f) << 14;
        if (byte >= 0x80) {
          byte = data[at++]!;
          low |= (byte & 0x7f) << 21;
        }
      }
      if (byte < 0x80) change = (low >>> 1) ^ -(low & 1);
      else {
        let whole = low;
        for (let unit = 2 ** 28; byte >= 0x80; unit *= 128) {
          if (at >= end || unit > SAFE) return false;
          byte = data[at++]!;
          whole += (byte & 0x7f) * unit;
        }
        if (whole > SAFE) return false;
        change = whole % 2 === 1 ? -(whole + 1) / 2 : whole / 2;
      }
      if (at > end) throw new Undecodable('a number is cut off');
    }
    step = ofSteps ? step + change : change;
    value += step;
    if (!(Math.abs(value) <= SAFE && Math.abs(step) <= SAFE)) return false;
    into[index] = value;
  }
  checkRest(data, at, end, count - Math.max(1, to));
  return true;
}

/** In halves of 32 bits, exact throughout. */
function wideSteps(into: Float64Array, { count, first, data, start, end }: Int64List, ofSteps: boolean, from: number, to: number): boolean {
  let { hi, lo } = first;
  let stepHi = 0;
  let stepLo = 0;
  let at = start;
  let special = false;
  const change = { hi: 0, lo: 0 };
  for (let index = 0; index < to; index++) {
    if (index > 0) {
      at = readInt64(data, at, end, change);
      let changeHi = change.hi;
      let changeLo = change.lo;
      if (ofSteps) {
        const sum = stepLo + changeLo;
        changeHi = (stepHi + changeHi + (sum >= TWO_32 ? 1 : 0)) | 0;
        changeLo = sum >>> 0;
      }
      stepHi = changeHi;
      stepLo = changeLo;
      const sum = lo + stepLo;
      hi = (hi + stepHi + (sum >= TWO_32 ? 1 : 0)) | 0;
      lo = sum >>> 0;
    }
    let value = hi * TWO_32 + lo;
    if (value >= 2 ** 63 || value <= -(2 ** 63)) {
      value = floatOf({ hi, lo });
      special ||= index >= from && !Number.isFinite(value);
    }
    into[index] = value;
  }
  checkRest(data, at, end, count - Math.max(1, to));
  return special;
}

/** The rest of a list is as many numbers as it should be. Their last bytes are those without the highest bit. */
function checkRest(data: Buffer, start: number, end: number, count: number): void {
  let found = 0;
  for (let at = start; at < end; at++) found += (data[at]! >>> 7) ^ 1;
  if (found !== count || (end > start && data[end - 1]! >= 0x80)) throw new Undecodable('a list has too few numbers, or too many');
}

/** The unsigned variable-length number at `at`; gives the place behind it. */
export function readUint64(data: Buffer, at: number, end: number, into: Int64): number {
  let low = 0;
  let middle = 0;
  let high = 0;
  let place = at;
  for (let digit = 0; ; digit++) {
    if (place >= end) throw new Undecodable('a number is cut off');
    const byte = data[place++]!;
    const bits = byte & 0x7f;
    if (digit < 4) low |= bits << (7 * digit);
    else if (digit < 8) middle |= bits << (7 * (digit - 4));
    else if (digit === 8) high = bits;
    else {
      if (byte > 1) throw new Undecodable('a number is longer than 64 bits');
      high |= bits << 7;
    }
    if (byte < 0x80) break;
  }
  into.lo = (low | (middle << 28)) >>> 0;
  into.hi = (middle >>> 4) | (high << 24);
  return place;
}

/** The signed one. */
export function readInt64(data: Buffer, at: number, end: number, into: Int64): number {
  const place = readUint64(data, at, end, into);
  const sign = -(into.lo & 1);
  into.lo = (((into.lo >>> 1) | (into.hi << 31)) ^ sign) >>> 0;
  into.hi = (into.hi >>> 1) ^ sign;
  return place;
}
