/** How many bytes of reply a metric had per ms, remembered so that the next range begins with frames of the right size. */
const MAX_REMEMBERED = 50_000;

export class DensityMemory {
  readonly #bytesPerMs = new Map<string, number>();

  get(key: string): number | undefined {
    return this.#bytesPerMs.get(key);
  }

  /** The oldest entry is forgotten when there are too many. */
  set(key: string, bytesPerMs: number): void {
    this.#bytesPerMs.delete(key);
    this.#bytesPerMs.set(key, bytesPerMs);
    if (this.#bytesPerMs.size <= MAX_REMEMBERED) return;
    const oldest = this.#bytesPerMs.keys().next();
    if (!oldest.done) this.#bytesPerMs.delete(oldest.value);
  }
}
