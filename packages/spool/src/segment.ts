/** The data file of one attempt, and chunks on their way into it: zstd frames, one after another. */
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, crc32, zstdCompress } from 'node:zlib';
import { errorCode, SpoolMissing } from './errors.ts';
import { type SpoolFile, type SpoolFiles, step } from './files.ts';
import { writeFully } from './line-log.ts';

/** Lines are compressed in blocks of this size, each a zstd frame. */
export const BLOCK_BYTES: number = 1 << 20;
/** Blocks being compressed or written at a time; with the one being filled, what a chunk holds of memory. */
const BLOCKS_IN_FLIGHT = 1;

const compress = promisify(zstdCompress);
/** Lines shrink to about a fifth: nearly every block comes out in one piece. */
const COMPRESSED_BYTES = 256 << 10;
/** Lines repeat themselves within a few KB. A window and a table this small compress as well, and less memory is touched for each block. */
const WINDOW_LOG = 17;
const HASH_LOG = 13;
const LEVEL_1 = {
  params: {
    [constants.ZSTD_c_compressionLevel]: 1,
    [constants.ZSTD_c_windowLog]: WINDOW_LOG,
    [constants.ZSTD_c_hashLog]: HASH_LOG,
  },
  chunkSize: COMPRESSED_BYTES,
};

/**
 * Blocks that are through, to be filled again. A new one for every MB makes the collector run for the sake of memory it does not manage:
 * a quarter of a dumper's time, measured.
 */
const spare: Buffer[] = [];
const MAX_SPARE = 16;

/** Nobody else writes into this file; it is made at the first write, so that an empty batch has none. */
export class Segment {
  #name: string;
  readonly #folder: string;
  readonly #nonce: string;
  readonly #files: SpoolFiles;
  #file: SpoolFile | undefined;
  #broken: unknown;
  /** Where the next byte goes. */
  end = 0;

  constructor(files: SpoolFiles, folder: string, generation: number, nonce: string) {
    this.#files = files;
    this.#folder = folder;
    this.#name = `data.${generation}`;
    this.#nonce = nonce;
  }

  get name(): string {
    return this.#name;
  }

  get path(): string {
    return join(this.#folder, this.#name);
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    this.#file ??= await this.#create();
    await writeFully(this.#file, this.path, bytes, this.end);
    this.end += bytes.length;
  }

  async #create(): Promise<SpoolFile> {
    return step('make', this.path, async () => {
      try {
        return await this.#files.open(this.path, 'create');
      } catch (error) {
        // The folder has got another state, or was given up: whoever did that has taken over.
        if (errorCode(error) === 'ENOENT')
          throw SpoolMissing({ path: this.#folder, what: 'the half dump was taken away' }, { cause: error });
        if (errorCode(error) !== 'EEXIST') throw error;
        // The store has given this generation out before and forgotten it.
        this.#name = `${this.#name}.${this.#nonce}`;
        return await this.#files.open(this.path, 'create');
      }
    });
  }

  async sync(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      await step('flush', this.path, async () => this.#file?.sync());
    } catch (error) {
      this.#broken = error;
      throw error;
    }
  }

  /** Goes back to `end`; the bytes behind it are given back to the disk. */
  async rewind(end: number): Promise<void> {
    this.end = end;
    await step('shorten', this.path, async () => this.#file?.truncate(end));
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await step('close', this.path, async () => file?.close());
  }
}

/** What a chunk came to on the disk. */
export interface Written {
  offset: number;
  length: number;
  crc32: number;
  lineBytes: number;
}

/** Compresses and writes the lines of one chunk; compression of one block runs beside the filling of the next. */
export class ChunkStream {
  readonly #segment: Segment;
  readonly #start: number;
  #block: Buffer | undefined;
  #filled = 0;
  #lineBytes = 0;
  #crc = 0;
  #writes: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();
  #failure: unknown;

  constructor(segment: Segment) {
    this.#segment = segment;
    this.#start = segment.end;
  }

  /** `lines` may be used again by the caller once this has resolved. */
  async write(lines: Uint8Array): Promise<void> {
    for (let done = 0; done < lines.length; ) {
      this.#block ??= spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const part = lines.subarray(done, done + BLOCK_BYTES - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      this.#lineBytes += part.length;
      done += part.length;
      if (this.#filled === BLOCK_BYTES) await this.#send();
    }
  }

  /** Starts the block's compression and lines it up behind the one before. */
  async #send(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const block = this.#block;
    if (block === undefined || this.#filled === 0) return;
    const compressed = compress(block.subarray(0, this.#filled), LEVEL_1);
    this.#block = undefined;
    this.#filled = 0;
    const before = this.#last;
    const write = async (): Promise<void> => {
      try {
        const [bytes] = await Promise.all([compressed, before]);
        if (spare.length < MAX_SPARE) spare.push(block);
        if (this.#failure !== undefined) return;
        await this.#segment.append(bytes);
        this.#crc = crc32(bytes, this.#crc);
      } catch (error) {
        this.#failure = error;
      }
    };
    this.#last = write();
    this.#writes.push(this.#last);
    if (this.#writes.length >= BLOCKS_IN_FLIGHT) await this.#writes.shift();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** All lines are in the segment, and durable. */
  async finish(): Promise<Written> {
    await this.#send();
    await this.#last;
    if (this.#failure !== undefined) throw this.#failure;
    const length = this.#segment.end - this.#start;
    if (length > 0) await this.#segment.sync();
    return { offset: this.#start, length, crc32: this.#crc, lineBytes: this.#lineBytes };
  }

  /** Waits for what is under way. */
  async settle(): Promise<void> {
    this.#failure ??= new TypeError('the chunk is over');
    await Promise.allSettled([this.#last]);
  }

  /** Waits for what is under way, then takes the chunk's bytes back. */
  async abandon(): Promise<void> {
    await this.settle();
    await this.#segment.rewind(this.#start);
  }
}
