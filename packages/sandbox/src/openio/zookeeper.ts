/** The election nodes: sequence nodes below one key for each base, seen to come and go by whoever watches. */
import { createHash } from 'node:crypto';

export interface ElectionNode {
  seq: number;
  id: string;
}

/** `KEY` of a base: SHA-256 of its name and type. */
export function electionKey(base: string): string {
  return createHash('sha256').update(`${base}@meta2`).digest('hex').toUpperCase();
}

export class ElectionNodes {
  readonly #nodes = new Map<string, ElectionNode[]>();
  readonly #counters = new Map<string, number>();
  readonly #watchers: ((base: string, gone: ElectionNode) => void)[] = [];

  onGone(watch: (base: string, gone: ElectionNode) => void): void {
    this.#watchers.push(watch);
  }

  create(base: string, id: string): number {
    const seq = this.#counters.get(base) ?? 0;
    this.#counters.set(base, seq + 1);
    this.#nodes.set(base, [...this.list(base), { seq, id }]);
    return seq;
  }

  /** Lowest sequence first. */
  list(base: string): ElectionNode[] {
    return this.#nodes.get(base) ?? [];
  }

  remove(base: string, seq: number): void {
    const gone = this.list(base).find((node) => node.seq === seq);
    if (!gone) return;
    this.#nodes.set(
      base,
      this.list(base).filter((node) => node.seq !== seq),
    );
    for (const watch of this.#watchers) watch(base, gone);
  }

  /** A session ends: all nodes of a service go. */
  drop(id: string): void {
    for (const [base, nodes] of this.#nodes) for (const node of nodes) if (node.id === id) this.remove(base, node.seq);
  }
}
