/**
 * The reply of `/api/v1/export/native` in its parts (read in `ExportNativeHandler` of 1.147; 1.79.5 was seen to send the same).
 *
 * First and last time asked for (ms, both inclusive), 8 bytes each, big-endian with the sign in the lowest bit. Then one part for each
 * block the server has of the wanted series, in any order: length (4 bytes, big-endian) and bytes of the series' name, length and bytes of
 * the block. Blocks are whole: rows outside of the times asked for are in them, duplicates too, and nothing of dedup or downsampling is applied.
 */
import type { TimeRange } from '../../../model.ts';
import { Undecodable } from './int64s.ts';

/** Where a part is in a buffer. */
export type TakePart = (buffer: Buffer, nameStart: number, nameEnd: number, blockStart: number, blockEnd: number) => void;

/** The server refuses longer ones when it is given them. */
const LONGEST_BYTES = 1024 * 1024;
const HEAD_BYTES = 16;
const LENGTH_BYTES = 4;

export class NativeReply {
  readonly #take: TakePart;
  readonly #pause: () => void;
  readonly #head: Buffer;
  #headSeen = false;
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** Bytes that must be there before anything more can be read. */
  #need = HEAD_BYTES;

  /** `range`: half-open, as it was asked for. `pause` is called when all parts that have come so far have been handed on. */
  constructor({ startMs, stopMs }: TimeRange, take: TakePart, pause: () => void = () => undefined) {
    this.#take = take;
    this.#pause = pause;
    this.#head = Buffer.alloc(HEAD_BYTES);
    this.#head.writeBigUInt64BE(BigInt(startMs) * 2n, 0);
    this.#head.writeBigUInt64BE(BigInt(stopMs - 1) * 2n, 8);
  }

  /** Hands on the parts that are whole by now. Throws `Undecodable`. */
  push(chunk: Buffer): void {
    let at = 0;
    // Of a part that began in an earlier chunk no more is copied than it needs.
    while (this.#restBytes > 0 && at < chunk.length) {
      const piece = chunk.subarray(at, at + this.#need - this.#restBytes);
      at += piece.length;
      this.#rest.push(piece);
      this.#restBytes += piece.length;
      if (this.#restBytes < this.#need) return;
      this.#consume(Buffer.concat(this.#rest, this.#restBytes));
    }
    if (at < chunk.length) this.#consume(at === 0 ? chunk : chunk.subarray(at));
    this.#pause();
  }

  #consume(buffer: Buffer): void {
    const done = this.#parts(buffer);
    this.#rest = done < buffer.length ? [buffer.subarray(done)] : [];
    this.#restBytes = buffer.length - done;
  }

  /** Throws `Undecodable` when the reply has ended inside a part, or before its head. */
  end(): void {
    if (!this.#headSeen || this.#restBytes > 0) throw new Undecodable('the reply is cut off');
  }

  #parts(buffer: Buffer): number {
    let at = 0;
    if (!this.#headSeen) {
      if (buffer.length < HEAD_BYTES) return 0;
      if (buffer.compare(this.#head, 0, HEAD_BYTES, 0, HEAD_BYTES) !== 0)
        throw new Undecodable('the reply does not begin with the times that were asked for');
      this.#headSeen = true;
      at = HEAD_BYTES;
    }
    for (;;) {
      this.#need = LENGTH_BYTES;
      if (buffer.length - at < this.#need) return at;
      const nameStart = at + LENGTH_BYTES;
      const nameEnd = nameStart + lengthAt(buffer, at);
      this.#need = nameEnd + LENGTH_BYTES - at;
      if (buffer.length - at < this.#need) return at;
      const blockStart = nameEnd + LENGTH_BYTES;
      const blockEnd = blockStart + lengthAt(buffer, nameEnd);
      this.#need = blockEnd - at;
      if (buffer.length - at < this.#need) return at;
      this.#take(buffer, nameStart, nameEnd, blockStart, blockEnd);
      at = blockEnd;
    }
  }
}

function lengthAt(buffer: Buffer, at: number): number {
  const length = buffer.readUInt32BE(at);
  if (length > LONGEST_BYTES) throw new Undecodable(`a part is said to have ${length} bytes`);
  return length;
}
