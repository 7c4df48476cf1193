/**
 * The rows of one metric, written so that a killed dump loses nothing and doubles nothing: rows are on the disk before the
 * metadata speaks of them, and what lies behind the last frame that is certainly whole is compared with what the source says,
 * not believed.
 */
import { isUtf8 } from 'node:buffer';
import { constants, createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, rename, rm } from 'node:fs/promises';
import { PartlyRestored } from './errors.ts';
import type { DumpMeta, KildaFolder } from './folder.ts';
import type { Row } from './rows.ts';
import { parseRow } from './rows.ts';

/** What an earlier dump has left in a file. */
export interface Found {
  /** Start of the frame of the first row, s; absent without rows. */
  firstFrameS?: number;
  /** The dump goes on with this frame, s. */
  resumeS?: number;
  /** Bytes before that frame. */
  wholeBytes: number;
  /** Time of the last whole row, ms. */
  lastMs?: number;
  /** What is not as a dump leaves it: blank lines, broken rows, repeated frames. From the frame before it everything is dumped anew. */
  irregular?: string;
}

const NEWLINE = 10;
const RETURN = 13;
const MAX_ROW_BYTES = 1 << 20;

/** Lines of a file from a byte on; see `linesIn`. */
export function fileLines(path: string, start: number, most: number = MAX_ROW_BYTES): AsyncGenerator<Buffer, void, undefined> {
  return linesIn(createReadStream(path, { start, highWaterMark: 1 << 20 }), path, most);
}

/** Lines with their ends; the last one may lack it. Throws a RangeError for a line that is longer than `most`. */
export async function* linesIn(bytes: AsyncIterable<Buffer>, path: string, most: number): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = all.indexOf(NEWLINE); end >= 0; end = all.indexOf(NEWLINE, at)) {
      yield all.subarray(at, end + 1);
      at = end + 1;
    }
    rest = all.subarray(at);
    if (rest.length > most) throw new RangeError(`${path} holds a line of more than ${most} bytes; it is no dump`);
  }
  if (rest.length > 0) yield rest;
}

/** Text of a line without its end. */
export function lineText(line: Buffer): string {
  return line.toString('utf8').replace(/\r?\n$/, '');
}

/**
 * The row in a line that ends in a line feed. Every row ends with CR LF: one without the CR was cut off before another dump wrote its line
 * feed, and its number may lack digits.
 */
export function rowIn(line: Buffer): Row | { wrong: string } {
  if (line.at(-2) !== RETURN) return { wrong: 'its line does not end in CR LF, so it was cut off' };
  return isUtf8(line) ? parseRow(lineText(line)) : { wrong: 'it is not UTF-8' };
}

/** Whether a line ends before byte `at`, or the file begins there. Undefined when it ends sooner. */
export async function lineEndsAt(path: string, at: number): Promise<boolean | undefined> {
  if (at === 0) return true;
  const handle = await open(path, 'r');
  try {
    const before = Buffer.alloc(1);
    const { bytesRead } = await handle.read(before, 0, 1, at - 1);
    return bytesRead === 0 ? undefined : before[0] === NEWLINE;
  } finally {
    await handle.close();
  }
}

/** Reads a file to its end. `frameS`: width of the frames it was written in, s. */
export function survey(path: string, frameS: number): Promise<Found> {
  return surveyLines(fileLines(path, 0), frameS);
}

/** What `survey` finds in the lines of a file. */
export async function surveyLines(lines: AsyncIterable<Buffer>, frameS: number): Promise<Found> {
  const found: Found = { wholeBytes: 0 };
  let at = 0;
  let frame: number | undefined;
  for await (const line of lines) {
    const whole = line.at(-1) === NEWLINE;
    const row = rowIn(line);
    const wrong = 'wrong' in row ? (line.length <= 2 ? 'a blank line' : row.wrong) : undefined;
    // A row that was cut off: its frame is read again anyway.
    if (!whole) break;
    if (wrong !== undefined) {
      found.irregular = `${wrong}, at byte ${at}`;
      break;
    }
    const { timestampMs } = row as Row;
    const own = Math.floor(timestampMs / 1000 / frameS) * frameS;
    if (frame !== undefined && own < frame) {
      found.irregular = `a frame stands behind a later one, at byte ${at}`;
      break;
    }
    if (own !== frame) {
      found.firstFrameS ??= own;
      found.resumeS = own;
      found.wholeBytes = at;
      frame = own;
    }
    found.lastMs = Math.max(found.lastMs ?? 0, timestampMs);
    at += line.length;
  }
  return found;
}

