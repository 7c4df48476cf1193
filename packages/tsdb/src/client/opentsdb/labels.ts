/** From the tags of a reply to the head of an import line. */
import { isUtf8 } from 'node:buffer';
import { BACKSLASH, CLOSE_OBJECT, COLON, COMMA, INCOMPLETE, INVALID, matches, OPEN_OBJECT, QUOTE, skipSpace, stringEnd } from './bytes.ts';

const METRIC = Buffer.from('{"metric":');
const VALUES = Buffer.from(',"values":[');
const NAME = Buffer.from('__name__');
/** Far above what OpenTSDB can store (8 tags), far below the room a line has. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Far above that too. */
const MAX_TAGS = 256;

/** The head of one series' lines, rewritten for each series: `{"metric":{"__name__":"kilda.a","host":"h1"},"values":[`. */
export class LineHead {
  readonly bytes: Buffer;
  length = 0;
  /** Why these tags cannot become labels. */
  bad: string | undefined;
  readonly #tagsAt: number;
  #labelsEnd = 0;
  #out = 0;
  /** All bytes of the strings read so far, or-ed: 128 and above when they are more than ASCII. */
  #bits = 0;
  /** Where the names of the tags begin, and how long they are. */
  readonly #names = new Int32Array(2 * MAX_TAGS);

  constructor(metric: string) {
    const name = `{"__name__":${JSON.stringify(metric.toWellFormed())}`;
    this.bytes = Buffer.alloc(MAX_HEAD_BYTES + 2 * VALUES.length);
    METRIC.copy(this.bytes);
    this.#tagsAt = METRIC.length + this.bytes.write(name, METRIC.length);
  }

  /** The metric object as text, as a digest names its series. */
  get labels(): string {
    return this.bytes.toString('utf8', METRIC.length, this.#labelsEnd);
  }

  /**
   * Reads a flat object of strings at `at` and makes the head from it. Returns the position behind it, INCOMPLETE or INVALID.
   * Bytes are copied as they are; strings with escapes are written anew, so that one series has one spelling.
   */
  read(input: Buffer, at: number, end: number): number {
    if (input[at] !== OPEN_OBJECT) return INVALID;
    let out = this.#tagsAt;
    this.bad = undefined;
    this.#bits = 0;
    let tags = 0;
    let p = skipSpace(input, at + 1, end);
    if (p < end && input[p] === CLOSE_OBJECT) {
      this.#finish(out);
      return p + 1;
    }
    for (;;) {
      const name = out + 1;
      this.bytes[out++] = COMMA;
      p = this.#readString(input, p, end, out);
      if (p < 0) return p;
      out = this.#out;
      if (out > MAX_HEAD_BYTES || tags >= MAX_TAGS) return INVALID;
      if (this.#isTwice(tags++, name, out - name)) this.bad = 'a tag that is named twice';
      if (out - name === 2) this.bad = 'a tag with an empty name';
      if (out - name === NAME.length + 2 && matches(this.bytes, name + 1, NAME)) this.bad = 'a tag named __name__';
      p = skipSpace(input, p, end);
      if (p >= end) return INCOMPLETE;
      if (input[p] !== COLON) return INVALID;
      this.bytes[out++] = COLON;
      p = this.#readString(input, skipSpace(input, p + 1, end), end, out);
      if (p < 0) return p;
      if (this.#out - out === 2) this.bad = 'a tag with an empty value';
      out = this.#out;
      if (out > MAX_HEAD_BYTES) return INVALID;
      p = skipSpace(input, p, end);
      if (p >= end) return INCOMPLETE;
      if (input[p] === CLOSE_OBJECT) break;
      if (input[p] !== COMMA) return INVALID;
      p = skipSpace(input, p + 1, end);
    }
    if (this.#bits >= 0x80 && !isUtf8(this.bytes.subarray(this.#tagsAt, out))) return INVALID;
    this.#finish(out);
    return p + 1;
  }

  #isTwice(tags: number, at: number, length: number): boolean {
    const { bytes } = this;
    const names = this.#names;
    names[2 * tags] = at;
    names[2 * tags + 1] = length;
    for (let other = 0; other < tags; other++)
      if (names[2 * other + 1] === length && bytes.compare(bytes, names[2 * other], names[2 * other]! + length, at, at + length) === 0)
        return true;
    return false;
  }

  /** A head without tags. */
  readNone(): void {
    this.bad = undefined;
    this.#finish(this.#tagsAt);
  }

  #finish(at: number): void {
    this.bytes[at] = CLOSE_OBJECT;
    this.#labelsEnd = at + 1;
    VALUES.copy(this.bytes, at + 1);
    this.length = at + 1 + VALUES.length;
  }

  /** Copies a string to `to`, quotes and all, and leaves the end of the copy in `#out`. Returns the position behind it, INCOMPLETE or INVALID. */
  #readString(input: Buffer, at: number, end: number, to: number): number {
    if (at >= end) return INCOMPLETE;
    if (input[at] !== QUOTE) return INVALID;
    const bytes = this.bytes;
    let out = to;
    let bits = 0;
    bytes[out++] = QUOTE;
    for (let p = at + 1; p < end; p++) {
      const byte = input[p]!;
      bytes[out++] = byte;
      bits |= byte;
      if (byte === QUOTE) {
        this.#out = out;
        this.#bits |= bits;
        return p + 1;
      }
      if (byte < 0x20) return INVALID;
      if (byte === BACKSLASH) return this.#readEscaped(input, at, end, to);
    }
    return INCOMPLETE;
  }

  #readEscaped(input: Buffer, at: number, end: number, to: number): number {
    const close = stringEnd(input, at + 1, end);
    if (close < 0) return close;
    if (!isUtf8(input.subarray(at, close + 1))) return INVALID;
    const text = rewritten(input.toString('utf8', at, close + 1));
    if (text === undefined || text.length > MAX_HEAD_BYTES) return INVALID;
    // One spelling for all: sinks make a replacement character of half a pair.
    if (/\\ud[89a-f]/.test(text) && !(JSON.parse(text) as string).isWellFormed()) this.bad = 'a tag that is no Unicode text';
    this.#out = to + this.bytes.write(text, Math.min(to, this.bytes.length));
    return close + 1;
  }
}

/** The same JSON string in the one spelling JSON.stringify gives it; undefined when it is no JSON string. */
export function rewritten(json: string): string | undefined {
  let text: unknown;
  try {
    text = JSON.parse(json);
  } catch {
    return undefined;
  }
  return JSON.stringify(text);
}
