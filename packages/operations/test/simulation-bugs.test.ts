/**
 * Bugs planted into the simulated world, to see that its invariants find them. One again, with everything that happened:
 *
 *   BUG=no-sweep SEED=1 node_modules/.bin/vitest run --project unit packages/operations/test/simulation-bugs.test.ts
 */
import { expect, test } from 'vitest';
import { World } from './simulation.ts';
import type { Bug } from './simulation-bugs.ts';
import { BUGS } from './simulation-bugs.ts';
import { guardedWork } from './simulation-works.ts';

/** So many schedules are tried on each. */
const SCHEDULES = 120;
const MUST_FIND = 0.9;

interface Found {
  bug: Bug;
  seed: number;
  invariant: string;
}

async function broken(seed: number, bugs: Bug[]): Promise<{ what: string; lines: string[] } | undefined> {
  const world = new World(seed, guardedWork, { bugs: new Set(bugs) });
  try {
    await world.run();
    return undefined;
  } catch (error) {
    return { what: (error as Error).message, lines: world.lines };
  }
}

async function find(bug: Bug): Promise<Found | undefined> {
  for (let seed = 1; seed <= SCHEDULES; seed += 1) {
    const found = await broken(seed, [bug]);
    if (found) return { bug, seed, invariant: found.what };
  }
  return undefined;
}

function table(found: (Found | undefined)[]): string {
  const bugs = Object.entries(BUGS) as [Bug, string][];
  const rows = bugs.map(([bug, what], at) => {
    const one = found[at];
    return `${bug.padEnd(22)} ${one ? `seed ${String(one.seed).padStart(3)}  ${one.invariant.split('\n')[0]!.slice(0, 90)}` : 'NOT FOUND'}\n${' '.repeat(23)}(${what})`;
  });
  return rows.join('\n');
}

const { BUG, SEED } = process.env;

if (BUG === undefined)
  test(`the invariants find nine of ten of ${Object.keys(BUGS).length} planted bugs within ${SCHEDULES} schedules`, {
    timeout: 600_000,
  }, async () => {
    const found: (Found | undefined)[] = [];
    for (const bug of Object.keys(BUGS) as Bug[]) found.push(await find(bug));
    console.log(table(found));
    const share = found.filter((one) => one !== undefined).length / found.length;
    expect(share, table(found)).toBeGreaterThanOrEqual(MUST_FIND);
    const last = Math.max(...found.map((one) => one?.seed ?? 0));
    for (let seed = 1; seed <= last; seed += 1) expect(await broken(seed, []), `seed ${seed} without any bug`).toBeUndefined();
  });
else
  test('one planted bug, told in full', async () => {
    const found = await broken(Number(SEED ?? 1), [BUG as Bug]);
    console.log([...(found?.lines ?? []), found?.what ?? 'nothing was found'].join('\n'));
    expect(Object.keys(BUGS)).toContain(BUG);
  });
