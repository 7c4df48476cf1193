/** Rings in a directed graph. */

/**
 * One shortest ring through each node that lies on one, every ring once, starting at its smallest name.
 * Edges to unknown nodes are ignored. Quadratic at worst, for graphs of a few hundred nodes.
 */
export function findCycles(edges: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const rings = new Map<string, string[]>();
  for (const start of edges.keys()) {
    const ring = shortestWayBack(start, edges);
    if (!ring) continue;
    const first = ring.indexOf([...ring].sort()[0] ?? start);
    const turned = [...ring.slice(first), ...ring.slice(0, first)];
    rings.set(turned.join(' '), turned);
  }
  return [...rings.values()];
}

function shortestWayBack(start: string, edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const node of queue) {
    for (const next of edges.get(node) ?? []) {
      if (next === start) return wayTo(node, start, cameFrom);
      if (!edges.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(node: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way = [node];
  for (let at = node; at !== start; ) {
    at = cameFrom.get(at) ?? start;
    way.unshift(at);
  }
  return way;
}
