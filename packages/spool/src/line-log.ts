/**
 * Append-only files of checksummed lines: `<crc32 of the JSON, 8 hex digits> <JSON>\n`.
 *
 * Nothing is ever cut off such a file, since a writer that was taken for dead may still be appending to it. Instead, a
 * writer that found a broken end writes first of all a line that says behind which byte it goes on, and readers
 * disregard what lies between that byte and this line.
 */
import { crc32 } from 'node:zlib';
import type { Json } from '@longshore/core';
import { SpoolFull } from './errors.ts';
import { type SpoolFile, type SpoolFiles, step } from './files.ts';

const BLOCK = 1 << 20;
/** Most logs are short: a large block for each would keep the collector busy. */
const FIRST_BLOCK = 16 << 10;
/** A line that is longer is damage; the longest we write (all series of one chunk) has some MB. */
export const MAX_LINE_BYTES: number = 256 << 20;

export interface LogLine {
  /** Of its first byte. */
  offset: number;
  /** Of the byte behind its line feed. */
  end: number;
  /** Undefined when the line is broken: no line feed, wrong checksum, no JSON object. */
  value: { [key: string]: Json } | undefined;
}

export function encodeLine(value: object): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  return Buffer.concat([Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} `), json, Buffer.from('\n')]);
}

function isRecord(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object in a line without its line feed, or undefined. */
export function decodeLine(line: Buffer): { [key: string]: Json } | undefined {
  if (line.length < 11 || line[8] !== 0x20) return undefined;
  const json = line.subarray(9);
  if (line.toString('latin1', 0, 8) !== crc32(json).toString(16).padStart(8, '0')) return undefined;
  try {
    const value: Json = JSON.parse(json.toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch (error) {
    // The checksum is right, so this is a line some other program has written.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Lines from byte `from` on, broken ones included; a block at a time. */
export async function* scanLines(file: SpoolFile, path: string, from = 0): AsyncGenerator<LogLine, void, undefined> {
  let parts: Buffer[] = [];
  let held = 0;
  let lineStart = from;
  let position = from;
  let room = Buffer.allocUnsafe(FIRST_BLOCK);
  for (;;) {
    const into = room;
    const at = position;
    const count = await step('read', path, () => file.read(into, at));
    if (count === 0) break;
    position += count;
    const block = into.subarray(0, count);
    let start = 0;
    for (let feed = block.indexOf(10, start); feed !== -1; feed = block.indexOf(10, start)) {
      parts.push(block.subarray(start, feed));
      const end = at + feed + 1;
      yield { offset: lineStart, end, value: decodeLine(parts.length === 1 ? parts[0]! : Buffer.concat(parts)) };
      parts = [];
      held = 0;
      lineStart = end;
      start = feed + 1;
    }
    if (start < count) {
      held += count - start;
      // What is too long to be a line stays broken to its line feed; it is not held in memory.
      if (held > MAX_LINE_BYTES) parts = [];
      else parts.push(block.subarray(start));
    }
    // What is held lies in the block: the rest of it is filled before there is another.
    if (count === into.length) room = Buffer.allocUnsafe(BLOCK);
    else if (parts.length > 0) room = into.subarray(count);
  }
  if (lineStart < position) yield { offset: lineStart, end: position, value: undefined };
}

/** The object at a known place of a log. */
export async function readLine(file: SpoolFile, path: string, offset: number, end: number): Promise<{ [key: string]: Json } | undefined> {
  const bytes = await readFully(file, path, offset, end - offset);
  return bytes === undefined ? undefined : decodeLine(bytes.subarray(0, -1));
}

/** Exactly `length` bytes, or undefined when the file ends before that. */
export async function readFully(file: SpoolFile, path: string, offset: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const rest = bytes.subarray(done);
    const at = offset + done;
    const count = await step('read', path, () => file.read(rest, at));
    if (count === 0) return undefined;
    done += count;
  }
  return bytes;
}

/** All bytes, whatever the number of calls that takes: a full disk shows first as a short write without an error. */
export async function writeFully(file: SpoolFile, path: string, bytes: Uint8Array, position: number | undefined): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done);
    const at = position === undefined ? undefined : position + done;
    const count = await step('write', path, () => file.write(rest, at));
    if (count === 0) throw SpoolFull({ path, doing: 'write', reason: `only ${done} of ${bytes.length} bytes were taken` });
    done += count;
  }
}

/** The writing end of a log. After a failed append it takes nothing more: its end may be torn. */
export class LineAppender {
  readonly path: string;
  readonly file: SpoolFile;
  /** Where the file ends if nobody else has written to it; in bytes. */
  size: number;
  #broken: unknown;
  #closed = false;

  private constructor(path: string, file: SpoolFile, size: number) {
    this.path = path;
    this.file = file;
    this.size = size;
  }

  static async open(files: SpoolFiles, path: string): Promise<LineAppender> {
    const file = await step('open', path, () => files.open(path, 'append'));
    try {
      return new LineAppender(path, file, (await step('look at', path, () => file.stat())).size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Appends in one call, so that lines of two writers do not mix. Durable only after `sync`. Returns the bytes' start. */
  async append(...values: object[]): Promise<number> {
    return this.#append(Buffer.concat(values.map((value) => encodeLine(value))));
  }

  /**
   * The first line of a new writer: on a line of its own, whatever the file ends with. What stands before it counts as broken, also where a
   * torn line lacked nothing but its line feed: nobody has read it so far.
   */
  async takeOver(value: object): Promise<void> {
    const line = encodeLine(value);
    await this.#append(this.size === 0 ? line : Buffer.concat([Buffer.from('-\n'), line]));
  }

  /** Ends whatever torn line the file may end with. */
  async startLine(): Promise<void> {
    await this.#append(Buffer.from('\n'));
  }

  async #append(bytes: Buffer): Promise<number> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      await writeFully(this.file, this.path, bytes, undefined);
    } catch (error) {
      this.#broken = error;
      throw error;
    }
    const start = this.size;
    this.size += bytes.length;
    return start;
  }

  async sync(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      await step('flush', this.path, () => this.file.sync());
    } catch (error) {
      // After a failed flush the system may have dropped the pages and call the next one a success.
      this.#broken = error;
      throw error;
    }
  }

  /** Whether only this appender has written since it was opened, and the file still has a name. */
  async undisturbed(): Promise<'yes' | 'others wrote' | 'removed'> {
    const { size, links } = await step('look at', this.path, () => this.file.stat());
    if (links === 0) return 'removed';
    return size === this.size ? 'yes' : 'others wrote';
  }

  /** Closing twice is harmless; not closing is not: Node ends a process that forgets an open file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await step('close', this.path, () => this.file.close());
  }
}
