/** How far apart services are, and whether a set of them is spread as it must be. Pure. */

/** `dc.rack.server.disk`; a shorter path has its first levels empty. */
const LEVELS = 4;

function levelsOf(location: string): string[] {
  const given = location === '' ? [] : location.split('.').slice(-LEVELS);
  return [...Array<string>(LEVELS - given.length).fill(''), ...given];
}

/** Same disk 0, same server 1, same rack 2, same data centre 3, else 4. */
export function distance(a: string, b: string): number {
  const left = levelsOf(a);
  const right = levelsOf(b);
  let equal = 0;
  while (equal < LEVELS && left[equal] === right[equal]) equal += 1;
  return LEVELS - equal;
}

/** How well a set is spread: the least distance of two, then all distances together. */
export interface Spread {
  least: number;
  sum: number;
}

export function spreadOf(locations: readonly string[]): Spread {
  let least = LEVELS;
  let sum = 0;
  for (const [at, one] of locations.entries())
    for (const other of locations.slice(at + 1)) {
      const between = distance(one, other);
      least = Math.min(least, between);
      sum += between;
    }
  return { least, sum };
}

export function isWorse(after: Spread, before: Spread): boolean {
  return after.least < before.least || (after.least === before.least && after.sum < before.sum);
}

/** Services that one data centre, rack, server and disk may hold of a set at most, as `strict_location_constraint` has it. */
export interface Constraint {
  perLevel: readonly [number, number, number, number];
  minDistance: number;
}

/** Of two replicas never more than one on a disk; nothing else is known without being told. */
export const LOOSE: Constraint = {
  perLevel: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 1],
  minDistance: 1,
};

/** Reads `3.3.2.1`; the last level is always 1. Undefined when it is no such thing. */
export function parseConstraint(text: string, minDistance = 1): Constraint | undefined {
  const parts = text.split('.').map(Number);
  if (parts.length !== LEVELS || parts.some((part) => !Number.isInteger(part) || part < 1)) return undefined;
  return { perLevel: [parts[0]!, parts[1]!, parts[2]!, 1], minDistance };
}

/** What a set breaks of a constraint, in words; nothing, where it holds. */
export function broken(locations: readonly string[], { perLevel, minDistance }: Constraint): string[] {
  const problems: string[] = [];
  const names = ['data centre', 'rack', 'server', 'disk'];
  for (const [level, most] of perLevel.entries()) {
    const counts = new Map<string, number>();
    for (const location of locations) {
      const prefix = levelsOf(location)
        .slice(0, level + 1)
        .join('.');
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
    for (const [prefix, count] of counts)
      if (count > most)
        problems.push(
          `${count} replicas on the ${names[level]} ${prefix.replace(/^\.+/, '') || '(unnamed)'}, of which it may hold ${most}`,
        );
  }
  const { least } = spreadOf(locations);
  if (locations.length > 1 && least < minDistance) problems.push(`two replicas at a distance of ${least}, which must be ${minDistance}`);
  return problems;
}
