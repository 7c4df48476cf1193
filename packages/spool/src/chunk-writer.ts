import type { ChunkEntry, ChunkFacts } from './manifest.ts';

/** What a writer does to the folder it belongs to. */
export interface ChunkSteps {
  write(lines: Uint8Array): Promise<void>;
  commit(facts: ChunkFacts): Promise<ChunkEntry>;
  rollback(): Promise<void>;
  ended(): void;
}

/** Takes the import lines of one chunk, then its facts. */
export class ChunkWriter {
  readonly #steps: ChunkSteps;
  #over = false;

  constructor(steps: ChunkSteps) {
    this.#steps = steps;
  }

  /** Whole lines; the buffer is the caller's again once this has resolved. Waiting is the backpressure. */
  async write(lines: Uint8Array): Promise<void> {
    if (this.#over) throw new TypeError('the chunk is over');
    await this.#steps.write(lines);
  }

  /** The chunk is on the disk and in the manifest. When this throws, roll it back. */
  async commit(facts: ChunkFacts): Promise<ChunkEntry> {
    if (this.#over) throw new TypeError('the chunk is over');
    const entry = await this.#steps.commit(facts);
    this.#over = true;
    this.#steps.ended();
    return entry;
  }

  /** Takes back what was written since the last commit. Does nothing after a commit. */
  async rollback(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#steps.ended();
    await this.#steps.rollback();
  }
}
