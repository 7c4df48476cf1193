/**
 * The points of one series, from `dps` to import lines. Nearly all of a reply goes through `#scanPlain`, one loop over plain
 * entries that reads and copies by words of four bytes; whatever it does not know is left to `#scanAny`, entry by entry.
 */
import type { SourceProblem, TimeRange } from '../../model.ts';
import { MAX_POINTS_PER_LINE } from '../../model.ts';
import { pointLaneA, pointLaneB, TIMESTAMP_SPLIT, timestampLaneA, timestampLaneB } from '../../point-hash.ts';
import * as byte from './bytes.ts';
import type { ReplyInput } from './input.ts';
import type { LineHead } from './labels.ts';
import type { Lines } from './lines.ts';
import { MAX_NUMBER_BYTES } from './lines.ts';
import type { Problems } from './problems.ts';

/** What becomes of the points of the series. */
export type Mode = 'emit' | 'hold' | 'drop';

export type PointsStep = 'closed' | 'need-input' | 'need-output';

export interface PointRules {
  frame: TimeRange;
  asked: TimeRange;
  seconds: boolean;
}

const MAX_TIMESTAMP_DIGITS = 13;
/** Powers of ten up to this one are exact, and with them product and quotient with a whole number that is. */
const EXACT_POWER = 22;
const POWERS = Float64Array.from({ length: EXACT_POWER + 1 }, (_, power) => Number(`1e${power}`));
const SAFE = Number.MAX_SAFE_INTEGER;
const FLOAT = new Float64Array(1);
/** Its two halves; which is which does not matter, as long as it is the same everywhere on one kind of machine. */
const HALVES = new Int32Array(FLOAT.buffer);
const FOUR_ZEROS = 0x30303030;
/** Added to four bytes less their `FOUR_ZEROS`, carries into the upper half of each that is above 9. */
const ABOVE_NINE = 0x06060606;
const UPPER_HALVES = 0xf0f0f0f0 | 0;

/** Four ASCII digits, first one lowest in the word, less `FOUR_ZEROS`: their number. */
function fourDigits(word: number): number {
  const pairs = Math.imul(word, 10) + (word >>> 8);
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff);
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;

/** A value that begins with a quote ends with one, else it would not have been taken for a value. */
function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1) : value;
}

/** The text of a number, also of one in quotes; undefined for anything else. */
function plainNumber(value: string): string | undefined {
  const bare = unquoted(value);
  return bare.length <= MAX_NUMBER_BYTES && NUMBER.test(bare) ? bare : undefined;
}

/** What kind of no number a value is; undefined when it should not be in a reply at all. */
function problemOf(value: string): SourceProblem['kind'] | undefined {
  const bare = unquoted(value);
  if (bare === 'null') return 'null';
  if (/^[-+]?Inf(inity)?$/i.test(bare)) return 'infinite';
  return /^[-+]?NaN$/i.test(bare) || value.startsWith('"') || value === 'true' || value === 'false' ? 'nan' : undefined;
}

/** The timestamp of 13 digits that stands there. */
function timeAt(view: DataView, at: number): number {
  const upper = fourDigits(view.getInt32(at, true) ^ FOUR_ZEROS) * 10_000 + fourDigits(view.getInt32(at + 4, true) ^ FOUR_ZEROS);
  return upper * TIMESTAMP_SPLIT + fourDigits(view.getInt32(at + 8, true) ^ FOUR_ZEROS) * 10 + view.getUint8(at + 12) - byte.ZERO;
}

export class SeriesPoints {
  /** Of the current series: points written, the least and greatest of their times. */
  points = 0;
  firstMs = 0;
  greatestMs = 0;
  /** Time of the point written last. */
  lastMs: number = Number.NEGATIVE_INFINITY;
  laneA = 0;
  laneB = 0;
  /** The same of whole points; of no use once a value was met whose float64 is not known at once. */
  pointA = 0;
  pointB = 0;
  exact = true;
  mode: Mode = 'emit';
  /** Line bodies of a series in mode `hold`. */
  held: Buffer[] = [];
  heldBytes = 0;

