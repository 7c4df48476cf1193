/**
 * Evens out how many items each place has, where every item is at one of a few places. Pure.
 *
 * From the fullest place on, the shortest chain of items that can each go one place further is sought, ending where there are at least two
 * less. A place without such a chain is settled: no other chain can lead through what can be reached from it, else it would have had one. At
 * the end no item, and no chain of items, could make it more even (Harvey et al., "Semi-matchings for bipartite graphs").
 */

export interface Choice {
  /** Where it is. */
  at: number;
  /** Where it may be. */
  places: readonly number[];
}

/** Moves items in place. `base` is what each place has besides. */
export function evenOut(items: readonly Choice[], base: readonly number[]): void {
  const load = [...base];
  const here: Set<Choice>[] = base.map(() => new Set());
  for (const item of items) {
    load[item.at]! += 1;
    here[item.at]!.add(item);
  }
  const settled = new Set<number>();
  for (;;) {
    const from = fullest(load, settled);
    if (from === undefined) return;
    const chain = shortestChain(from, load, here, settled);
    if (!chain) {
      settled.add(from);
      continue;
    }
    for (const { item, to } of chain) {
      here[item.at]!.delete(item);
      here[to]!.add(item);
      item.at = to;
    }
    load[from]! -= 1;
    load[chain[0]!.to]! += 1;
  }
}

interface Step {
  item: Choice;
  to: number;
}

function fullest(load: readonly number[], settled: ReadonlySet<number>): number | undefined {
  let found: number | undefined;
  for (let at = 0; at < load.length; at += 1) if (!settled.has(at) && (found === undefined || load[at]! > load[found]!)) found = at;
  return found;
}

/** Breadth first. The last step comes first. */
function shortestChain(
  from: number,
  load: readonly number[],
  here: readonly ReadonlySet<Choice>[],
  settled: ReadonlySet<number>,
): Step[] | undefined {
  const cameBy = new Map<number, Step & { before: number }>();
  const queue = [from];
  for (let head = 0; head < queue.length; head += 1) {
    const at = queue[head]!;
    for (const item of here[at]!)
      for (const to of item.places) {
        if (to === from || cameBy.has(to) || settled.has(to)) continue;
        cameBy.set(to, { item, to, before: at });
        if (load[to]! <= load[from]! - 2) return unwound(to, from, cameBy);
        queue.push(to);
      }
  }
  return undefined;
}

function unwound(last: number, from: number, cameBy: ReadonlyMap<number, Step & { before: number }>): Step[] {
  const steps: Step[] = [];
  for (let at = last; at !== from; ) {
    const step = cameBy.get(at)!;
    steps.push({ item: step.item, to: step.to });
    at = step.before;
  }
  return steps;
}
