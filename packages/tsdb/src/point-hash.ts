/**
 * A hash over a multiset of timestamps: the sum, in two independent 32-bit lanes, of a mix of each. Adding is all it takes,
 * so order does not matter, parts can be hashed apart and merged, and memory is per series, never per point.
 *
 * A timestamp goes in as two decimal parts, `hi = floor(ms / 100000)` and `lo = ms mod 100000`: both fit a 32-bit integer,
 * and a scanner has them from the digits without ever making a large number.
 */

/** Where a timestamp in ms is cut into its two parts. */
export const TIMESTAMP_SPLIT = 100_000;

export function timestampLaneA(hi: number, lo: number): number {
  let x = (Math.imul(hi, 0x9e3779b1) + Math.imul(lo, 0x85ebca77)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  return x ^ (x >>> 15);
}

export function timestampLaneB(hi: number, lo: number): number {
  let x = (Math.imul(hi, 0xc2b2ae3d) + Math.imul(lo, 0x27d4eb2f)) | 0;
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 13);
}

/**
 * A point goes into a second sum with the lanes of its timestamp and the two halves of its value's float64 bits, so that equal sums mean
 * equal multisets of points, at odds of 2^64 to one. Zero is zero, whatever its sign: so sinks have it.
 */
export function pointLaneA(timeLaneA: number, low: number, high: number): number {
  let x = (timeLaneA + Math.imul(low, 0x9e3779b1) + Math.imul(high, 0xc2b2ae3d)) | 0;
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  return x ^ (x >>> 13);
}

export function pointLaneB(timeLaneB: number, low: number, high: number): number {
  let x = (timeLaneB + Math.imul(low, 0x85ebca77) + Math.imul(high, 0x27d4eb2f)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b5);
  return x ^ (x >>> 14);
}

/** The two lanes as 16 hex digits, as a `SeriesDigest` holds them. */
export function hashText(a: number, b: number): string {
  return laneText(a) + laneText(b);
}

/** Digits of all numbers below 4096: every series of every frame has its hash written. */
const THREE_DIGITS: readonly string[] = Array.from({ length: 4096 }, (_, number) => number.toString(16).padStart(3, '0'));

function laneText(lane: number): string {
  return THREE_DIGITS[lane >>> 20]! + THREE_DIGITS[(lane >>> 8) & 0xfff]! + THREE_DIGITS[lane & 0xff]!.slice(1);
}

/** The hash of two multisets together, from the hashes of each. */
export function addedHashes(one: string, other: string): string {
  const [a, b] = [lanesOf(one), lanesOf(other)];
  return hashText((a[0] + b[0]) | 0, (a[1] + b[1]) | 0);
}

/** What `hashText` was made of. */
export function lanesOf(hash: string): [a: number, b: number] {
  return [Number.parseInt(hash.slice(0, 8), 16) | 0, Number.parseInt(hash.slice(8), 16) | 0];
}

/** The running hash of the timestamps of one series. */
export class TimestampHash {
  points = 0;
  a = 0;
  b = 0;

  /** `hi` and `lo` as described above. */
  add(hi: number, lo: number): void {
    this.points++;
    this.a = (this.a + timestampLaneA(hi, lo)) | 0;
    this.b = (this.b + timestampLaneB(hi, lo)) | 0;
  }

  addMs(ms: number): void {
    const hi = Math.floor(ms / TIMESTAMP_SPLIT);
    this.add(hi, ms - hi * TIMESTAMP_SPLIT);
  }

  /** Adds what another hash, or a stored digest, holds. */
  merge(other: { points: number; hash: string }): void {
    this.points += other.points;
    this.a = (this.a + Number.parseInt(other.hash.slice(0, 8), 16)) | 0;
    this.b = (this.b + Number.parseInt(other.hash.slice(8), 16)) | 0;
  }

  /** 16 hex digits. */
  get hash(): string {
    return hashText(this.a, this.b);
  }
}

const FLOAT = new Float64Array(1);
const HALVES = new Int32Array(FLOAT.buffer);

/** The running hash of the points of one series. */
export class PointSum {
  points = 0;
  #a = 0;
  #b = 0;

  /** Rows `[from, to)`: times in ms, and values. */
  addRows(times: Float64Array, values: Float64Array, from: number, to: number): void {
    let a = this.#a;
    let b = this.#b;
    for (let at = from; at < to; at++) {
      const time = times[at]!;
      const hi = Math.floor(time / TIMESTAMP_SPLIT);
      const lo = time - hi * TIMESTAMP_SPLIT;
      FLOAT[0] = values[at]! + 0; // what makes a zero of a negative one
      const low = HALVES[0]!;
      const high = HALVES[1]!;
      a = (a + pointLaneA(timestampLaneA(hi, lo), low, high)) | 0;
      b = (b + pointLaneB(timestampLaneB(hi, lo), low, high)) | 0;
    }
    this.#a = a;
    this.#b = b;
    this.points += Math.max(0, to - from);
  }

  /** What was hashed elsewhere. */
  add(points: number, [a, b]: [number, number]): void {
    this.points += points;
    this.#a = (this.#a + a) | 0;
    this.#b = (this.#b + b) | 0;
  }

  equals(other: PointSum): boolean {
    return this.points === other.points && this.#a === other.#a && this.#b === other.#b;
  }

  /** 16 hex digits. */
  get hash(): string {
    return hashText(this.#a, this.#b);
  }
}