  readonly #input: ReplyInput;
  readonly #lines: Lines;
  readonly #head: LineHead;
  readonly #rules: PointRules;
  readonly #problems: Problems;
  #listForm = true;
  #first = true;

  constructor(input: ReplyInput, lines: Lines, head: LineHead, rules: PointRules, problems: Problems) {
    this.#input = input;
    this.#lines = lines;
    this.#head = head;
    this.#rules = rules;
    this.#problems = problems;
  }

  beginSeries(): void {
    this.points = 0;
    this.lastMs = Number.NEGATIVE_INFINITY;
    this.laneA = 0;
    this.laneB = 0;
    this.pointA = 0;
    this.pointB = 0;
    this.exact = true;
    this.mode = 'emit';
    this.held = [];
    this.heldBytes = 0;
  }

  /** The input stands at the bracket that opens `dps`. */
  beginPoints(listForm: boolean): void {
    this.#listForm = listForm;
    this.#first = true;
  }

  /** Goes on until the closing bracket (and past it), the end of the input, or a full output. Throws a `SyntaxError` with the reason. */
  scan(): PointsStep {
    const lines = this.#lines;
    for (;;) {
      if (lines.isOpen && (lines.points >= MAX_POINTS_PER_LINE || lines.at > lines.limit)) this.#closeLine();
      if (!lines.isOpen && !lines.begin(this.mode === 'emit' ? this.#head : undefined)) return 'need-output';
      this.#scanPlain();
      if (lines.points >= MAX_POINTS_PER_LINE || lines.at > lines.limit) continue;
      const result = this.#scanAny();
      if (result === 'closed') this.#closeLine();
      if (result !== 'entry' && result !== 'new-line') return result;
    }
  }

  #closeLine(): void {
    if (this.mode === 'emit') this.#lines.close();
    else if (this.mode === 'drop') this.#lines.drop();
    else {
      const body = this.#lines.hold();
      if (body === undefined) return;
      this.held.push(body);
      this.heldBytes += body.length;
    }
  }

  /** Entries of the form `,[1678233600000,1.5]` or `,"1678233600000":1.5`, in the frame and ascending. Stops before the first that is not. */
  #scanPlain(): void {
    const input = this.#input;
    const lines = this.#lines;
    const bytes = input.bytes;
    const view = input.view;
    const out = lines.out;
    const outView = lines.view;
    const timesView = lines.timesView;
    const listForm = this.#listForm;
    const opening = listForm ? byte.OPEN_LIST : byte.QUOTE;
    const behindTime = listForm ? byte.COMMA : byte.QUOTE;
    const valueOffset = listForm ? 16 : 17;
    const { startMs, stopMs } = this.#rules.frame;
    const limit = lines.limit;
    const outEnd = limit + MAX_NUMBER_BYTES;
    const room = MAX_POINTS_PER_LINE - lines.points;

    // In front of the first entry stands the opening bracket where the others have a comma.
    let leading = this.#first ? (listForm ? byte.OPEN_LIST : byte.OPEN_OBJECT) : byte.COMMA;
    let at = input.at;
    let outAt = lines.at;
    let timesAt = lines.timesAt;
    let count = 0;
    let laneA = this.laneA;
    let laneB = this.laneB;
    let pointA = this.pointA;
    let pointB = this.pointB;
    let exact = this.exact;
    let lastMs = this.lastMs;
    // The upper eight digits change rarely: they are kept as two words, and the bounds as bounds of the lower five.
    let word0 = 0;
    let word1 = 0;
    let hi = 0;
    let least = 0;
    let bound = 0;
    let lastLo = -1;

    while (count < room && outAt <= limit) {
      if (bytes[at] !== leading || bytes[at + 1] !== opening || bytes[at + 15] !== behindTime) break;
      const next0 = view.getInt32(at + 2, true);
      const next1 = view.getInt32(at + 6, true);
      if (next0 !== word0 || next1 !== word1) {
        const digits0 = next0 ^ FOUR_ZEROS;
        const digits1 = next1 ^ FOUR_ZEROS;
        if ((digits0 & 0xff) === 0) break;
        if ((((digits0 + ABOVE_NINE) | digits0 | (digits1 + ABOVE_NINE) | digits1) & UPPER_HALVES) !== 0) break;
        if (lastLo >= 0) lastMs = hi * TIMESTAMP_SPLIT + lastLo;
        lastLo = -1;
        word0 = next0;
        word1 = next1;
        hi = fourDigits(digits0) * 10_000 + fourDigits(digits1);
        const base = hi * TIMESTAMP_SPLIT;
        least = Math.max(0, Math.min(TIMESTAMP_SPLIT, Math.max(lastMs + 1, startMs) - base));
        bound = Math.max(0, Math.min(TIMESTAMP_SPLIT, stopMs - base));
      }
      const next2 = view.getInt32(at + 10, true);
      const digits2 = next2 ^ FOUR_ZEROS;
      const digit = bytes[at + 14]! - byte.ZERO;
      if ((((digits2 + ABOVE_NINE) | digits2) & UPPER_HALVES) !== 0 || digit >>> 0 > 9) break;
      const lo = fourDigits(digits2) * 10 + digit;
      if (lo < least || lo >= bound) break;

      let from = at + valueOffset;
      let to = outAt;
      let found = bytes[from]!;
      if (!listForm && bytes[at + 16] !== byte.COLON) break;
      const negative = found === byte.MINUS;
      if (negative) {
        out[to++] = found;
        found = bytes[++from]!;
      }
      if (found === byte.ZERO && byte.isDigit(bytes[from + 1])) break;
      let part = from;
      let whole = 0;
      let scale = 0;
      for (;;) {
        const word = view.getInt32(from, true);
        const digits = word ^ FOUR_ZEROS;
        if ((((digits + ABOVE_NINE) | digits) & UPPER_HALVES) !== 0 || to >= outEnd) break;
        outView.setInt32(to, word, true);
        whole = whole * 10_000 + fourDigits(digits);
        from += 4;
        to += 4;
      }
      found = bytes[from]!;
      while ((found - byte.ZERO) >>> 0 <= 9) {
        out[to++] = found;
        whole = whole * 10 + (found - byte.ZERO);
        found = bytes[++from]!;
      }
      if (from === part) break;
      if (found === byte.DOT) {
        out[to++] = found;
        part = ++from;
        for (;;) {
          const word = view.getInt32(from, true);
          const digits = word ^ FOUR_ZEROS;
          if ((((digits + ABOVE_NINE) | digits) & UPPER_HALVES) !== 0 || to >= outEnd) break;
          outView.setInt32(to, word, true);
          whole = whole * 10_000 + fourDigits(digits);
          from += 4;
          to += 4;
        }
        found = bytes[from]!;
        while ((found - byte.ZERO) >>> 0 <= 9) {
          out[to++] = found;
          whole = whole * 10 + (found - byte.ZERO);
          found = bytes[++from]!;
        }
        if (from === part) break;
        scale = part - from;
      }
      if (found === byte.UPPER_E || found === byte.LOWER_E) {
        out[to++] = found;
        found = bytes[++from]!;
        const down = found === byte.MINUS;
        if (down || found === byte.PLUS) {
          out[to++] = found;
          found = bytes[++from]!;
        }
        part = from;
        let power = 0;
        while ((found - byte.ZERO) >>> 0 <= 9 && to < outEnd) {
          out[to++] = found;
          power = power * 10 + (found - byte.ZERO);
          found = bytes[++from]!;
        }
        if (from === part) break;
        scale += down ? -power : power;
      }
      if (listForm) {
        if (found !== byte.CLOSE_LIST) break;
        from++;
      } else if (found !== byte.COMMA && found !== byte.CLOSE_OBJECT) break;
      if (to >= outEnd) break;

      out[to] = byte.COMMA;
      outAt = to + 1;
      timesView.setInt32(timesAt, next0, true);
      timesView.setInt32(timesAt + 4, next1, true);
      timesView.setInt32(timesAt + 8, next2, true);
      timesView.setInt16(timesAt + 12, (digit + byte.ZERO) | (byte.COMMA << 8), true);
      timesAt += 14;
      const timeA = timestampLaneA(hi, lo);
      const timeB = timestampLaneB(hi, lo);
      laneA = (laneA + timeA) | 0;
      laneB = (laneB + timeB) | 0;
      if (whole > SAFE || scale < -EXACT_POWER || scale > EXACT_POWER) exact = false;
      else {
        const size = scale < 0 ? whole / POWERS[-scale]! : whole * POWERS[scale]!;
        FLOAT[0] = negative && size !== 0 ? -size : size;
        pointA = (pointA + pointLaneA(timeA, HALVES[0]!, HALVES[1]!)) | 0;
        pointB = (pointB + pointLaneB(timeB, HALVES[0]!, HALVES[1]!)) | 0;
      }
      count++;
      leading = byte.COMMA;
      lastLo = lo;
      least = lo + 1;
      at = from;
    }

    if (count === 0) return;
    if (this.points === 0) {
      this.firstMs = timeAt(timesView, lines.timesAt);
      this.greatestMs = this.firstMs;
    }
    this.#first = false;
    input.at = at;
    lines.at = outAt;
    lines.timesAt = timesAt;
    lines.points += count;
    this.points += count;
    this.laneA = laneA;
    this.laneB = laneB;
    this.pointA = pointA;
    this.pointB = pointB;
    this.exact = exact;
    this.lastMs = lastLo >= 0 ? hi * TIMESTAMP_SPLIT + lastLo : lastMs;
    if (this.lastMs > this.greatestMs) this.greatestMs = this.lastMs;
  }

