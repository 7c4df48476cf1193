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

/** The two lanes as 16 hex digits, as a `SeriesDigest` holds them. */
export function timestampHashText(a: number, b: number): string {
  return laneText(a) + laneText(b);
}

/** Digits of all numbers below 4096: every series of every frame has its hash written. */
const THREE_DIGITS: readonly string[] = Array.from({ length: 4096 }, (_, number) => number.toString(16).padStart(3, '0'));

function laneText(lane: number): string {
  return THREE_DIGITS[lane >>> 20]! + THREE_DIGITS[(lane >>> 8) & 0xfff]! + THREE_DIGITS[lane & 0xff]!.slice(1);
}

/** The running hash of one series. */
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
    return timestampHashText(this.a, this.b);
  }
}