/** Frame width of the program that wrote the metadata; the caller's own where there is none. */
export function frameOf(meta: DumpMeta | undefined, frameS: number): number {
  if (meta === undefined) return frameS;
  const width = meta.endS - meta.startS + 1;
  return Number.isInteger(width) && width > 0 ? width : frameS;
}

/** Takes rows in their order. */
export class DumpFile {
  readonly #folder: KildaFolder;
  readonly #file: string;
  readonly #handle: FileHandle;
  #at: number;
  /** Bytes of an earlier dump behind `at`, compared with what comes. */
  #old: number;

  private constructor(folder: KildaFolder, file: string, handle: FileHandle, at: number, old: number) {
    this.#folder = folder;
    this.#file = file;
    this.#handle = handle;
    this.#at = at;
    this.#old = old;
  }

  /** Opens, or makes, the file for rows behind byte `at`. */
  static async open(folder: KildaFolder, file: string, at: number): Promise<DumpFile> {
    const handle = await open(folder.rowsPath(file), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
    return new DumpFile(folder, file, handle, at, (await handle.stat()).size);
  }

  /** Rows of whole frames, and the last of these frames that has any. */
  async write(rows: Buffer, meta: DumpMeta): Promise<void> {
    await this.#place(rows);
    await this.#handle.datasync();
    await this.#folder.setDumpMeta(this.#file, meta);
  }

  /** What an earlier dump wrote in the same place is left alone as far as it is the same: a restore may have read it. */
  async #place(rows: Buffer): Promise<void> {
    const before = Math.min(rows.length, this.#old - this.#at);
    if (before > 0) {
      const there = Buffer.alloc(before);
      await this.#handle.read(there, 0, before, this.#at);
      if (!there.equals(rows.subarray(0, before))) await this.#cut();
    }
    await this.#handle.write(rows, 0, rows.length, this.#at);
    this.#at += rows.length;
    this.#old = Math.max(this.#old, this.#at);
  }

  /** Everything behind here is gone. The restore, where it had come further, begins here. */
  async #cut(): Promise<void> {
    if ((await this.#folder.restored(this.#file)) > this.#at) await this.#folder.setRestored(this.#file, this.#at);
    await this.#handle.truncate(this.#at);
    this.#old = this.#at;
  }

  /** The end of the dump: what an earlier one had behind it is cut off. */
  async finish(): Promise<void> {
    if (this.#old > this.#at) await this.#cut();
    await this.#handle.datasync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** Puts a file out of the way, since a dump anew may not find everything again; gives its new name. */
export async function setAside(path: string, keepBytes: number): Promise<string> {
  const aside = `${path}.irregular`;
  await rm(`${path}.upd`, { force: true });
  const draft = await open(`${path}.upd`, 'w');
  try {
    if (keepBytes > 0)
      for await (const chunk of createReadStream(path, { end: keepBytes - 1 }) as AsyncIterable<Buffer>) await draft.writeFile(chunk);
    await draft.datasync();
  } finally {
    await draft.close();
  }
  await rename(path, aside);
  await rename(`${path}.upd`, path);
  return aside;
}

/** Rows of an earlier time, to be put before those that are there. Nothing of the file changes before `join`. */
export class EarlierRows {
  readonly #path: string;
  readonly #handle: FileHandle;
  bytes = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(folder: KildaFolder, file: string): Promise<EarlierRows> {
    const path = folder.rowsPath(file);
    if ((await folder.restored(file)) > 0) throw PartlyRestored({ path });
    return new EarlierRows(path, await open(`${path}.upd`, 'w'));
  }

  async write(rows: Buffer): Promise<void> {
    await this.#handle.writeFile(rows);
    this.bytes += rows.length;
  }

  /** With the file's own rows behind them, in its place. */
  async join(): Promise<void> {
    for await (const chunk of createReadStream(this.#path) as AsyncIterable<Buffer>) await this.#handle.writeFile(chunk);
    await this.#handle.datasync();
    await rename(`${this.#path}.upd`, this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
