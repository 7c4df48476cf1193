/** Counts what is not a plain point, with one example each. */
import type { SourceProblem } from '../../model.ts';

const EXAMPLE_CHARS = 160;

export class Problems {
  readonly #metric: string;
  readonly #found = new Map<SourceProblem['kind'], SourceProblem>();

  constructor(metric: string) {
    this.#metric = metric;
  }

  add(kind: SourceProblem['kind'], count: number, example: () => string): void {
    const known = this.#found.get(kind);
    if (known !== undefined) known.count += count;
    else this.#found.set(kind, { kind, metric: this.#metric, count, example: example().slice(0, EXAMPLE_CHARS) });
  }

  list(): SourceProblem[] {
    return [...this.#found.values()];
  }
}
