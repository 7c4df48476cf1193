/** Blocks on their way from a reply to whoever decodes them: many are decompressed in one go, which takes a fraction of the time. */
import type { BlockHead } from './block.ts';
import { unpackedBytes, unpackTogether } from './int64s.ts';

/** So many bytes are decompressed together at most, and one block more. */
const MOST_TAKEN_BYTES = 1024 * 1024;

export class TakenBlocks<T> {
  readonly #look: (of: T, head: BlockHead) => void;
  #blocks: { of: T; head: BlockHead }[] = [];
  #bytes = 0;

  /** `look` is called for each block, in the order they came, with its lists decompressed. */
  constructor(look: (of: T, head: BlockHead) => void) {
    this.#look = look;
  }

  /** Throws `Undecodable`, and what `look` throws. */
  add(of: T, head: BlockHead): void {
    this.#blocks.push({ of, head });
    this.#bytes += unpackedBytes(head.times) + unpackedBytes(head.values);
    if (this.#bytes > MOST_TAKEN_BYTES) this.settle();
  }

  /** To be called before the bytes of what was added change. Throws as `add`. */
  settle(): void {
    const blocks = this.#blocks;
    this.#blocks = [];
    this.#bytes = 0;
    unpackTogether(blocks.flatMap(({ head }) => [head.times, head.values]));
    for (const { of, head } of blocks) this.#look(of, head);
  }
}
