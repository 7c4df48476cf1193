/**
 * Hundreds of seeded storms over the real engine. One seed again, with everything that happened:
 *
 *   SEED=17 node_modules/.bin/vitest run --project unit packages/operations/test/simulation.test.ts
 *
 * SEEDS=5000 runs more of them.
 */
import { expect, test } from 'vitest';
import { World } from './simulation.ts';

const only = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const count = Number(process.env.SEEDS ?? 300);
const seeds = only === undefined ? Array.from({ length: count }, (_, at) => at + 1) : [only];
/** Lines of a failed world that are shown without SEED. */
const SHOWN_LINES = 25;

async function storm(seed: number): Promise<Record<string, number>> {
  const world = new World(seed);
  try {
    return (await world.run()).states;
  } catch (error) {
    const lines = only === undefined ? world.lines.slice(-SHOWN_LINES) : world.lines;
    const replay = `SEED=${seed} node_modules/.bin/vitest run --project unit packages/operations/test/simulation.test.ts`;
    throw new Error(`seed ${seed}: ${(error as Error).message}\nto see it again: ${replay}\n${lines.join('\n')}`, { cause: error });
  }
}

test(`every operation comes to its end through ${seeds.length} storms`, { timeout: 600_000 }, async () => {
  const states: Record<string, number> = {};
  for (const seed of seeds) for (const [state, times] of Object.entries(await storm(seed))) states[state] = (states[state] ?? 0) + times;
  // A storm that let nothing succeed, or nobody cancel, would prove little.
  if (only === undefined) expect(Object.keys(states)).toEqual(expect.arrayContaining(['succeeded', 'cancelled', 'failed', 'discarded']));
});

test('the same seed makes the same world', async () => {
  const [one, two] = [new World(4), new World(4)];
  await one.run();
  await two.run();
  expect(two.lines).toEqual(one.lines);
});
