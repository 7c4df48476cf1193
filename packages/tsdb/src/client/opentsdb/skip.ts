/**
 * Passes over a JSON value nobody wants, of any length, chunk by chunk. It must be one all the same: where a value ends is known only by its
 * grammar, and a bracket or a quote that was damaged on the way would take what stands behind it along, unseen.
 */
import * as byte from './bytes.ts';
import type { ReplyInput } from './input.ts';

/** Deeper than any reply. */
const MOST_DEPTH = 256;
const LONGEST_WORD = 256;
const WORD = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|NaN|-?Infinity)$/;

type Expected = 'value' | 'first-item' | 'first-key' | 'key' | 'colon' | 'next';

export class SkippedValue {
  readonly #input: ReplyInput;
  /** The brackets that will close what is open. */
  #open: number[] = [];
  #expected: Expected = 'value';
  /** The string that is open: what comes behind it. */
  #inString: Expected | undefined;

  constructor(input: ReplyInput) {
    this.#input = input;
  }

  begin(): void {
    this.#open = [];
    this.#expected = 'value';
    this.#inString = undefined;
  }

  /** True when the input stands behind the value; false when it needs more. Throws a `SyntaxError` with the reason. */
  scan(): boolean {
    const input = this.#input;
    for (;;) {
      if (this.#inString !== undefined && !this.#passString(this.#inString)) return false;
      if (this.#expected === 'next' && this.#open.length === 0) return true;
      input.at = byte.skipSpace(input.bytes, input.at, input.end);
      if (input.at >= input.end) return false;
      if (!this.#passToken(input.bytes[input.at]!)) return false;
    }
  }

  #passToken(found: number): boolean {
    const input = this.#input;
    const expected = this.#expected;
    const close = this.#open.at(-1);
    if (found === close && (expected === 'next' || expected === 'first-item' || expected === 'first-key')) {
      this.#open.pop();
      this.#expected = 'next';
    } else if (found === byte.COMMA && expected === 'next') this.#expected = close === byte.CLOSE_LIST ? 'value' : 'key';
    else if (found === byte.COLON && expected === 'colon') this.#expected = 'value';
    else if (expected === 'key' || expected === 'first-key') {
      if (found !== byte.QUOTE) throw new SyntaxError('a key was expected');
      this.#inString = 'colon';
    } else if (expected === 'value' || expected === 'first-item') {
      if (found === byte.QUOTE) this.#inString = 'next';
      else if (found === byte.OPEN_LIST || found === byte.OPEN_OBJECT) {
        if (this.#open.length >= MOST_DEPTH) throw new SyntaxError('it is nested too deep');
        this.#open.push(found === byte.OPEN_LIST ? byte.CLOSE_LIST : byte.CLOSE_OBJECT);
        this.#expected = found === byte.OPEN_LIST ? 'first-item' : 'first-key';
      } else return this.#passWord();
    } else throw new SyntaxError(`unexpected ${JSON.stringify(String.fromCharCode(found))}`);
    input.at++;
    return true;
  }

  #passWord(): boolean {
    const { bytes, at, end } = this.#input;
    let stop = at;
    while (stop < end && byte.isWordByte(bytes[stop]!)) stop++;
    if (stop - at > LONGEST_WORD) throw new SyntaxError('a value is too long');
    if (stop >= end) return false;
    if (!WORD.test(bytes.toString('latin1', at, stop))) throw new SyntaxError('a value is none of JSON');
    this.#input.at = stop;
    this.#expected = 'next';
    return true;
  }

  /** The input stands in a string, never inside an escape. */
  #passString(behind: Expected): boolean {
    const input = this.#input;
    const { bytes, end } = input;
    for (let at = input.at; at < end; ) {
      const found = bytes[at]!;
      if (found === byte.QUOTE) {
        input.at = at + 1;
        this.#inString = undefined;
        this.#expected = behind;
        return true;
      }
      const width = found === byte.BACKSLASH ? byte.escapeWidth(bytes, at, end) : 1;
      if (width === byte.INVALID || found < 0x20) throw new SyntaxError('a control character or a wrong escape in a string');
      if (width === byte.INCOMPLETE) {
        input.at = at;
        return false;
      }
      at += width;
    }
    input.at = end;
    return false;
  }
}
