/** The input side of the scanner: one buffer with the bytes not understood yet, refilled chunk by chunk. */
const INPUT_BYTES = 128 * 1024;
/** Words are read at most this far behind the last byte. */
const PADDING = 32;
/** A key, a tag object or an error larger than this is not waited for. */
const MAX_TOKEN_BYTES = 1024 * 1024;

export class ReplyInput {
  bytes!: Buffer;
  view!: DataView<ArrayBuffer>;
  /** The next byte to be understood, and the end of what has arrived. Behind the end stands a 0, where every loop over bytes stops. */
  at = 0;
  end = 0;
  /** Bytes of the reply before the buffer. */
  #before = 0;

  constructor() {
    this.#allocate(INPUT_BYTES);
  }

  /** Where `at` is in the whole reply. */
  get position(): number {
    return this.#before + this.at;
  }

  /** Bytes taken in so far. */
  get received(): number {
    return this.#before + this.end;
  }

  /** Copies from the chunk what fits; returns how many bytes, or 0 when a token is too long to be true. */
  take(chunk: Uint8Array, from: number): number {
    const unread = this.end - this.at;
    const capacity = this.bytes.length - PADDING;
    if (unread > capacity / 2) {
      if (unread > MAX_TOKEN_BYTES) return 0;
      this.#allocate(capacity * 2);
    } else if (this.at > 0) {
      this.bytes.copyWithin(0, this.at, this.end);
    }
    this.#before += this.at;
    this.at = 0;
    const count = Math.min(chunk.length - from, this.bytes.length - PADDING - unread);
    this.bytes.set(from === 0 && count === chunk.length ? chunk : chunk.subarray(from, from + count), unread);
    this.end = unread + count;
    this.bytes[this.end] = 0;
    return count;
  }

  #allocate(capacity: number): void {
    const memory = new ArrayBuffer(capacity + PADDING);
    const bytes = Buffer.from(memory);
    if (this.end > this.at) bytes.set(this.bytes.subarray(this.at, this.end));
    this.bytes = bytes;
    this.view = new DataView(memory);
  }
}