  /** One entry of any form, or the closing bracket. Takes nothing in unless it is whole. */
  #scanAny(): 'entry' | 'new-line' | 'closed' | 'need-input' {
    const input = this.#input;
    const { bytes, end } = input;
    let at = byte.skipSpace(bytes, this.#first ? input.at + 1 : input.at, end);
    if (at >= end) return 'need-input';
    if (bytes[at] === (this.#listForm ? byte.CLOSE_LIST : byte.CLOSE_OBJECT)) {
      input.at = at + 1;
      return 'closed';
    }
    if (!this.#first) {
      if (bytes[at] !== byte.COMMA) return this.#fail(at, 'a comma was expected between points');
      at = byte.skipSpace(bytes, at + 1, end);
    }
    if (at >= end) return 'need-input';
    if (bytes[at] !== (this.#listForm ? byte.OPEN_LIST : byte.QUOTE)) return this.#fail(at, 'a point was expected');
    const timeAt = this.#listForm ? byte.skipSpace(bytes, at + 1, end) : at + 1;
    let timeEnd = timeAt;
    while (timeEnd < end && byte.isDigit(bytes[timeEnd])) timeEnd++;
    if (timeEnd >= end) return timeEnd - timeAt > MAX_TIMESTAMP_DIGITS ? this.#fail(timeAt, 'a timestamp is too long') : 'need-input';
    if (timeEnd === timeAt || timeEnd - timeAt > MAX_TIMESTAMP_DIGITS) return this.#fail(timeAt, 'a timestamp was expected');
    at = timeEnd;
    if (!this.#listForm) {
      if (bytes[at] !== byte.QUOTE) return this.#fail(at, 'a timestamp was expected');
      at++;
    }
    at = byte.skipSpace(bytes, at, end);
    if (at >= end) return 'need-input';
    if (bytes[at] !== (this.#listForm ? byte.COMMA : byte.COLON)) return this.#fail(at, 'a value was expected');
    const valueAt = byte.skipSpace(bytes, at + 1, end);
    const valueEnd = this.#valueEnd(valueAt);
    if (valueEnd === byte.INCOMPLETE) return 'need-input';
    at = byte.skipSpace(bytes, valueEnd, end);
    if (at >= end) return 'need-input';
    if (this.#listForm) {
      if (bytes[at] !== byte.CLOSE_LIST) return this.#fail(at, 'a point was to end here');
      at++;
    } else if (bytes[at] !== byte.COMMA && bytes[at] !== byte.CLOSE_OBJECT) return this.#fail(at, 'a point was to end here');
    return this.#takeEntry(timeAt, timeEnd, valueAt, valueEnd, at);
  }

  #fail(at: number, reason: string): never {
    this.#input.at = at;
    throw new SyntaxError(reason);
  }

  /** Behind a number, a string, or a bare word such as NaN. */
  #valueEnd(at: number): number {
    const { bytes, end } = this.#input;
    if (at >= end) return byte.INCOMPLETE;
    const found = bytes[at]!;
    if (found === byte.QUOTE) {
      const close = byte.stringEnd(bytes, at + 1, end);
      if (close === byte.INVALID) this.#fail(at, 'a control character or a wrong escape in a value');
      return close < 0 ? close : close + 1;
    }
    let p = at;
    while (p < end && byte.isWordByte(bytes[p]!)) p++;
    if (p - at > MAX_NUMBER_BYTES) this.#fail(at, 'a value is too long');
    if (p >= end) return byte.INCOMPLETE;
    if (p === at) this.#fail(at, 'a value was expected');
    return p;
  }

  #takeEntry(timeAt: number, timeEnd: number, valueAt: number, valueEnd: number, next: number): 'entry' | 'new-line' {
    const input = this.#input;
    const lines = this.#lines;
    const { frame, asked, seconds } = this.#rules;
    const digits = input.bytes.toString('latin1', timeAt, timeEnd);
    const plain = Number(digits);
    // In the first months of 1970 ms have as few digits: they are taken for that where only that was asked for.
    const wasAsked = (ms: number): boolean => ms >= asked.startMs && ms < asked.stopMs;
    const inSeconds = seconds && digits.length <= 10 && (wasAsked(plain * 1000) || !wasAsked(plain));
    const time = inSeconds ? plain * 1000 : plain;
    const value = input.bytes.toString('latin1', valueAt, valueEnd);
    const number = plainNumber(value);
    const example = (): string => `${this.mode === 'emit' ? this.#head.labels : 'a series'} ${time} ${value}`;
    const problem = number === undefined ? problemOf(value) : undefined;
    if (number === undefined && problem === undefined) this.#fail(valueAt, 'a value is no number');
    const counts = this.mode !== 'drop';
    const outside = time < frame.startMs || time >= frame.stopMs;

    if (!outside && number !== undefined && time < this.lastMs && lines.points > 0) {
      // Only a line is ascending by contract; the entry is taken again, into a new one.
      this.#closeLine();
      return 'new-line';
    }
    input.at = next;
    this.#first = false;
    if (outside) {
      if (counts && (time < asked.startMs || time >= asked.stopMs)) this.#problems.add('outside-frame', 1, example);
    } else if (problem !== undefined) {
      if (counts) this.#problems.add(problem, 1, example);
    } else if (number !== undefined) {
      if (time === this.lastMs && counts) this.#problems.add('duplicate-time', 1, example);
      lines.at += lines.out.write(number, lines.at, 'latin1');
      lines.out[lines.at++] = byte.COMMA;
      lines.timesAt += lines.times.write(String(time), lines.timesAt, 'latin1');
      lines.times[lines.timesAt++] = byte.COMMA;
      lines.points++;
      const hi = Math.floor(time / TIMESTAMP_SPLIT);
      const lo = time - hi * TIMESTAMP_SPLIT;
      const timeA = timestampLaneA(hi, lo);
      const timeB = timestampLaneB(hi, lo);
      this.laneA = (this.laneA + timeA) | 0;
      this.laneB = (this.laneB + timeB) | 0;
      FLOAT[0] = Number(number) + 0; // what makes a zero of a negative one
      this.pointA = (this.pointA + pointLaneA(timeA, HALVES[0]!, HALVES[1]!)) | 0;
      this.pointB = (this.pointB + pointLaneB(timeB, HALVES[0]!, HALVES[1]!)) | 0;
      this.firstMs = this.points === 0 ? time : Math.min(this.firstMs, time);
      this.greatestMs = this.points === 0 ? time : Math.max(this.greatestMs, time);
      this.points++;
      this.lastMs = time;
    }
    return 'entry';
  }
}
