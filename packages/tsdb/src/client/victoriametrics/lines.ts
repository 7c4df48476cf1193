/**
 * JSON lines as import takes them and export gives them, found in bytes without parsing:
 *
 *   {"metric":{"__name__":"kilda.a","host":"h1"},"values":[1,2.5],"timestamps":[1678233600000,1678233660000]}\n
 *
 * The marks between the parts cannot occur inside a label, where every quote has a backslash before it.
 */
import { BadExport } from './errors.ts';

/** Offsets into `buffer`, each part half-open: labels with their braces, values and timestamps without their brackets. */
export interface LineView {
  buffer: Buffer;
  start: number;
  /** Behind the newline. */
  end: number;
  labelsStart: number;
  labelsEnd: number;
  valuesStart: number;
  valuesEnd: number;
  timesStart: number;
  timesEnd: number;
}

const HEAD = Buffer.from('{"metric":');
const VALUES = Buffer.from('},"values":[');
const TIMES = Buffer.from('],"timestamps":[');
const NEWLINE = 10;
const BRACKET = 93;
const BRACE = 125;
const COMMA = 44;
const EXCERPT_BYTES = 120;

/** A longer line is taken for a fault of the sink: 10,000 points of 330 digits are half of it. */
export const MAX_LINE_BYTES: number = 16 * 1024 * 1024;

/** The line that begins at `start`. Throws LSH_VM_EXPORT (naming `whose`) when it is none, or not whole. */
export function viewLine(buffer: Buffer, start: number, whose: string): LineView {
  const newline = buffer.indexOf(NEWLINE, start);
  if (newline < 0) throw broken(whose, 'a line is cut off', buffer, start, buffer.length);
  const labelsStart = start + HEAD.length;
  const mark = buffer.indexOf(VALUES, labelsStart);
  if (mark < 0 || mark > newline || buffer.compare(HEAD, 0, HEAD.length, start, labelsStart) !== 0) {
    throw broken(whose, 'a line is no series', buffer, start, newline);
  }
  const valuesStart = mark + VALUES.length;
  const valuesEnd = buffer.indexOf(BRACKET, valuesStart);
  const timesStart = valuesEnd + TIMES.length;
  const timesEnd = newline - 2;
  if (
    valuesEnd < 0 ||
    timesStart > timesEnd ||
    buffer[timesEnd] !== BRACKET ||
    buffer[timesEnd + 1] !== BRACE ||
    buffer.compare(TIMES, 0, TIMES.length, valuesEnd, timesStart) !== 0
  ) {
    throw broken(whose, 'a line is no series', buffer, start, newline);
  }
  return { buffer, start, end: newline + 1, labelsStart, labelsEnd: mark + 1, valuesStart, valuesEnd, timesStart, timesEnd };
}

/** All lines of a buffer that holds whole lines only. */
export function* viewLines(buffer: Buffer, whose: string): Generator<LineView, void, undefined> {
  for (let at = 0; at < buffer.length; ) {
    const line = viewLine(buffer, at, whose);
    yield line;
    at = line.end;
  }
}

/** Items of a list without brackets: its commas and one more; none in an empty list. */
export function countItems(buffer: Buffer, start: number, end: number): number {
  if (start >= end) return 0;
  let items = 1;
  for (let at = start; at < end; at++) if (buffer[at] === COMMA) items++;
  return items;
}

/**
 * Cuts a stream of bytes at line ends: every buffer given out holds whole lines and is the receiver's to keep.
 * Throws LSH_VM_EXPORT when the stream ends inside a line, or when a line is longer than `MAX_LINE_BYTES`.
 */
export async function* wholeLines(body: AsyncIterable<Buffer>, whose: string): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of body) {
    const cut = chunk.lastIndexOf(NEWLINE) + 1;
    if (cut > 0) {
      yield restBytes === 0 ? chunk.subarray(0, cut) : Buffer.concat([...rest, chunk.subarray(0, cut)], restBytes + cut);
      rest = [];
      restBytes = 0;
    }
    if (cut < chunk.length) {
      rest.push(chunk.subarray(cut));
      restBytes += chunk.length - cut;
      if (restBytes > MAX_LINE_BYTES)
        throw BadExport({ sink: whose, reason: `a line is longer than ${MAX_LINE_BYTES} bytes`, excerpt: '' });
    }
  }
  if (restBytes > 0) {
    const tail = Buffer.concat(rest, restBytes);
    throw broken(whose, 'it ends inside a line', tail, 0, tail.length);
  }
}

function broken(whose: string, reason: string, buffer: Buffer, start: number, end: number): Error {
  return BadExport({ sink: whose, reason, excerpt: buffer.toString('utf8', start, Math.min(end, start + EXCERPT_BYTES)) });
}
