/** How many bases each service should have. Pure. */

export interface Weighed {
  id: string;
  /** 0: it should have none. */
  weight: number;
}

/**
 * Shares `total` by weight: whole numbers, by largest remainder, ties by id; no share above `most`, which is the number of containers, since
 * a service holds a container once. What does not fit goes to the others.
 */
export function targetsOf(services: readonly Weighed[], total: number, most: number): Map<string, number> {
  const targets = new Map(services.map(({ id }) => [id, 0]));
  let open = services.filter(({ weight }) => weight > 0);
  let left = total;
  while (open.length > 0 && left > 0) {
    const shares = shared(open, left);
    const full = open.filter(({ id }) => shares.get(id)! >= most);
    if (full.length === 0) {
      for (const [id, share] of shares) targets.set(id, share);
      return targets;
    }
    for (const { id } of full) {
      targets.set(id, most);
      left -= most;
    }
    open = open.filter((one) => !full.includes(one));
  }
  return targets;
}

function shared(services: readonly Weighed[], total: number): Map<string, number> {
  const weights = services.reduce((sum, { weight }) => sum + weight, 0);
  const exact = services.map(({ id, weight }) => ({ id, share: (total * weight) / weights }));
  const shares = new Map(exact.map(({ id, share }) => [id, Math.floor(share)]));
  let left = total - [...shares.values()].reduce((sum, share) => sum + share, 0);
  // Shares that differ in the last bits only are the same.
  const remainder = ({ share }: { share: number }): number => Math.round((share - Math.floor(share)) * 1e9);
  for (const { id } of exact.sort((a, b) => remainder(b) - remainder(a) || (a.id < b.id ? -1 : 1))) {
    if (left === 0) break;
    shares.set(id, shares.get(id)! + 1);
    left -= 1;
  }
  return shares;
}
