/** From the tags of a reply to the head of an import line. */
import { BACKSLASH, CLOSE_OBJECT, COLON, COMMA, INCOMPLETE, INVALID, matches, OPEN_OBJECT, QUOTE, skipSpace, stringEnd } from './bytes.ts';

const METRIC = Buffer.from('{"metric":');
const VALUES = Buffer.from(',"values":[');
const NAME = Buffer.from('__name__');
/** Far above what OpenTSDB can store (8 tags), far below the room a line has. */
const MAX_HEAD_BYTES = 64 * 1024;

/** The head of one series' lines, rewritten for each series: `{"metric":{"__name__":"kilda.a","host":"h1"},"values":[`. */
export class LineHead {
  readonly bytes: Buffer;
  length = 0;
  /** Why these tags cannot become labels. */
  bad: string | undefined;
  readonly #tagsAt: number;
  #labelsEnd = 0;
  #out = 0;

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
    this.#finish(out);
    return p + 1;
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
    bytes[out++] = QUOTE;
    for (let p = at + 1; p < end; p++) {
      const byte = input[p]!;
      bytes[out++] = byte;
      if (byte === QUOTE) {
        this.#out = out;
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
    const text = rewritten(input.toString('utf8', at, close + 1));
    if (text === undefined || text.length > MAX_HEAD_BYTES) return INVALID;
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
