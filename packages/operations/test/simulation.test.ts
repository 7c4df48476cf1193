/**
 * Hundreds of seeded storms over the real engine. One seed again, with everything that happened:
 *
 *   WORK=guarded SEED=17 node_modules/.bin/vitest run --project unit packages/operations/test/simulation.test.ts
 *
 * SEEDS=5000 runs more of them; FROM=1001 begins there.
 */
import { expect, test } from 'vitest';
import { type Work, World } from './simulation.ts';
import { cargoWork, guardedWork } from './simulation-works.ts';

const env = process.env;
const only = env.SEED === undefined ? undefined : Number(env.SEED);
const from = Number(env.FROM ?? 1);
const seeds = (count: number): number[] =>
  only === undefined ? Array.from({ length: Number(env.SEEDS ?? count) }, (_, at) => from + at) : [only];
/** Lines of a failed world that are shown without SEED. */
const SHOWN_LINES = 25;

const works: Record<string, { work: (world: World) => Work; seeds: number[]; states: string[] }> = {
  cargo: { work: cargoWork, seeds: seeds(150), states: ['succeeded', 'cancelled', 'failed', 'discarded'] },
  guarded: { work: guardedWork, seeds: seeds(250), states: ['succeeded', 'cancelled', 'failed', 'discarded', 'reverted'] },
};

async function storm(name: string, seed: number): Promise<Record<string, number>> {
  const world = new World(seed, works[name]!.work);
  try {
    return (await world.run()).states;
  } catch (error) {
    const lines = only === undefined ? world.lines.slice(-SHOWN_LINES) : world.lines;
    const replay = `WORK=${name} SEED=${seed} node_modules/.bin/vitest run --project unit packages/operations/test/simulation.test.ts`;
    throw new Error(`seed ${seed}: ${(error as Error).message}\nto see it again: ${replay}\n${lines.join('\n')}`, { cause: error });
  }
}

for (const [name, { seeds, states }] of Object.entries(works)) {
  if (env.WORK !== undefined && env.WORK !== name) continue;
  test(`${name}: every operation comes to its end through ${seeds.length} storms`, { timeout: 600_000 }, async () => {
    const seen: Record<string, number> = {};
    for (const seed of seeds)
      for (const [state, times] of Object.entries(await storm(name, seed))) seen[state] = (seen[state] ?? 0) + times;
    // Storms that let nothing succeed, or nobody cancel, would prove little.
    if (only === undefined) expect(Object.keys(seen)).toEqual(expect.arrayContaining(states));
  });
  test(`${name}: the same seed makes the same world`, async () => {
    const [one, two] = [new World(4, works[name]!.work), new World(4, works[name]!.work)];
    await one.run();
    await two.run();
    expect(two.lines).toEqual(one.lines);
  });
}
